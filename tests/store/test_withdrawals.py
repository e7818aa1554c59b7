"""Answers and their withdrawal, the same on SQLite and PostgreSQL."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from helpers import a_told_finding
from pydicom.uid import generate_uid

from dicomnode.errors import PermanentError, TransientError
from dicomnode.records import (
    Acuity,
    AlertContent,
    InstanceKey,
    JobState,
    Outcome,
    WithdrawalReason,
)
from dicomnode.settings import StoreSettings
from dicomnode.store import engine as engine_module
from dicomnode.store.alerts import AlertState
from dicomnode.store.engine import open_engine
from dicomnode.store.jobs import new_job
from dicomnode.store.resending import resend
from dicomnode.store.results import DeliveryState, NewResult
from dicomnode.store.withdrawals import NewAnswer, Withdrawals

NOW = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)
LATER = NOW + dt.timedelta(hours=1)


def a_job(stores, key: str, study: str = "1.2.3"):
    """Add a job and claim it."""
    instance = InstanceKey(
        study_instance_uid=study, series_instance_uid="1.2.3.1", sop_instance_uid=generate_uid(),
        sop_class_uid="1.2.840.10008.5.1.4.1.1.1", transfer_syntax_uid="1.2.840.10008.1.2.1", modality="CR",
        is_own=False,
    )  # fmt: skip
    stores.instances.keep(instance, key.encode(), calling_ae_title="CT1")
    (waiting,) = [w for w in stores.instances.waiting() if w.study_instance_uid == study]
    row = new_job(
        key=key, study_instance_uid=study, revision=key, rule="", bundle=None, destinations=("pacs",),
        due_at=NOW, now=NOW,
    )  # fmt: skip
    assert stores.jobs.add(row, last_instance_at=waiting.last_instance_at, study_instance_uid=row["study_instance_uid"])
    return stores.jobs.claim("w", lease_s=60, now=NOW)


def a_result(role: str, destinations: tuple[str, ...] | None = None) -> NewResult:
    """One result object."""
    return NewResult(
        role=role,
        sop_instance_uid=generate_uid(),
        sop_class_uid="1.2.840.10008.5.1.4.1.1.88.22",
        series_instance_uid=generate_uid(),
        encoded=generate_uid().encode(),
        destinations=destinations,
    )


def a_note(_answer, _results, holdings) -> list[NewResult]:
    """A note for each holding."""
    return [a_result(f"rejection.{n}", holding.destinations) for n, holding in enumerate(holdings, 1)]


def alert_of(*keys: str) -> AlertContent:
    """An alert of findings."""
    findings = tuple(a_told_finding(key) for key in keys)
    return AlertContent(findings=findings, model="m", model_version="1")


def answer(stores, job, *, replaces=(), seen=(), suspects=(), alerts=None, number=1) -> None:
    """Keep an answer of two results."""
    new = NewAnswer(
        key=f"answer {job.id}", number=number, replaces=tuple(replaces), seen=frozenset(seen),
        suspects=frozenset(suspects),
    )  # fmt: skip
    stores.results.keep(
        job,
        [a_result("summary"), a_result("text-sr.en")],
        acuity=Acuity.EMERGENT,
        outcome=Outcome.FINDINGS,
        reason="",
        priority=1,
        now=NOW,
        alerts={"ris": alerts} if alerts else None,
        succeed=Withdrawals(stores.results).succeed(job, new, a_note, now=NOW),
    )


def deliver(stores) -> list[str]:
    """Hand everything that waits over to its destination, and return the roles in order."""
    roles = []
    while group := stores.results.claim("s", destination="pacs", lease_s=60, now=LATER):
        for delivery in group:
            stores.results.held(delivery, now=LATER)
            roles.append(delivery.result.role)
    return roles


def states(stores, job) -> list[str]:
    """States of a job's deliveries."""
    return [row["state"] for row in stores.results.deliveries_of(job.id)]


