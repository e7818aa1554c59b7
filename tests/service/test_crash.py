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
    """Killed at a stage and started again, the service answers the study once, with the UIDs of its job key."""
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
    assert {role: derived_uid(job["key"], role) for role in results} == results
    assert {"text-sr.en", "regions-sr", "overlay.opacity"} <= results.keys()
    arrived = [(key.sop_instance_uid, path.read_bytes()) for key, path in a_pacs[0].sink.arrivals]
    assert set(results.values()) == {uid for uid, _ in arrived}
    assert len(results) == len(set(arrived)), "an object that came twice was the same to the byte"
    assert "Traceback" not in a_service.log_text


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
