"""The commands about alerts as an administrator types them."""

from __future__ import annotations

import datetime as dt
import json

import pytest
from alert_peers import mllp_server
from cli.test_commands import make_index, one_sentence, run

from dicomnode.node.rooms import open_stores
from dicomnode.records import (
    Acuity,
    AlertContent,
    AlertFinding,
    CodedConcept,
    Estimate,
    InstanceKey,
    Outcome,
    Verdict,
)
from dicomnode.settings import load
from dicomnode.store.jobs import new_job

RIS = '[send.alerts.ris]\nkind = "hl7"\nhost = "127.0.0.1"\nport = {port}\ntimeout_s = 1'


def test_alert_channels_are_tried_with_a_message_marked_as_a_test(a_settings_file, capsys):
    """Who acknowledges is said; one that does not makes the command fail; nothing is kept."""
    with mllp_server("AA") as server:
        make_index(a_settings_file(RIS.format(port=server.port)))
        status, out, _ = run("alerts", "test", "--json", capsys=capsys)
        assert (0, [{"name": "ris", "acknowledged": True, "answer": "AA"}]) == (status, json.loads(out))
    (text,) = server.got
    assert "TEST MESSAGE, not about a patient" in text
    assert "|T|2.5.1" in text

    status, out, err = run("alerts", "test", "ris", capsys=capsys)
    assert 1 == status
    assert "there is no answer at" in out
    assert "not every channel acknowledges" in err
    assert "[]" == run("alerts", "list", "--json", capsys=capsys)[1].strip()


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("alerts", "test", "pager"), "'pager' is not an alert channel; known: ris"),
        (("alerts", "retry", "7"), "there is no alert 7; `dicomnode alerts list` lists the alerts"),
    ],
)
def test_what_cannot_be_done_about_alerts_is_one_sentence(a_settings_file, capsys, words, says):
    """The sentence says what there is instead."""
    make_index(a_settings_file(RIS.format(port=1)))

    status, _, err = run(*words, capsys=capsys)

    assert status in (1, 2)
    assert says in one_sentence(err)


@pytest.mark.parametrize(
    ("lines", "says"),
    [
        ("[acuity.alerts]\nopacity = ['pager']", "acuity.alerts.opacity names 'pager', which is not in send.alerts"),
        (
            "[acuity.levels.urgent]\nalerts = ['x']",
            "acuity.levels.urgent.alerts names 'x', which is not in send.alerts",
        ),
        ("[send.alerts.x]\nkind = 'pigeon'", "send.alerts.x.kind must be one of"),
        ("[send.alerts.x]\nkind = 'webhook'\nurl = 'https://h/'\nsecret_file = 'none'", "send.alerts.x: secret_file"),
    ],
)
def test_wrong_alert_settings_are_one_sentence(a_settings_file, capsys, lines, says):
    """Names of channels that do not exist, unknown kinds, and secrets that cannot be read."""
    path = a_settings_file(lines)

    status, _, err = run("config", "check", capsys=capsys)

    assert 2 == status
    assert says in one_sentence(err)
    if "secret_file" in lines:
        assert str(path.parent / "none") in err, "relative paths count from the settings file"


def test_a_job_shows_who_was_told_and_when_it_was_acknowledged(a_settings_file, capsys, monkeypatch):
    """`jobs show` carries the alerts of the job with their times, as a table and as JSON."""
    path = a_settings_file(RIS.format(port=1))
    stores = open_stores(load(path, {}))
    number = _told(stores)

    out = run("jobs", "show", str(number), capsys=capsys)[1]
    assert "acknowledged: AA" in out
    assert "intracranial_hemorrhage" in out
    (alert,) = json.loads(run("jobs", "show", str(number), "--json", capsys=capsys)[1])["alerts"]
    assert ("ris", "ACKNOWLEDGED", "2026-03-01T12:00:02+00:00") == tuple(
        alert[key] for key in ("channel", "state", "acknowledged_at")
    )
    assert "acknowledged: AA" in run("alerts", "list", "--state", "acknowledged", capsys=capsys)[1]
    assert "no alerts" in run("alerts", "list", "--state", "failed", capsys=capsys)[2]


def _told(stores) -> int:
    """Number of a job whose alert has been acknowledged."""
    now = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)
    key = InstanceKey(
        study_instance_uid="1.2.3", series_instance_uid="1.2.3.1", sop_instance_uid="1.2.3.1.1",
        sop_class_uid="1.2.840.10008.5.1.4.1.1.2", transfer_syntax_uid="1.2.840.10008.1.2.1", modality="CT",
        is_own=False,
    )  # fmt: skip
    stores.instances.keep(key, b"content", calling_ae_title="CT1")
    (waiting,) = stores.instances.waiting()
    row = new_job(
        key="k", study_instance_uid="1.2.3", revision="r", rule="head", bundle="head", destinations=(), due_at=now,
        now=now,
    )  # fmt: skip
    stores.jobs.add(row, last_instance_at=waiting.last_instance_at)
    job = stores.jobs.claim("w", lease_s=60, now=now)
    code = CodedConcept("1386000", "SCT", "Intracranial hemorrhage")
    finding = AlertFinding(
        key="intracranial_hemorrhage",
        code=code,
        verdict=Verdict.PRESENT,
        estimate=Estimate(percent=90),
        acuity=Acuity.EMERGENT,
    )
    content = AlertContent(findings=(finding,), model="head", model_version="1")
    stores.results.keep(
        job, [], acuity=Acuity.EMERGENT, outcome=Outcome.FINDINGS, reason="", priority=1, now=now,
        alerts={"ris": content},
    )  # fmt: skip
    alert = stores.alerts.claim("a", channel="ris", lease_s=60, now=now)
    times = {"sent_at": now + dt.timedelta(seconds=1), "now": now + dt.timedelta(seconds=2)}
    stores.alerts.acknowledged(alert, answer="AA", **times)
    return job.id