def test_an_answer_takes_the_place_of_another(both_stores):
    """The note of what was held goes before the new set; both jobs end."""
    first = a_job(both_stores, "one")
    answer(both_stores, first)
    deliver(both_stores)
    second = a_job(both_stores, "two")
    answer(both_stores, second, replaces=[first.id], seen=[first.id], number=2)

    assert ["rejection.1", "summary", "text-sr.en"] == deliver(both_stores)
    old, new = Withdrawals(both_stores.results).of_study("1.2.3")
    assert (False, WithdrawalReason.REPLACED, second.id, NOW) == (
        old.stands, old.withdrawal, old.replaced_by, old.withdrawn_at,
    )  # fmt: skip
    assert (True, 2, "answer 2") == (new.stands, new.number, new.key)
    assert [JobState.COMPLETED] * 2 == [both_stores.jobs.get(job.id).state for job in (first, second)]
    assert {r.role for r in both_stores.results.of_study("1.2.3")} == {"summary", "text-sr.en"}


def test_two_answers_that_do_not_know_of_each_other_are_not_both_kept(both_stores):
    """The second finds that another stands which it has not seen, and is made again; nothing of it is kept."""
    first, second = a_job(both_stores, "one"), a_job(both_stores, "two")
    answer(both_stores, first)
    with pytest.raises(TransientError, match="another answer to the study was kept"):
        answer(both_stores, second)
    assert [] == both_stores.results.of_job(second.id)

    answer(both_stores, second, replaces=[first.id], seen=[first.id])
    assert [False, True] == [a.stands for a in Withdrawals(both_stores.results).of_study("1.2.3")]


def test_a_withdrawal_cancels_what_waits_and_what_was_given_up(both_stores):
    """Nothing of a withdrawn set is ever sent again, by retry or resend either."""
    job = a_job(both_stores, "one")
    answer(both_stores, job)
    group = both_stores.results.claim("s", destination="pacs", lease_s=60, now=NOW)
    both_stores.results.failed(group[0], reason="C-STORE status 0x0122 (Failure)", now=NOW)
    both_stores.results.put_back(group[1:])
    withdrawals = Withdrawals(both_stores.results)

    assert withdrawals.withdraw(job.id, WithdrawalReason.CORRECTED, a_note, now=NOW)
    assert [DeliveryState.CANCELED] * 2 == states(both_stores, job)
    assert JobState.CANCELED == both_stores.jobs.get(job.id).state
    assert not withdrawals.withdraw(job.id, WithdrawalReason.CORRECTED, a_note, now=NOW)
    both_stores.results.retry(job.id, now=NOW)
    assert [] == deliver(both_stores)
    with pytest.raises(PermanentError, match="job 1 is not sent again: its results were withdrawn"):
        resend(both_stores.results, job.id, (), lambda *_: True, now=NOW)


def test_what_a_sender_says_after_the_withdrawal(both_stores):
    """That the peer has an object is noted; that it has not, or that it shall be tried again, changes nothing."""
    job = a_job(both_stores, "one")
    answer(both_stores, job)
    group = both_stores.results.claim("s", destination="pacs", lease_s=60, now=NOW)
    Withdrawals(both_stores.results).withdraw(job.id, WithdrawalReason.BY_OPERATOR, a_note, now=NOW)
    both_stores.results.held(group[0], now=NOW)
    both_stores.results.failed(group[1], reason="x", now=NOW)

    assert [DeliveryState.HELD, DeliveryState.CANCELED, DeliveryState.WAITING] == states(both_stores, job)
    assert ["rejection.1"] == deliver(both_stores)


@pytest.mark.parametrize(
    ("acknowledged", "still", "alert", "retracted"),
    [
        (True, (), AlertState.ACKNOWLEDGED, [["bleed", "fracture"]]),
        (True, ("bleed",), AlertState.ACKNOWLEDGED, [["fracture"]]),
        (True, ("bleed", "fracture"), AlertState.ACKNOWLEDGED, []),
        (False, (), AlertState.CANCELED, []),
        (False, ("bleed",), AlertState.CANCELED, []),
        (False, ("bleed", "fracture"), AlertState.WAITING, []),
        (None, (), AlertState.CANCELED, [["bleed", "fracture"]]),
    ],
)
def test_what_was_told_and_is_gone_is_retracted(both_stores, acknowledged, still, alert, retracted):
    """What surely nobody got is canceled; what somebody got, or may have got, is taken back, finding by finding."""
    first = a_job(both_stores, "one")
    answer(both_stores, first, alerts=alert_of("bleed", "fracture"))
    if acknowledged is not False:
        taken = both_stores.alerts.claim("a", channel="ris", lease_s=60, now=NOW)
        if acknowledged:
            both_stores.alerts.acknowledged(taken, answer="AA", sent_at=NOW, now=NOW)
    second = a_job(both_stores, "two")
    answer(both_stores, second, replaces=[first.id], seen=[first.id], suspects=still)

    rows = both_stores.alerts.list()
    (told,) = [row for row in rows if row["retracts"] is None]
    assert alert == told["state"]
    assert retracted == [row["findings"] for row in rows if row["retracts"] == told["id"]]


