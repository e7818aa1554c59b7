"""Alerts in the index, the same on SQLite and PostgreSQL."""

from __future__ import annotations

import datetime as dt
import threading
from dataclasses import replace

import pytest
from helpers import a_told_finding
from pydicom.uid import generate_uid

from dicomnode.errors import PermanentError
from dicomnode.records import (
    Acuity,
    AlertContent,
    Estimate,
    InstanceKey,
    Outcome,
    Verdict,
)
from dicomnode.store import alerts as alerts_module
from dicomnode.store import results as results_module
from dicomnode.store.alerts import AlertState, control_id
from dicomnode.store.jobs import new_job
from dicomnode.store.results import NewResult

NOW = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)
LATER = NOW + dt.timedelta(hours=1)


def content(acuity: Acuity = Acuity.EMERGENT, *keys: str) -> AlertContent:
    """Content of an alert of findings with these keys."""
    findings = tuple(a_told_finding(key, acuity) for key in keys or ("bleed",))
    return AlertContent(findings=findings, model="head_ct", model_version="1")


def possible(told: AlertContent) -> AlertContent:
    """The same, but not certain."""
    return replace(told, findings=tuple(replace(one, verdict=Verdict.POSSIBLE) for one in told.findings))


def a_job(stores, key: str = "k1", study: str = "1.2.3"):
    """A claimed job of a study that has one instance more."""
    instance = InstanceKey(
        study_instance_uid=study,
        series_instance_uid="1.2.3.1",
        sop_instance_uid=generate_uid(),
        sop_class_uid="1.2.840.10008.5.1.4.1.1.2",
        transfer_syntax_uid="1.2.840.10008.1.2.1",
        modality="CT",
        is_own=False,
    )
    stores.instances.keep(instance, b"content", calling_ae_title="CT1")
    (waiting,) = [w for w in stores.instances.waiting() if w.study_instance_uid == study]
    row = new_job(
        key=key, study_instance_uid=study, revision=key, rule="head", bundle="head",
        destinations=("pacs",), due_at=NOW, now=NOW,
    )  # fmt: skip
    stores.jobs.add(row, last_instance_at=waiting.last_instance_at)
    return stores.jobs.claim("worker", lease_s=60, now=NOW)


def keep(stores, job, **alerts: AlertContent) -> None:
    """Keep results for a job, with alerts by channel."""
    result = NewResult(
        role="text-sr.en",
        sop_instance_uid=generate_uid(),
        sop_class_uid="1.2.840.10008.5.1.4.1.1.88.11",
        series_instance_uid="1.2.9",
        encoded=job.key.encode(),
    )
    stores.results.keep(
        job, [result], acuity=Acuity.EMERGENT, outcome=Outcome.FINDINGS, reason="", priority=1, now=NOW, alerts=alerts
    )


def claim(stores, channel: str = "ris", *, now: dt.datetime = NOW):
    """Claim an alert for a minute."""
    return stores.alerts.claim("alerter", channel=channel, lease_s=60, now=now)


def test_an_alert_waits_as_soon_as_results_are_kept(both_stores):
    """It says what was found, for each channel once, under a name of twenty characters that its job gives it."""
    job = a_job(both_stores)
    keep(both_stores, job, ris=content(), mail=content())

    alert = claim(both_stores)
    assert (content(), "1.2.3", 1) == (alert.content, alert.study_instance_uid, alert.attempts)
    assert control_id("k1", "ris") == alert.control_id != control_id("k1", "mail")
    assert 20 == len(alert.control_id)
    assert claim(both_stores) is None, "one that is claimed is nobody else's"
    assert claim(both_stores, "mail") is not None


