"""Instances, jobs and results, the same on SQLite and PostgreSQL."""

from __future__ import annotations

import dataclasses
import datetime as dt
import hashlib
import threading
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from pydicom.uid import generate_uid

from dicomnode.errors import PermanentError, SettingsError
from dicomnode.records import Acuity, InstanceKey, JobState, Outcome, Stage
from dicomnode.settings import StoreSettings
from dicomnode.store import files as files_module
from dicomnode.store.engine import open_engine, sqlite_file, write
from dicomnode.store.files import FileStore
from dicomnode.store.jobs import finish, new_job
from dicomnode.store.results import NewResult
from dicomnode.store.schema import instances, metadata

NOW = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)
LATER = NOW + dt.timedelta(hours=1)


def a_key(**changes: object) -> InstanceKey:
    """Key of a new instance."""
    values = {
        "study_instance_uid": "1.2.3",
        "series_instance_uid": "1.2.3.1",
        "sop_instance_uid": generate_uid(),
        "sop_class_uid": "1.2.840.10008.5.1.4.1.1.1",
        "transfer_syntax_uid": "1.2.840.10008.1.2.1",
        "modality": "CR",
        "is_own": False,
    }
    return InstanceKey(**values | changes)


def keep(stores, key: InstanceKey, content: bytes = b"content") -> bool:
    """Keep one instance."""
    return stores.instances.keep(key, content, calling_ae_title="CT1")


def add_job(stores, *, study="1.2.3", key="k1", due_at=NOW, destinations=("pacs",), bundle="cxr"):
    """Keep an instance of a study, add a job for it, and return the job's number."""
    keep(stores, a_key(study_instance_uid=study))
    (waiting,) = [w for w in stores.instances.waiting() if w.study_instance_uid == study]
    row = new_job(
        key=key, study_instance_uid=study, revision="r", rule="chest", bundle=bundle,
        destinations=destinations, due_at=due_at, now=NOW,
    )  # fmt: skip
    assert stores.jobs.add(row, last_instance_at=waiting.last_instance_at)
    return next(job["id"] for job in stores.jobs.list() if job["key"] == key)


def a_result(role: str) -> NewResult:
    """One result object."""
    return NewResult(
        role=role,
        sop_instance_uid=generate_uid(entropy_srcs=[role]),
        sop_class_uid="1.2.840.10008.5.1.4.1.1.88.22",
        series_instance_uid="1.2.9",
        encoded=f"object {role}".encode(),
    )


def compose(stores, job, *roles: str, reason: str = "") -> bool:
    """Keep results for a job; whether they were kept."""
    return stores.results.keep(
        job,
        [a_result(r) for r in roles],
        acuity=Acuity.URGENT,
        outcome=Outcome.FINDINGS,
        reason=reason,
        priority=1,
        now=NOW,
    )


def test_the_migrations_make_the_schema(both_stores):
    """A migrated database differs in nothing from the tables of the code."""
    with both_stores.engine.connect() as connection:
        assert [] == compare_metadata(MigrationContext.configure(connection), metadata)


def test_an_instance_is_kept_once(both_stores):
    """New content is True, the same content again False, other content True and a conflict."""
    key = a_key()

    assert [True, False, True] == [keep(both_stores, key, c) for c in (b"one", b"one", b"two")]
    assert [b"one"] == [i.path.read_bytes() for i in both_stores.instances.in_study("1.2.3")]
    assert [False, True] == [conflict for _, conflict in both_stores.instances.all_in_study("1.2.3")]


