"""SIGKILL at every stage: nothing acknowledged is lost, and every study has one set of results."""

from __future__ import annotations

import os
import signal
import threading
from pathlib import Path

import pytest
from pydicom import dcmread

from dicomnode.dicom.uids import derived_uid
from dicomnode.records import JobState
from dicomnode.store.withdrawals import Withdrawals

STAGES = {
    "receive, before the file": "dicomnode.store.files:FileStore.keep",
    "receive, between file and row": "dicomnode.store.instances:InstanceStore._insert",
    "schedule": "dicomnode.store.jobs:JobStore.add",
    "triage": "dicomnode.node.pipeline:Pipeline.triage",
    "infer": "dicomnode.node.pipeline:prepare",
    "explain": "dicomnode.node.pipeline:explain",
    "report": "dicomnode.node.pipeline:write_report",
    "compose": "dicomnode.node.pipeline:compose",
    "keep the results": "dicomnode.store.results:insert_deliveries",
    "send, the peer holds it and we do not know": "dicomnode.store.results:ResultStore.held",
}


def send_in_background(service, path: Path) -> threading.Thread:
    """Send a film without waiting for the answer that a killed receiver never gives."""
    thread = threading.Thread(target=service.send, args=(path,), daemon=True)
    thread.start()
    return thread


@pytest.mark.parametrize("stage", STAGES)
def test_a_kill_loses_nothing_and_doubles_nothing(a_service, a_pacs, a_film, stage):
    """Killed at a stage and started again, the service answers the study once, with the UIDs of its answer key."""
    a_service.start(fault=STAGES[stage])
    sender = send_in_background(a_service, a_film)
    a_service.wait_for_fault()
    a_service.kill()
    sender.join(30)

    a_service.start()
    if stage.startswith("receive"):
        assert [] == a_service.stores().instances.summaries(), "what was not acknowledged left no row"
        assert [True] == a_service.send(a_film)
    (job,) = a_service.wait_for_jobs()

    assert (JobState.COMPLETED, "findings") == (job["state"], job["outcome"])
    stores = a_service.stores()
    (kept,) = stores.instances.in_study(job["study_instance_uid"])
    assert dcmread(a_film).PixelData == dcmread(kept.path).PixelData
    results = {r.role: r.sop_instance_uid for r in stores.results.of_job(job["id"])}
    (answer,) = Withdrawals(stores.results).of_study(job["study_instance_uid"])
    assert {role: derived_uid(answer.key, role) for role in results} == results
    assert {"text-sr.en", "regions-sr", "overlay.opacity"} <= results.keys()
    arrived = [(key.sop_instance_uid, path.read_bytes()) for key, path in a_pacs[0].sink.arrivals]
    assert set(results.values()) == {uid for uid, _ in arrived}
    assert len(results) == len(set(arrived)), "an object that came twice was the same to the byte"
    assert "Traceback" not in a_service.log_text


WITHDRAWAL = {
    "before the note is composed": "dicomnode.node.withdrawing:rejection_note",
    "between deliveries and notes": "dicomnode.store.withdrawals:_cancel_deliveries",
    "before the transaction ends": "dicomnode.store.withdrawals:_reopen_or_finish",
    "the peer holds the note and we do not know": "dicomnode.store.results:ResultStore.held",
}


@pytest.mark.parametrize("stage", WITHDRAWAL)
def test_a_kill_during_a_withdrawal_withdraws_once(a_service, a_pacs, a_film, tmp_path, stage):
    """Killed while a second answer replaces the first, the service withdraws the first by one note."""
    a_service.start()
    assert [True] == a_service.send(a_film)
    a_service.wait_for_jobs()
    a_service.stop()
    second = dcmread(a_film)
    second.SOPInstanceUID = second.file_meta.MediaStorageSOPInstanceUID = f"{second.SOPInstanceUID}.2"
    second.save_as(tmp_path / "second.dcm")
    a_service.start(fault=WITHDRAWAL[stage])
    send_in_background(a_service, tmp_path / "second.dcm")
    a_service.wait_for_fault()
    a_service.kill()
    a_service.start()
    jobs = {job["id"]: job for job in a_service.wait_for_jobs(2)}

    stores = a_service.stores()
    old, new = Withdrawals(stores.results).of_study(jobs[1]["study_instance_uid"])
    assert (False, True, 2) == (old.stands, new.stands, old.replaced_by)
    assert {JobState.COMPLETED} == {job["state"] for job in jobs.values()}
    notes = [r for r in stores.results.of_job(1) if r.role.startswith("rejection")]
    arrived = [(key.sop_instance_uid, path.read_bytes()) for key, path in a_pacs[0].sink.arrivals]
    assert [1, 1] == [len(notes), sum(uid == notes[0].sop_instance_uid for uid, _ in set(arrived))]
    kept = {r.sop_instance_uid for number in jobs for r in stores.results.of_job(number)}
    assert kept == {uid for uid, _ in arrived}
    assert len(kept) == len(set(arrived))


def test_a_process_that_dies_is_started_again(a_service, a_film):
    """The study it died of is read by its successor."""
    a_service.start(fault="dicomnode.node.pipeline:Pipeline.answer")
    a_service.send(a_film)
    a_service.wait_for_fault()
    for pid in a_service.children():
        os.kill(pid, signal.SIGKILL)
    (job,) = a_service.wait_for_jobs()

    assert (JobState.COMPLETED, "findings") == (job["state"], job["outcome"])
    assert "process died" in a_service.log_text
    assert 0 == a_service.stop(), "a service whose processes have died still stops in good order"