def test_alerts_and_results_are_kept_together_or_not_at_all(both_stores, monkeypatch):
    """What fails between them leaves neither; kept again, there is one alert."""
    job = a_job(both_stores)
    with monkeypatch.context() as patched:
        patched.setattr(results_module, "composed", lambda *_, **__: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            keep(both_stores, job, ris=content())
    assert ([], []) == (both_stores.alerts.list(), both_stores.results.of_job(job.id))

    keep(both_stores, job, ris=content())
    keep(both_stores, job, ris=content())
    assert 1 == len(both_stores.alerts.list())


def test_a_canceled_job_alerts_nobody(both_stores):
    """What an operator stopped before its results were kept tells nothing."""
    job = a_job(both_stores)
    both_stores.jobs.cancel(job.id, reason="CANCELED: by the operator", now=NOW)
    keep(both_stores, job, ris=content())

    assert [] == both_stores.alerts.list()


def test_the_times_of_an_acknowledgement_are_kept(both_stores):
    """When it was found, when the message left, when it was acknowledged and how."""
    keep(both_stores, a_job(both_stores), ris=content())
    sent, acknowledged = NOW + dt.timedelta(seconds=1), NOW + dt.timedelta(seconds=2)
    both_stores.alerts.acknowledged(claim(both_stores), answer="AA", sent_at=sent, now=acknowledged)

    (row,) = both_stores.alerts.list(state=AlertState.ACKNOWLEDGED)
    assert (NOW, sent, acknowledged, "AA") == tuple(
        row[key] for key in ("created_at", "sent_at", "acknowledged_at", "reason")
    )
    assert claim(both_stores, now=LATER) is None
    assert [] == both_stores.alerts.list(state=AlertState.WAITING)
    assert [] == both_stores.alerts.list(job_id=999)


def test_a_postponed_alert_waits_and_keeps_its_name(both_stores):
    """The receiver can tell that it is the same."""
    keep(both_stores, a_job(both_stores), ris=content())
    first = claim(both_stores)
    both_stores.alerts.postpone(first, not_before=LATER, reason="TRANSIENT: no answer")

    assert claim(both_stores) is None
    second = claim(both_stores, now=LATER)
    assert (first.control_id, 2) == (second.control_id, second.attempts)


def test_a_failed_alert_waits_again_when_asked_to(both_stores):
    """It starts anew, under its name; what cannot be retried says why."""
    keep(both_stores, a_job(both_stores), ris=content())
    alert = claim(both_stores)
    both_stores.alerts.failed(alert, reason="PEER_REFUSED: AE")
    assert claim(both_stores, now=LATER) is None

    both_stores.alerts.retry(alert.id, now=LATER)
    again = claim(both_stores, now=LATER)
    assert (alert.control_id, 1, LATER, NOW) == (
        again.control_id, again.attempts, again.waiting_since, again.created_at,
    )  # fmt: skip
    with pytest.raises(PermanentError, match="has not failed: it is WAITING"):
        both_stores.alerts.retry(alert.id, now=NOW)
    with pytest.raises(PermanentError, match="there is no alert 999"):
        both_stores.alerts.retry(999, now=NOW)


def test_a_process_that_starts_frees_the_alerts_of_its_predecessor(both_stores):
    """An alert whose sender was killed goes out again at once; without a successor, when its lease ends."""
    keep(both_stores, a_job(both_stores), ris=content())
    claim(both_stores)

    assert 1 == both_stores.alerts.release_leases("alerter")
    assert claim(both_stores) is not None
    assert claim(both_stores, now=NOW + dt.timedelta(seconds=61)) is not None


def test_what_waits_for_a_channel_that_is_gone_is_given_up(both_stores):
    """It does not wait unseen for ever."""
    keep(both_stores, a_job(both_stores), old=content(), ris=content())

    assert 1 == both_stores.alerts.fail_other_channels(["ris"])
    (row,) = both_stores.alerts.list(state=AlertState.FAILED)
    assert ("old", "the channel is no longer in the settings") == (row["channel"], row["reason"])


@pytest.mark.parametrize(
    ("first", "second", "alerts"),
    [
        (content(), content(), 1),
        (content(Acuity.URGENT), content(Acuity.EMERGENT), 2),
        (content(Acuity.EMERGENT), content(Acuity.URGENT), 1),
        (content(Acuity.EMERGENT, "bleed"), content(Acuity.EMERGENT, "bleed", "fracture"), 2),
        (content(Acuity.EMERGENT, "bleed", "fracture"), content(Acuity.EMERGENT, "fracture"), 1),
        (possible(content()), content(), 2),
        (possible(content()), possible(content()), 1),
        (content(), possible(content()), 1),
        (possible(content()), possible(content(Acuity.URGENT)), 1),
        (possible(content()), content(Acuity.URGENT), 2),
        (content(Acuity.URGENT), possible(content()), 2),
    ],
)
def test_a_revision_alerts_only_of_what_is_new_more_acute_or_more_certain(both_stores, first, second, alerts):
    """The same findings, or less acute or less certain ones, are not told a second time."""
    for key, told in (("first", first), ("second", second)):
        keep(both_stores, a_job(both_stores, key), ris=told)

    assert alerts == len(both_stores.alerts.list())


def test_what_was_told_in_parts_is_told_as_a_whole(both_stores):
    """Emergent but not certain, then certain but only urgent: that it is both is news, once."""
    for key, told in (
        ("first", possible(content())),
        ("second", content(Acuity.URGENT)),
        ("third", content()),
        ("fourth", content()),
    ):
        keep(both_stores, a_job(both_stores, key), ris=told)

    assert 3 == len(both_stores.alerts.list())


def test_a_channel_that_was_not_told_is_told_by_the_revision(both_stores):
    """What failed does not count as told, nor what another channel or study was told."""
    keep(both_stores, a_job(both_stores, "first"), ris=content())
    both_stores.alerts.failed(claim(both_stores), reason="x")
    keep(both_stores, a_job(both_stores, "other", study="1.9"), ris=content())
    keep(both_stores, a_job(both_stores, "second"), ris=content(), mail=content())
    keep(both_stores, a_job(both_stores, "third"), ris=content(), mail=content())

    assert [("mail", "1.2.3"), ("ris", "1.2.3"), ("ris", "1.2.3"), ("ris", "1.9")] == sorted(
        (row["channel"], row["study_instance_uid"]) for row in both_stores.alerts.list()
    )


def test_two_revisions_that_end_at_once_alert_once(both_stores):
    """Whichever comes second sees what the first told."""
    jobs = [a_job(both_stores, key) for key in ("first", "second")]
    threads = [threading.Thread(target=keep, args=(both_stores, job), kwargs={"ris": content()}) for job in jobs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert 2 == sum(len(both_stores.results.of_job(job.id)) for job in jobs)
    assert 1 == len(both_stores.alerts.list())


def test_verdict_and_limits_of_a_finding_are_kept(both_stores):
    """What a channel says later is what the report said."""
    doubtful = replace(
        content().findings[0], verdict=Verdict.POSSIBLE, estimate=Estimate(percent=65, lower=50, upper=75, step=5)
    )
    told = replace(content(), findings=(doubtful,))
    keep(both_stores, a_job(both_stores), ris=told)

    assert told == claim(both_stores).content


def test_an_alert_of_version_0_1_is_still_told():
    """Its row has neither verdict nor limits; it said that the finding is suspected."""
    row = {
        "findings": [{"key": "bleed", "code": ["1386000", "SCT", "bleed"], "percent": 90, "acuity": "emergent"}],
        "model": "head_ct",
        "model_version": "1",
    }

    assert content() == alerts_module.content_from_json(row)