def test_one_of_many_at_once_is_the_instance(both_stores):
    """When eight associations bring eight contents of one UID, one is the instance and seven are conflicts."""
    key = a_key()
    threads = [threading.Thread(target=keep, args=(both_stores, key, bytes([n]))) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert 7 == sum(conflict for _, conflict in both_stores.instances.all_in_study("1.2.3"))
    assert 1 == len(both_stores.instances.in_study("1.2.3"))


def test_own_results_wait_for_nobody(both_stores):
    """An object of ours that is routed back is kept, but starts no timer and is not read."""
    keep(both_stores, a_key(is_own=True))

    assert [] == both_stores.instances.waiting()
    assert [] == both_stores.instances.in_study("1.2.3")


def test_a_result_that_comes_back_is_own_even_without_our_name(both_stores):
    """A PACS may edit the header on the way: the UID alone says that it is ours."""
    add_job(both_stores)
    job = both_stores.jobs.claim("w", lease_s=60, now=NOW)
    compose(both_stores, job, "text-sr.en")
    (result,) = both_stores.results.of_job(job.id)

    keep(both_stores, a_key(sop_instance_uid=result.sop_instance_uid))

    assert [] == both_stores.instances.waiting()


def test_every_instance_restarts_the_timer(both_stores):
    """The study waits since its first instance, and is quiet since its last."""
    keep(both_stores, a_key())
    (first,) = both_stores.instances.waiting()
    keep(both_stores, a_key())
    (second,) = both_stores.instances.waiting()

    assert first.waiting_since == second.waiting_since
    assert first.last_instance_at < second.last_instance_at


def test_a_study_that_grew_meanwhile_gets_no_job(both_stores):
    """The planner's job counts only if the study is still as the planner saw it."""
    keep(both_stores, a_key())
    (seen,) = both_stores.instances.waiting()
    keep(both_stores, a_key())
    row = new_job(
        key="k", study_instance_uid="1.2.3", revision="r", rule="", bundle=None, destinations=(), due_at=NOW, now=NOW
    )

    assert not both_stores.jobs.add(row, last_instance_at=seen.last_instance_at)
    assert [] == both_stores.jobs.list()
    assert 1 == len(both_stores.instances.waiting())


def test_the_same_work_is_queued_once(both_stores):
    """A job key that is known makes no second job."""
    add_job(both_stores, key="same")
    add_job(both_stores, key="same")

    assert 1 == len(both_stores.jobs.list())


def test_a_newer_revision_takes_the_place_of_one_that_has_not_begun(both_stores):
    """Late instances: the waiting job of the older revision is canceled by name."""
    old = add_job(both_stores, key="old")
    add_job(both_stores, key="new")

    states = {job["key"]: (job["state"], job["reason"]) for job in both_stores.jobs.list()}

    assert JobState.SCHEDULED == states["new"][0]
    assert JobState.CANCELED == states["old"][0]
    assert states["old"][1].startswith("SUPERSEDED")
    with pytest.raises(PermanentError, match="a newer job reads the same images"):
        both_stores.jobs.retry(old)


def test_triage_goes_before_everything_and_then_the_due_time_decides(both_stores):
    """A job still to be triaged is claimed before a due one; among triaged ones the earlier due comes first."""
    add_job(both_stores, study="1.1", key="late", due_at=LATER)
    add_job(both_stores, study="1.2", key="early", due_at=NOW)
    order = []
    for _ in range(4):
        job = both_stores.jobs.claim("w", lease_s=60, now=NOW)
        order.append((job.key, job.stage))
        if job.stage is Stage.TRIAGE:
            both_stores.jobs.triaged(job, acuity=Acuity.URGENT, due_at=job.due_at)

    stages = [stage for _, stage in order]
    assert [Stage.TRIAGE, Stage.TRIAGE, Stage.INFER, Stage.INFER] == stages
    assert ["early", "late"] == [key for key, stage in order if stage is Stage.INFER]
    assert both_stores.jobs.claim("w", lease_s=60, now=NOW) is None


def test_a_claimed_job_is_nobody_elses_until_its_lease_ends(both_stores):
    """A second worker gets nothing, until the first has been silent for longer than its lease."""
    add_job(both_stores)

    assert both_stores.jobs.claim("a", lease_s=60, now=NOW) is not None
    assert both_stores.jobs.claim("b", lease_s=60, now=NOW) is None
    again = both_stores.jobs.claim("b", lease_s=60, now=NOW + dt.timedelta(seconds=61))
    assert 2 == again.attempts
    assert NOW == again.started_at


def test_a_process_that_starts_frees_what_its_predecessor_held(both_stores):
    """After a kill the job is free as soon as the worker of the same name is back."""
    add_job(both_stores)
    both_stores.jobs.claim("worker-0", lease_s=600, now=NOW)

    assert 1 == both_stores.jobs.release_leases("worker-0")
    assert both_stores.jobs.claim("worker-0", lease_s=600, now=NOW) is not None


def test_a_postponed_job_waits(both_stores):
    """It is not claimed before its time, and keeps its reason."""
    add_job(both_stores)
    job = both_stores.jobs.claim("w", lease_s=60, now=NOW)
    both_stores.jobs.postpone(job, not_before=LATER, reason="TRANSIENT: later", attempts=0)

    assert both_stores.jobs.claim("w", lease_s=60, now=NOW) is None
    assert "TRANSIENT: later" == both_stores.jobs.claim("w", lease_s=60, now=LATER).reason


def test_cancel_and_retry(both_stores):
    """A canceled job can be queued again; what cannot be done says why."""
    number = add_job(both_stores)
    both_stores.jobs.cancel(number, reason="CANCELED: by the operator", now=NOW)

    with pytest.raises(PermanentError, match=f"job {number} has ended; `dicomnode jobs show {number}` shows"):
        both_stores.jobs.cancel(number, reason="", now=NOW)
    both_stores.jobs.retry(number)
    assert JobState.SCHEDULED == both_stores.jobs.get(number).state
    with pytest.raises(PermanentError, match="has not ended; "):
        both_stores.jobs.retry(number)
    with pytest.raises(PermanentError, match="there is no job 999"):
        both_stores.jobs.retry(999)


def test_a_completed_job_is_not_retried_and_the_way_is_shown(both_stores):
    """Sending again and reading again are other commands, and the sentence names them."""
    number = add_job(both_stores)
    with write(both_stores.engine) as connection:
        finish(connection, number, state=JobState.COMPLETED, now=NOW)
    says = f"job {number} has nothing to retry; `dicomnode jobs resend` .*jobs reread`"
    with pytest.raises(PermanentError, match=says):
        both_stores.jobs.retry(number)


def test_a_job_canceled_while_it_runs_stays_canceled(both_stores):
    """What the worker says afterwards does not bring it back."""
    number = add_job(both_stores)
    job = both_stores.jobs.claim("w", lease_s=60, now=NOW)
    both_stores.jobs.cancel(number, reason="CANCELED: by the operator", now=NOW)

    both_stores.jobs.triaged(job, acuity=Acuity.URGENT, due_at=NOW)
    compose(both_stores, job, "text-sr.en")

    assert JobState.CANCELED == both_stores.jobs.get(number).state
    assert [] == both_stores.results.claim("s", destination="pacs", lease_s=60, now=NOW)


def test_results_kept_twice_are_one_set(both_stores):
    """A job that was killed after keeping its results and runs again changes nothing."""
    add_job(both_stores)
    job = both_stores.jobs.claim("w", lease_s=60, now=NOW)
    compose(both_stores, job, "overlay", "text-sr.en")
    compose(both_stores, job, "overlay", "text-sr.en")

    assert ["overlay", "text-sr.en"] == [r.role for r in both_stores.results.of_job(job.id)]
    assert 2 == len(both_stores.results.deliveries_of(job.id))


@pytest.mark.parametrize(
    ("chosen", "sent"), [(None, ["pacs"]), (("pacs", "elsewhere"), ["pacs"]), (("elsewhere",), []), ((), [])]
)
def test_a_result_goes_to_those_of_the_jobs_destinations_that_get_it(chosen, sent, both_stores):
    """A job none of whose results goes anywhere has nothing to wait for."""
    number = add_job(both_stores)
    job = both_stores.jobs.claim("w", lease_s=60, now=NOW)
    result = dataclasses.replace(a_result("text-sr.en"), destinations=chosen)
    both_stores.results.keep(
        job, [result], acuity=Acuity.URGENT, outcome=Outcome.FINDINGS, reason="", priority=1, now=NOW
    )

    rows = both_stores.results.deliveries_of(number)
    assert sent == [row["destination"] for row in rows if row["destination"]]
    assert (JobState.IN_PROGRESS if sent else JobState.COMPLETED) == both_stores.jobs.get(number).state


def test_a_job_is_completed_when_every_peer_holds_everything(both_stores):
    """Only the last Success completes it."""
    number = add_job(both_stores, destinations=("a", "b"))
    job = both_stores.jobs.claim("w", lease_s=60, now=NOW)
    compose(both_stores, job, "text-sr.en")
    for destination in ("a", "b"):
        assert JobState.IN_PROGRESS == both_stores.jobs.get(number).state
        (delivery,) = both_stores.results.claim("s", destination=destination, lease_s=60, now=NOW)
        assert b"object text-sr.en" == Path(delivery.result.path).read_bytes()
        both_stores.results.held(delivery, now=NOW)

    assert JobState.COMPLETED == both_stores.jobs.get(number).state


def test_a_destination_that_holds_nothing_quarantines_the_job_until_it_is_retried(both_stores):
    """A study that a destination has no answer to is canceled with the reason; retry sends what failed."""
    number = add_job(both_stores)
    job = both_stores.jobs.claim("w", lease_s=60, now=NOW)
    compose(both_stores, job, "overlay", "text-sr.en")
    for delivery in both_stores.results.claim("s", destination="pacs", lease_s=60, now=NOW):
        both_stores.results.failed(delivery, reason="C-STORE status 0xA900 (Failure)", now=NOW)

    assert JobState.CANCELED == both_stores.jobs.get(number).state
    assert "QUARANTINED: 2 of 2 deliveries failed; pacs: C-STORE status 0xA900" in both_stores.jobs.get(number).reason
    assert both_stores.results.retry(number, now=NOW)
    assert (JobState.IN_PROGRESS, "") == (both_stores.jobs.get(number).state, both_stores.jobs.get(number).reason)
    assert 2 == len(both_stores.results.claim("s", destination="pacs", lease_s=60, now=NOW))


def test_a_destination_that_holds_some_leaves_the_job_partly_delivered(both_stores):
    """Partial success reads as such, beside what the reading said; retry sends only what failed."""
    number = add_job(both_stores)
    job = both_stores.jobs.claim("w", lease_s=60, now=NOW)
    compose(both_stores, job, "overlay", "text-sr.en", reason="no pixel data")
    overlay, text = both_stores.results.claim("s", destination="pacs", lease_s=60, now=NOW)
    both_stores.results.held(overlay, now=NOW)
    both_stores.results.failed(text, reason="C-STORE status 0xA900 (Failure)", now=NOW)

    note = "PARTLY DELIVERED: 1 of 2 deliveries failed; pacs: C-STORE status 0xA900 (Failure)"
    ended = both_stores.jobs.get(number)
    assert (JobState.COMPLETED, f"no pixel data; {note}") == (ended.state, ended.reason)
    assert both_stores.results.retry(number, now=NOW)
    assert (JobState.IN_PROGRESS, "no pixel data") == (
        both_stores.jobs.get(number).state, both_stores.jobs.get(number).reason,
    )  # fmt: skip
    (again,) = both_stores.results.claim("s", destination="pacs", lease_s=60, now=NOW)
    assert "text-sr.en" == again.result.role
    both_stores.results.held(again, now=NOW)
    assert (JobState.COMPLETED, "no pixel data") == (
        both_stores.jobs.get(number).state, both_stores.jobs.get(number).reason,
    )  # fmt: skip
    assert not both_stores.results.retry(number, now=NOW)


def test_what_waits_for_a_destination_that_is_gone_is_given_up(both_stores):
    """The job does not wait for ever: it is quarantined with the destination's name."""
    number = add_job(both_stores, destinations=("a", "old"))
    job = both_stores.jobs.claim("w", lease_s=60, now=NOW)
    compose(both_stores, job, "text-sr.en")

    assert 1 == both_stores.results.fail_other_destinations({"a": None}, now=NOW)
    (delivery,) = both_stores.results.claim("s", destination="a", lease_s=60, now=NOW)
    both_stores.results.held(delivery, now=NOW)

    assert JobState.CANCELED == both_stores.jobs.get(number).state
    assert "old: no longer in the settings" in both_stores.jobs.get(number).reason


def test_two_destinations_that_end_at_once_complete_the_job(both_stores):
    """Whichever comes second sees the first, so that the job ends."""
    number = add_job(both_stores, destinations=("a", "b"))
    compose(both_stores, both_stores.jobs.claim("w", lease_s=60, now=NOW), "text-sr.en")
    claimed = [both_stores.results.claim("s", destination=d, lease_s=60, now=NOW)[0] for d in ("a", "b")]
    threads = [threading.Thread(target=both_stores.results.held, args=(d,), kwargs={"now": NOW}) for d in claimed]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert JobState.COMPLETED == both_stores.jobs.get(number).state


def test_a_worker_that_lost_its_job_changes_nothing(both_stores):
    """What a worker does after its lease ended and another took the job leaves no trace."""
    number = add_job(both_stores)
    slow = both_stores.jobs.claim("slow", lease_s=1, now=NOW)
    quick = both_stores.jobs.claim("quick", lease_s=60, now=NOW + dt.timedelta(seconds=2))
    compose(both_stores, quick, "text-sr.en")

    both_stores.jobs.postpone(slow, not_before=LATER, reason="late", attempts=1)
    both_stores.jobs.enter(slow, Stage.EXPLAIN, lease_s=60, now=NOW)
    compose(both_stores, slow, "text-sr.en")

    job = both_stores.jobs.get(number)
    assert (JobState.IN_PROGRESS, Stage.SEND, "") == (job.state, job.stage, job.reason)
    assert 1 == len(both_stores.results.deliveries_of(number))


def test_the_most_urgent_results_go_first(both_stores):
    """Deliveries of high priority are claimed before older ones of medium priority."""
    for key, priority in (("routine", 0), ("urgent", 1)):
        add_job(both_stores, study=f"1.{priority}", key=key)
    jobs = [both_stores.jobs.claim("w", lease_s=60, now=NOW) for _ in range(2)]
    for job in jobs:
        both_stores.results.keep(
            job, [a_result(job.key)], acuity=Acuity.URGENT, outcome=Outcome.FINDINGS, reason="",
            priority={"routine": 0, "urgent": 1}[job.key], now=NOW,
        )  # fmt: skip

    claimed = [both_stores.results.claim("s", destination="pacs", lease_s=60, now=NOW)[0] for _ in jobs]

    assert ["urgent", "routine"] == [d.result.role for d in claimed]


def test_the_same_content_at_once_is_written_whole(tmp_path, monkeypatch):
    """Two associations that bring the same bytes never write into each other's file."""
    files, names = FileStore(tmp_path), []
    write, at_once = files_module._write_durably, threading.Barrier(4, timeout=60)

    def write_together(path: Path, content: bytes) -> None:
        names.append(path)
        at_once.wait()
        write(path, content)

    monkeypatch.setattr(files_module, "_write_durably", write_together)
    threads = [threading.Thread(target=files.keep, args=("ab" * 32, b"same")) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert 4 == len(set(names))
    assert [b"same"] == [path.read_bytes() for path in tmp_path.rglob("*.*")]


def test_half_written_files_are_swept_away(tmp_path):
    """What a killed writer left is removed at the next start; whole files stay."""
    files = FileStore(tmp_path)
    name = files.keep("ab" * 32, b"whole")
    (tmp_path / "ab" / "cd.1.part").write_bytes(b"half")

    assert 1 == files.sweep()
    assert b"whole" == files.path(name).read_bytes()


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("nonsense", "store.database_url cannot be used"),
        ("oracle+nothing://x", "store.database_url cannot be used"),
        ("postgresql+psycopg://x@127.0.0.1:1/x", "the database does not answer"),
    ],
)
def test_a_database_that_cannot_be_used_is_named(tmp_path, url, says):
    """A wrong URL, a driver that is missing and a server that is down are one sentence each."""
    with pytest.raises(SettingsError, match=says):
        open_engine(StoreSettings(data_dir=tmp_path, database_url=url))


