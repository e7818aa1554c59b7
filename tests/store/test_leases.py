"""Readers and writers of the index, and who holds what, the same on SQLite and PostgreSQL."""

from __future__ import annotations

import datetime as dt
import threading
import time

import pytest
import sqlalchemy as sa
from helpers import a_told_finding
from pydicom.uid import generate_uid

from dicomnode.errors import PermanentError, TransientError
from dicomnode.node.rooms import open_stores
from dicomnode.records import Acuity, AlertContent, InstanceKey, Outcome
from dicomnode.settings import SecretUrl, StoreSettings
from dicomnode.store import engine as engine_module
from dicomnode.store.engine import open_engine, read, write
from dicomnode.store.jobs import new_job
from dicomnode.store.results import NewResult
from dicomnode.store.schema import jobs

NOW = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)
HOUR = dt.timedelta(hours=1)


def add_job(stores, *, study: str = "1.2.3", key: str = "k1") -> int:
    """Add a job of a study with one instance, and return its number."""
    instance = InstanceKey(
        study_instance_uid=study,
        series_instance_uid="1.2.3.1",
        sop_instance_uid=generate_uid(),
        sop_class_uid="1.2.840.10008.5.1.4.1.1.1",
        transfer_syntax_uid="1.2.840.10008.1.2.1",
        modality="CR",
        is_own=False,
    )
    stores.instances.keep(instance, b"content", calling_ae_title="CR1")
    (waiting,) = [w for w in stores.instances.waiting() if w.study_instance_uid == study]
    row = new_job(
        key=key, study_instance_uid=study, revision="r", rule="chest", bundle="cxr",
        destinations=("pacs",), due_at=NOW, now=NOW,
    )  # fmt: skip
    assert stores.jobs.add(row, last_instance_at=waiting.last_instance_at)
    return next(job["id"] for job in stores.jobs.list() if job["key"] == key)


def keep(stores, job) -> bool:
    """Keep a result and an alert for a job; whether they were kept."""
    finding = a_told_finding()
    result = NewResult(
        role="text-sr.en",
        sop_instance_uid=generate_uid(),
        sop_class_uid="1.2.840.10008.5.1.4.1.1.88.11",
        series_instance_uid="1.2.9",
        encoded=job.key.encode(),
    )
    return stores.results.keep(
        job, [result], acuity=Acuity.URGENT, outcome=Outcome.FINDINGS, reason="", priority=1, now=NOW,
        alerts={"ris": AlertContent(findings=(finding,), model="m", model_version="1")},
    )  # fmt: skip


def seconds(number: float) -> dt.datetime:
    """So long after now."""
    return NOW + dt.timedelta(seconds=number)


def test_a_reader_does_not_wait_for_a_writer(both_stores):
    """While somebody holds the write lock, reading goes on, and sees what was there before."""
    number = add_job(both_stores)
    with write(both_stores.engine) as connection:
        connection.execute(sa.update(jobs).values(reason="half done"))
        began = time.monotonic()
        seen: list[str] = []
        reader = threading.Thread(target=lambda: seen.append(both_stores.jobs.get(number).reason))
        reader.start()
        reader.join(20)

    assert [""] == seen
    assert time.monotonic() - began < 15


def test_a_writer_does_not_wait_for_readers(both_stores):
    """Nor do readers wait for each other."""
    number = add_job(both_stores)
    with read(both_stores.engine) as one, read(both_stores.engine) as other:
        for connection in (one, other):
            connection.execute(sa.select(jobs.c.id)).all()
        writer = threading.Thread(target=both_stores.jobs.claim, args=("w",), kwargs={"lease_s": 60, "now": NOW})
        writer.start()
        writer.join(20)
        assert not writer.is_alive()
    assert "w" == both_stores.jobs.get(number).lease_owner


