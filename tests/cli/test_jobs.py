"""The commands about answers as an administrator types them."""

from __future__ import annotations

import datetime as dt
import json
from io import BytesIO

import pytest
from cli.test_commands import one_sentence, run
from helpers import a_data_set
from pydicom import dcmwrite

from dicomnode.node.rooms import Stores, open_stores
from dicomnode.records import Acuity, InstanceKey, JobState, Outcome
from dicomnode.settings import load
from dicomnode.store.jobs import new_job
from dicomnode.store.results import DeliveryState, NewResult
from dicomnode.store.withdrawals import NewAnswer, Withdrawals

PACS = '[send.destinations.pacs]\nae_title = "PACS"\nhost = "127.0.0.1"\nport = 104'
NOW = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)


@pytest.fixture
def an_answered_study(a_settings_file) -> tuple[Stores, str]:
    """A study with an answer of one result, which the PACS holds."""
    stores = open_stores(load(a_settings_file(PACS), {}))
    ds = a_data_set(Modality="DX")
    file = BytesIO()
    dcmwrite(file, ds, enforce_file_format=True)
    key = InstanceKey(
        study_instance_uid=ds.StudyInstanceUID,
        series_instance_uid=ds.SeriesInstanceUID,
        sop_instance_uid=ds.SOPInstanceUID,
        sop_class_uid=ds.SOPClassUID,
        transfer_syntax_uid="1.2.840.10008.1.2.1",
        modality="DX",
        is_own=False,
    )
    stores.instances.keep(key, file.getvalue(), calling_ae_title="CT1")
    (waiting,) = stores.instances.waiting()
    row = new_job(
        key="k", study_instance_uid=ds.StudyInstanceUID, revision="r", rule="chest", bundle="chest",
        destinations=("pacs",), due_at=NOW, now=NOW,
    )  # fmt: skip
    stores.jobs.add(row, last_instance_at=waiting.last_instance_at, study_instance_uid=row["study_instance_uid"])
    job = stores.jobs.claim("w", lease_s=60, now=dt.datetime.now(dt.UTC))
    new = NewAnswer(key="a", number=1, replaces=(), seen=frozenset(), suspects=frozenset())
    stores.results.keep(
        job,
        [
            NewResult(
                role="text-sr.en", sop_instance_uid="1.2.7", sop_class_uid="1.2.840.10008.5.1.4.1.1.88.11",
                series_instance_uid="1.2.8", encoded=file.getvalue(),
            )
        ],
        acuity=Acuity.URGENT, outcome=Outcome.FINDINGS, reason="", priority=1, now=NOW,
        succeed=Withdrawals(stores.results).succeed(job, new, lambda *_: [], now=NOW),
    )  # fmt: skip
    for delivery in stores.results.claim("s", destination="pacs", lease_s=60, now=dt.datetime.now(dt.UTC)):
        stores.results.held(delivery, now=NOW)
    return stores, ds.StudyInstanceUID


def test_results_are_sent_again_by_a_command(an_answered_study, capsys):
    """A trial changes nothing; after it the results wait once more; an unknown destination is named."""
    stores, _ = an_answered_study
    status, out, err = run("jobs", "resend", "1", "--dry-run", "--json", capsys=capsys)
    assert (0, [{"destination": "pacs", "results": 1}]) == (status, json.loads(out))
    assert "nothing was changed" in err
    assert DeliveryState.HELD == stores.results.deliveries_of(1)[0]["state"]

    assert 0 == run("jobs", "resend", "1", "--destination", "pacs", capsys=capsys)[0]
    assert DeliveryState.WAITING == stores.results.deliveries_of(1)[0]["state"]
    assert JobState.IN_PROGRESS == stores.jobs.get(1).state
    status, _, err = run("jobs", "resend", "1", "--destination", "x", capsys=capsys)
    assert 2 == status
    assert "'x' is not a destination; known: pacs" in one_sentence(err)


@pytest.mark.parametrize("by", ["job", "study"])
def test_a_study_is_read_again_by_a_command(an_answered_study, capsys, by):
    """By the number of its job or by its UID; a trial changes nothing, and what is being read is said so."""
    stores, study = an_answered_study
    target = "1" if by == "job" else study
    status, out, _ = run("jobs", "reread", target, "--dry-run", "--json", capsys=capsys)
    assert (0, {"study_instance_uid": study, "jobs": [], "replaces": [1]}) == (status, json.loads(out))
    assert 1 == len(stores.jobs.list())

    status, _, err = run("jobs", "reread", target, capsys=capsys)
    assert 0 == status
    assert f"study {study} is being read again by job 2; jobs whose results will be withdrawn: 1" in " ".join(
        err.split()
    )
    assert ["chest", JobState.SCHEDULED] == [stores.jobs.list()[0][key] for key in ("bundle", "state")]
    status, _, err = run("jobs", "reread", target, capsys=capsys)
    assert 1 == status
    assert "the study is being read already, by job 2" in one_sentence(err)


def test_nothing_of_a_canceled_job_is_shown_as_waiting(an_answered_study, capsys):
    """Its results are not sent until `jobs retry`; then they wait again."""
    assert 0 == run("jobs", "resend", "1", capsys=capsys)[0]
    assert 0 == run("jobs", "cancel", "1", capsys=capsys)[0]
    assert ["text-sr.en", "pacs", "canceled"] == run("jobs", "show", "1", capsys=capsys)[1].splitlines()[-1].split()[:3]

    assert 0 == run("jobs", "retry", "1", capsys=capsys)[0]
    assert ["text-sr.en", "pacs", "waiting"] == run("jobs", "show", "1", capsys=capsys)[1].splitlines()[-1].split()[:3]


def test_results_are_withdrawn_by_a_command(an_answered_study, capsys):
    """`jobs show` says that they no longer stand, and the note waits for the PACS; twice is refused."""
    stores, _ = an_answered_study
    assert 0 == run("jobs", "withdraw", "1", "--dry-run", capsys=capsys)[0]
    shown = json.loads(run("jobs", "show", "1", "--json", capsys=capsys)[1])
    assert (1, True, None) == tuple(shown[key] for key in ("answer_revision", "answer_stands", "withdrawn_because"))

    assert 0 == run("jobs", "withdraw", "1", capsys=capsys)[0]
    shown = json.loads(run("jobs", "show", "1", "--json", capsys=capsys)[1])
    assert (False, "by_operator", "IN PROGRESS") == tuple(
        shown[key] for key in ("answer_stands", "withdrawn_because", "state")
    )
    assert [("text-sr.en", "HELD"), ("rejection.1", "WAITING")] == [(r["role"], r["state"]) for r in shown["results"]]
    assert "answer stands: no" in run("jobs", "show", "1", capsys=capsys)[1]
    status, _, err = run("jobs", "withdraw", "1", capsys=capsys)
    assert 1 == status
    assert "job 1 was withdrawn before: An operator of the AI system withdrew it." in one_sentence(err)
    status, _, err = run("jobs", "withdraw", "7", capsys=capsys)
    assert (1, "error: there is no job 7; `dicomnode jobs list` lists the jobs") == (status, one_sentence(err))
