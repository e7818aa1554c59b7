"""The whole service: work that hangs, loops that fail, a clock that was set back, results that are gone."""

from __future__ import annotations

import datetime as dt

import pytest
import sqlalchemy as sa
from helpers import wait_until
from pydicom import dcmread
from pydicom.uid import generate_uid

from dicomnode.records import JobState
from dicomnode.store.engine import write
from dicomnode.store.schema import deliveries, instances, jobs, studies

IMPATIENT = {"DICOMNODE_SCHEDULE__HUNG_AFTER_S": "15", "DICOMNODE_SEND__DIMSE_TIMEOUT_S": "2"}
IMPATIENT |= {"DICOMNODE_SEND__CONNECT_TIMEOUT_S": "2", "DICOMNODE_SCHEDULE__MAXIMUM_ATTEMPTS": "2"}


def test_a_worker_that_hangs_is_replaced_and_its_study_is_read(a_service, a_film):
    """The supervisor ends the process, its successor tries again, and the log says what happened."""
    a_service.start(fault="dicomnode.node.pipeline:explain", **IMPATIENT)
    a_service.send(a_film)
    a_service.wait_for_fault()
    (job,) = a_service.wait_for_jobs(timeout_s=200)

    assert (JobState.COMPLETED, "findings") == (job["state"], job["outcome"])
    (hung,) = [event for event in a_service.events() if event["event"] == "process hung and was terminated"]
    assert ("worker-0", "worker-0") == (hung["role"], hung["loop"].partition("/")[2])


def test_a_study_over_which_every_worker_hangs_is_answered_in_the_end(a_service, a_film):
    """After its tries it is answered "could not run", with the true reason."""
    a_service.start(fault="dicomnode.node.pipeline:prepare", fault_kind="always", **IMPATIENT)
    a_service.send(a_film)
    (job,) = a_service.wait_for_jobs(timeout_s=260)

    assert (JobState.COMPLETED, "could_not_run") == (job["state"], job["outcome"])
    why = "INTERNAL_ERROR: it made no progress for 15 s and its process was ended (2 tries)"
    assert why == job["reason"]


@pytest.mark.parametrize(
    "function",
    [
        "dicomnode.store.results:ResultStore.claim",
        "dicomnode.schedule.planner:Planner.tick",
        "dicomnode.store.jobs:JobStore.claim",
    ],
)
def test_a_loop_that_fails_is_heard_and_goes_on(a_service, a_film, function):
    """A defect in delivery, scheduler or worker is in the log with its place; afterwards the study is answered."""
    a_service.start(fault=function, fault_kind="raise")
    a_service.send(a_film)
    (job,) = a_service.wait_for_jobs(timeout_s=120)

    assert (JobState.COMPLETED, "findings") == (job["state"], job["outcome"])
    errors = [event for event in a_service.events() if event["event"] == "unexpected error"]
    assert errors
    assert {"AttributeError"} == {event["error"] for event in errors}
    assert "Zyxwv" not in a_service.log_text
    assert "process died" not in a_service.log_text


def test_a_clock_that_was_set_back_an_hour_keeps_nothing_waiting(a_service, a_film, tmp_path):
    """Studies, jobs, leases and results whose times lie in the future go their way as ever."""
    a_service.start(DICOMNODE_SCHEDULE__QUIET_PERIOD_S="3")
    a_service.send(a_film)
    stores = a_service.stores()
    wait_until(lambda: bool(stores.instances.waiting()), timeout_s=20, what="the study waits")
    a_service.kill()
    ahead = dt.datetime.now(dt.UTC) + dt.timedelta(hours=1)
    with write(stores.engine) as connection:
        connection.execute(sa.update(studies).values(waiting_since=ahead, last_instance_at=ahead))
        connection.execute(sa.update(instances).values(received_at=ahead))
    a_service.start(DICOMNODE_SCHEDULE__QUIET_PERIOD_S="3", fault="dicomnode.node.pipeline:explain")
    a_service.wait_for_fault()
    a_service.kill()
    with write(stores.engine) as connection:
        held = {"lease_owner": "another", "lease_until": ahead, "not_before": ahead, "attempts": 1}
        connection.execute(sa.update(jobs).values(**held))
    a_service.start(DICOMNODE_SCHEDULE__LEASE_S="4")
    (job,) = a_service.wait_for_jobs(timeout_s=90)
    stores.engine.dispose()

    assert (JobState.COMPLETED, "findings") == (job["state"], job["outcome"])


def test_results_that_are_gone_stop_no_destination(a_service, a_pacs, a_film, tmp_path):
    """A node that was stopped with results waiting sends what is left of them, and every other study."""
    a_service.start(fault="dicomnode.node.doors:StoreSCU.send")
    a_service.send(a_film)
    a_service.wait_for_fault()
    a_service.kill()
    stores = a_service.stores()
    gone, *_ = stores.results.of_job(1)
    gone.path.unlink()
    ds = dcmread(a_film)
    ds.StudyInstanceUID, ds.SOPInstanceUID = generate_uid(), generate_uid()
    ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID
    ds.save_as(tmp_path / "second.dcm")
    a_service.start()
    a_service.send(tmp_path / "second.dcm")
    first, second = sorted(a_service.wait_for_jobs(2), key=lambda job: job["id"])

    assert (JobState.COMPLETED, "") == (second["state"], second["reason"])
    assert JobState.COMPLETED == first["state"]
    assert f"file {gone.path.name} is missing" in first["reason"]
    assert first["reason"].startswith("PARTLY DELIVERED: 1 of ")
    with stores.engine.connect() as connection:
        states = connection.execute(sa.select(deliveries.c.state).where(deliveries.c.job_id == 1)).scalars().all()
    stores.engine.dispose()
    assert 1 == states.count("FAILED")
    assert "process died" not in a_service.log_text
