"""What a job reads is recorded once, and outlives every change of study and rules."""

from __future__ import annotations

import datetime as dt

import sqlalchemy as sa
from alembic import command
from alembic.config import Config

from dicomnode.records import InstanceKey, JobState
from dicomnode.store.inputs import JobInputs
from dicomnode.store.jobs import new_job

NOW = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)


def keep(stores, *uids: str) -> None:
    """Keep instances of the study 1.2.3."""
    for uid in uids:
        key = InstanceKey(
            study_instance_uid="1.2.3", series_instance_uid="1.2.3.1", sop_instance_uid=uid, sop_class_uid="1.2.840",
            transfer_syntax_uid="1.2.840.10008.1.2.1", modality="CR", is_own=False,
        )  # fmt: skip
        stores.instances.keep(key, uid.encode(), calling_ae_title="CT1")


def a_job(key: str = "k") -> dict:
    """Columns of a job of the study 1.2.3."""
    return new_job(
        key=key, study_instance_uid="1.2.3", revision="r", rule="chest", bundle="cxr", destinations=(), due_at=NOW,
        now=NOW,
    )  # fmt: skip


def test_a_job_reads_what_it_was_made_for_also_when_more_has_come(both_stores):
    """Inputs are rows of their own, in order of arrival, those that are only beside told apart."""
    keep(both_stores, "1.1", "1.2", "1.3")
    one, two, three = both_stores.instances.in_study("1.2.3")
    (study,) = both_stores.instances.waiting()
    inputs = {"k": JobInputs(read=[three, one], beside=[two])}
    assert both_stores.jobs.add(a_job(), last_instance_at=study.last_instance_at, inputs=inputs)
    keep(both_stores, "1.4")
    (job,) = both_stores.jobs.list()

    assert [one, three] == both_stores.inputs.of(job["id"])
    assert [one, two, three] == both_stores.inputs.with_beside(job["id"])
    assert [] == both_stores.inputs.of(999)


def test_a_study_that_grew_meanwhile_gets_neither_job_nor_inputs(both_stores):
    """Both stand in one transaction."""
    keep(both_stores, "1.1")
    (seen,) = both_stores.instances.waiting()
    keep(both_stores, "1.2")
    inputs = {"k": JobInputs(read=both_stores.instances.in_study("1.2.3"))}

    assert not both_stores.jobs.add(a_job(), last_instance_at=seen.last_instance_at, inputs=inputs)
    with both_stores.engine.connect() as connection:
        assert 0 == connection.execute(sa.text("SELECT count(*) FROM job_inputs")).scalar()


def test_the_last_word_on_the_series_is_kept(both_stores):
    """A job that runs twice says it twice; a job of which nothing was said has no rows."""
    keep(both_stores, "1.1")
    (study,) = both_stores.instances.waiting()
    both_stores.jobs.add(a_job(), last_instance_at=study.last_instance_at)
    (job,) = both_stores.jobs.list()
    rows = [{"series": "1.2.3.1", "is_read": True, "why": ""}, {"series": "1.2.3.2", "is_read": False, "why": "bone"}]
    assert [] == both_stores.inputs.selection_of(job["id"])

    both_stores.inputs.note_selection(job["id"], [])
    both_stores.inputs.note_selection(job["id"], rows)

    assert rows == both_stores.inputs.selection_of(job["id"])


def test_jobs_from_before_inputs_were_recorded_keep_an_answer(both_stores):
    """An ended one has the instances of its study that there were; an open one is planned anew."""
    keep(both_stores, "1.1", "1.2")
    for key in ("ended", "open"):
        both_stores.instances.read_again("1.2.3")
        (study,) = both_stores.instances.waiting()
        row = a_job(key) | {"created_at": study.last_instance_at}
        assert both_stores.jobs.add(row, last_instance_at=study.last_instance_at)
        if key == "ended":
            both_stores.jobs.cancel(1, reason="CANCELED: by the operator", now=NOW)
    keep(both_stores, "1.3")
    kept = both_stores.instances.in_study("1.2.3")
    _migrate(both_stores.engine, command.downgrade, "0003")

    _migrate(both_stores.engine, command.upgrade, "head")

    assert kept[:2] == both_stores.inputs.of(1)
    open_job = both_stores.jobs.get(2)
    assert (JobState.CANCELED, "SUPERSEDED: planned anew after an upgrade") == (open_job.state, open_job.reason)
    assert ["1.2.3"] == [study.study_instance_uid for study in both_stores.instances.waiting()]


def _migrate(engine, way, revision: str) -> None:
    config = Config()
    config.set_main_option("script_location", "dicomnode/store/migrations")
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        way(config, revision)