@pytest.mark.parametrize("name", ["what?", "50%20", "a#b", "file:x", ":memory:", "x?mode=memory"])
def test_any_name_of_a_data_folder_will_do(tmp_path, name):
    """A path is no piece of a URL."""
    settings = StoreSettings(data_dir=tmp_path / name)

    open_engine(settings).dispose()
    open_engine(settings, is_reader=True).dispose()

    assert sqlite_file(settings).is_file()
    assert [name] == [path.name for path in tmp_path.iterdir()]


def test_a_commit_on_sqlite_survives_a_power_cut(some_stores):
    """Success promises durability: write-ahead log, and every commit synced."""
    with some_stores.engine.connect() as connection:
        assert "wal" == connection.execute(sa.text("PRAGMA journal_mode")).scalar()
        assert 2 == connection.execute(sa.text("PRAGMA synchronous")).scalar()


def a_file(data_set: bytes, version: str) -> bytes:
    """A DICOM file as a version of the library writes it."""
    meta = b"\x02\x00\x00\x00UL\x04\x00\xff\xff\xff\xff\x02\x00\x01\x00OB\0\0\x02\0\0\0\x00\x01"
    name = version.encode() + b" " * (len(version) % 2)
    return bytes(128) + b"DICM" + meta + b"\x02\x00\x13\x00SH" + len(name).to_bytes(2, "little") + name + data_set