def test_a_reader_cannot_write(both_stores):
    """What only looks changes nothing, on either database, and the connection writes again afterwards."""
    add_job(both_stores)
    with pytest.raises((sa.exc.DBAPIError, TransientError)), read(both_stores.engine) as connection:
        connection.execute(sa.update(jobs).values(reason="changed"))
    assert [""] == [row["reason"] for row in both_stores.jobs.list()]
    with write(both_stores.engine) as connection:
        connection.execute(sa.update(jobs).values(reason="changed"))
    assert ["changed"] == [row["reason"] for row in both_stores.jobs.list()]


def test_a_locked_index_is_an_error_that_may_pass(some_settings, some_stores, monkeypatch):
    """Whoever writes is told in one sentence, without the values of the statement."""
    monkeypatch.setattr(engine_module, "BUSY_TIMEOUT_S", 0)
    impatient = open_engine(some_settings.store)
    with (
        write(some_stores.engine),
        pytest.raises(
            TransientError, match="the index cannot be written: .*index.sqlite3: another process has it locked"
        ),
        write(impatient),
    ):
        pass
    impatient.dispose()


def test_opening_to_read_makes_nothing(tmp_path):
    """In a folder without an index a reader says so, and leaves the folder as it was."""
    for folder in (tmp_path / "none", tmp_path / "empty"):
        if folder.name == "empty":
            folder.mkdir()
        with pytest.raises(PermanentError, match="there is no index at .*; `dicomnode serve` makes it"):
            open_engine(StoreSettings(data_dir=folder), is_reader=True)
    assert ["empty"] == [path.name for path in tmp_path.rglob("*")]


def test_opening_to_read_leaves_no_file_behind(some_settings, some_stores):
    """Beside an index that no service has open, a reader makes no log of SQLite's."""
    some_stores.engine.dispose()
    before = sorted(path.name for path in some_settings.store.data_dir.iterdir())
    stores = open_stores(some_settings, is_reader=True)
    assert [] == stores.jobs.list()
    stores.engine.dispose()

    assert before == sorted(path.name for path in some_settings.store.data_dir.iterdir())


@pytest.mark.parametrize(("revision", "says"), [("0001", "made by an older dicomnode"), ("9999", "made by a newer")])
def test_an_index_of_another_release_is_not_read_and_not_migrated(some_settings, both_stores, revision, says):
    """A command that only looks says which release made it, and changes nothing."""
    with write(both_stores.engine) as connection:
        connection.execute(sa.text("UPDATE alembic_version SET version_num = :new"), {"new": revision})
    url = both_stores.engine.url.render_as_string(hide_password=False)
    settings = some_settings.store.model_copy(update={"database_url": SecretUrl(url)})

    with pytest.raises(PermanentError, match=says):
        open_engine(settings, is_reader=True)
    with read(both_stores.engine) as connection:
        assert revision == connection.execute(sa.text("SELECT version_num FROM alembic_version")).scalar()


def test_a_renewed_lease_is_nobody_elses(both_stores):
    """A job that takes longer than its lease stays with the worker that renews it."""
    add_job(both_stores)
    job = both_stores.jobs.claim("a", lease_s=60, now=NOW)

    assert both_stores.jobs.renew(job, lease_s=60, now=seconds(50))
    assert both_stores.jobs.claim("b", lease_s=60, now=seconds(100)) is None
    assert both_stores.jobs.claim("b", lease_s=60, now=seconds(111)) is not None
    assert not both_stores.jobs.renew(job, lease_s=60, now=seconds(112)), "its holder learns that it is gone"


def test_who_lost_a_job_is_told_that_nothing_was_kept(both_stores):
    """The results of the second worker are kept, those of the first are not, and both are told."""
    add_job(both_stores)
    first = both_stores.jobs.claim("a", lease_s=60, now=NOW)
    second = both_stores.jobs.claim("b", lease_s=60, now=seconds(61))

    assert [False, True] == [keep(both_stores, job) for job in (first, second)]
    assert not both_stores.jobs.enter(first, first.stage, lease_s=60, now=seconds(62))
    assert not both_stores.jobs.postpone(first, not_before=NOW, reason="late", attempts=1)
    assert not both_stores.jobs.triaged(first, acuity=None, due_at=NOW)