def test_an_alert_is_taken_back_bit_by_bit_and_once(both_stores):
    """Each revision retracts what it no longer calls and no other has; the finding that comes again alerts again."""
    jobs = []
    for number, (still, due) in enumerate(
        ((("bleed", "fracture"), ("bleed", "fracture")), (("bleed",), ()), ((), ()), ((), ()), (("bleed",), ("bleed",)))
    ):
        job = a_job(both_stores, f"job {number}")
        earlier = [jobs[-1].id] if jobs else []
        alerts = alert_of(*due) if due else None
        answer(both_stores, job, replaces=earlier, seen=earlier, suspects=still, alerts=alerts, number=number + 1)
        jobs.append(job)
        while taken := both_stores.alerts.claim("a", channel="ris", lease_s=60, now=LATER):
            both_stores.alerts.acknowledged(taken, answer="AA", sent_at=NOW, now=NOW)

    rows = sorted(both_stores.alerts.list(), key=lambda row: row["id"])
    assert [
        (None, ["bleed", "fracture"]), (1, ["fracture"]), (1, ["bleed"]), (None, ["bleed"]),
    ] == [(row["retracts"], row["findings"]) for row in rows]  # fmt: skip
    assert 4 == len({row["control_id"] for row in rows})


def test_a_job_comes_again_only_if_its_answer_was_withdrawn(both_stores):
    """The same key is the same work, and not done twice, unless what came of it no longer stands."""
    job = a_job(both_stores, "one")
    answer(both_stores, job)
    deliver(both_stores)
    assert a_job(both_stores, "one") is None
    Withdrawals(both_stores.results).withdraw(job.id, WithdrawalReason.CORRECTED, a_note, now=NOW)
    deliver(both_stores)

    again = a_job(both_stores, "one")
    assert again is not None
    assert again.key != job.key


def test_a_database_of_before_is_brought_up_to_date(tmp_path: Path):
    """Answers that there are keep the UIDs that they have: their key is the job key; alerts stay."""
    url = f"sqlite:///{tmp_path / 'index.sqlite3'}"
    config = Config()
    config.set_main_option("script_location", str(engine_module._MIGRATIONS))
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0003")
        moment = "2026-01-01 00:00:00"
        for number in (1, 2, 3):
            connection.exec_driver_sql(
                "INSERT INTO jobs (id, key, study_instance_uid, revision, rule, destinations, state, stage, due_at, "
                f"attempts, not_before, created_at, reason) VALUES ({number}, 'k{number}', '1.2', 'r', '', '[]', "
                f"'COMPLETED', 'send', '{moment}', 0, '{moment}', '{moment}', '')"
            )
        for number in (1, 3):
            connection.exec_driver_sql(
                "INSERT INTO results (job_id, role, sop_instance_uid, sop_class_uid, series_instance_uid, path) "
                f"VALUES ({number}, 'summary', '1.2.{number}', '1', '1', 'x')"
            )
        connection.exec_driver_sql(
            "INSERT INTO alerts (job_id, channel, control_id, content, state, attempts, not_before, created_at, "
            f"waiting_since, reason) VALUES (1, 'ris', 'c', '{{}}', 'FAILED', 1, '{moment}', '{moment}', "
            f"'{moment}', '')"
        )
    engine.dispose()

    engine = open_engine(StoreSettings(data_dir=tmp_path, database_url=url))
    with engine.begin() as connection:
        rows = connection.exec_driver_sql("SELECT job_id, key, number, withdrawn_at FROM answers ORDER BY job_id").all()
        alerts = connection.exec_driver_sql("SELECT channel, retracts FROM alerts").all()
    engine.dispose()
    assert [(1, "k1", 1, None), (3, "k3", 2, None)] == [tuple(row) for row in rows]
    assert [("ris", 0)] == [tuple(row) for row in alerts]