DATA_SET = b"\x08\x00\x05\x00CS\x0a\x00ISO_IR 100"


def test_a_new_version_of_the_library_makes_no_conflict(both_stores):
    """The same data set behind another file meta is the same instance; another data set behind the same is not."""
    key = a_key()

    is_new = [
        keep(both_stores, key, a_file(DATA_SET, "PYNETDICOM_303")),
        keep(both_stores, key, a_file(DATA_SET, "PYNETDICOM_41000")),
        keep(both_stores, key, a_file(DATA_SET[:-1] + b"1", "PYNETDICOM_303")),
    ]

    assert [True, False, True] == is_new
    assert [False, True] == [is_conflict for _, is_conflict in both_stores.instances.all_in_study("1.2.3")]


@pytest.mark.parametrize("is_gone", [False, True])
def test_an_instance_kept_under_the_old_digest_is_known(both_stores, is_gone):
    """A row whose digest covered the file meta stands for its file's data set; without its file nobody knows."""
    key, first = a_key(), a_file(DATA_SET, "PYNETDICOM_303")
    keep(both_stores, key, first)
    (before,) = both_stores.instances.in_study("1.2.3")
    old = hashlib.sha256(f"{key.sop_instance_uid} {key.transfer_syntax_uid} ".encode() + first).hexdigest()
    path = before.path.with_name(f"{old}.dcm")
    before.path.rename(path)
    with both_stores.engine.begin() as connection:
        connection.execute(sa.update(instances).values(digest=old, path=f"{path.parent.name}/{path.name}"))
    if is_gone:
        path.unlink()

    assert is_gone == keep(both_stores, key, a_file(DATA_SET, "PYNETDICOM_41000"))
    kept = both_stores.instances.all_in_study("1.2.3")
    assert [old] == [one.digest for one, is_conflict in kept if not is_conflict]
    assert path == kept[0][0].path


@pytest.mark.parametrize("encoded", [b"", b"content", bytes(128) + b"DICM", a_file(b"", "1")[:150]])
def test_a_file_without_a_data_set_has_a_digest(both_stores, encoded):
    """What is no whole file is kept like any content, once."""
    key = a_key()

    assert [True, False] == [keep(both_stores, key, encoded) for _ in range(2)]