def claim_of_each_kind(stores, owner: str, *, now: dt.datetime, **words: object) -> list[bool]:
    """Whether a job, a delivery and an alert can be claimed."""
    return [
        stores.jobs.claim(owner, lease_s=60, now=now, **words) is not None,
        bool(stores.results.claim(owner, destination="pacs", lease_s=60, now=now, **words)),
        stores.alerts.claim(owner, channel="ris", lease_s=60, now=now, **words) is not None,
    ]


@pytest.fixture
def one_of_each(both_stores):
    """A job that waits, a delivery that waits and an alert that waits."""
    add_job(both_stores, study="1.1", key="sent")
    assert keep(both_stores, both_stores.jobs.claim("w", lease_s=60, now=NOW))
    add_job(both_stores, study="1.2", key="waits")
    return both_stores


@pytest.mark.parametrize("back", [dt.timedelta(minutes=10), HOUR, 365 * 24 * HOUR])
def test_a_clock_that_is_set_back_does_not_lengthen_a_lease(one_of_each, back):
    """What a dead process held is free after the length of one lease, whatever the clock said when it was given."""
    assert [True, True, True] == claim_of_each_kind(one_of_each, "dead", now=NOW + back)

    assert [False, False, False] == claim_of_each_kind(one_of_each, "next", now=NOW)
    assert [False, False, False] == claim_of_each_kind(one_of_each, "next", now=seconds(59))
    assert [True, True, True] == claim_of_each_kind(one_of_each, "next", now=seconds(61))


@pytest.mark.parametrize("back", [HOUR, 365 * 24 * HOUR])
def test_a_clock_that_is_set_back_does_not_lengthen_a_pause(one_of_each, back):
    """A pause that ends later than the longest one could is over."""
    future = NOW + back
    job = one_of_each.jobs.claim("w", lease_s=60, now=NOW)
    one_of_each.jobs.postpone(job, not_before=future, reason="later", attempts=1)
    (delivery,) = one_of_each.results.claim("w", destination="pacs", lease_s=60, now=NOW)
    one_of_each.results.postpone(delivery, not_before=future, reason="later")
    alert = one_of_each.alerts.claim("w", channel="ris", lease_s=60, now=NOW)
    one_of_each.alerts.postpone(alert, not_before=future, reason="later")

    longer = back.total_seconds() + 1
    assert [False, False, False] == claim_of_each_kind(one_of_each, "w", now=NOW, longest_wait_s=longer)
    assert [True, True, True] == claim_of_each_kind(one_of_each, "w", now=NOW, longest_wait_s=900)


def test_a_clock_that_is_set_forward_takes_nothing_from_its_holder(one_of_each):
    """Right after the step leases that seem over are left to those who may still renew them; what is free is not."""
    assert [True, True, True] == claim_of_each_kind(one_of_each, "holder", now=NOW)
    add_job(one_of_each, study="1.3", key="free")

    ahead = NOW + HOUR
    assert [True, False, False] == claim_of_each_kind(one_of_each, "other", now=ahead, takes_over=False)
    assert [False, False, False] == claim_of_each_kind(one_of_each, "other", now=ahead, takes_over=False)
    assert [True, True, True] == claim_of_each_kind(one_of_each, "other", now=ahead, takes_over=True)


def test_what_is_new_waits_for_no_clock(one_of_each):
    """A job, delivery or alert that has had no failure is due, also before the time at which it was made."""
    assert [True, True, True] == claim_of_each_kind(one_of_each, "w", now=NOW - 10 * HOUR)


def test_a_dead_workers_jobs_say_how_it_died(both_stores):
    """The reason stands with the job until it is tried again."""
    number = add_job(both_stores)
    both_stores.jobs.claim("worker-0", lease_s=600, now=NOW)

    assert 1 == both_stores.jobs.release_leases("worker-0", reason="INTERNAL_ERROR: it made no progress")
    assert "INTERNAL_ERROR: it made no progress" == both_stores.jobs.get(number).reason
