"""A study in, a report out: the whole service between peers of other makers."""

from __future__ import annotations

import subprocess

import pytest
from helpers import ROOT, program, wait_until
from interop.peers import storescu
from pydicom import dcmread
from service_process import service

from dicomnode.records import JobState

SAMPLES = ROOT / "sample_dicom"


def test_storescu_to_node_to_storescp(a_storescp, tmp_path):
    """DCMTK's modality sends a film, and DCMTK's archive gets results that every validator accepts."""
    with service(tmp_path / "node", destination=a_storescp.destination) as node:
        node.start()
        assert 0 == storescu(node.peer, SAMPLES / "chest-opacity").returncode
        (job,) = node.wait_for_jobs()
        assert 0 == node.stop()

    assert (JobState.COMPLETED, "findings") == (job["state"], job["outcome"])
    files = a_storescp.files()
    modalities = [dcmread(path).Modality for path in files]
    assert {"SR", "KO", "OT"} <= {*modalities}
    for path in files:
        assert "" == faults_of([program("dciodvfy", "dicom3tools"), "-new", str(path)], marks=("Error",)), path
    for path in (p for p, modality in zip(files, modalities, strict=True) if modality == "SR"):
        done = subprocess.run([program("dsrdump", "dcmtk"), "+Pt", "+Pc", path], capture_output=True, check=False)
        assert 0 == done.returncode, done.stderr


def faults_of(command: list[str], *, marks: tuple[str, ...]) -> str:
    """Lines of a validator's output that begin with one of the marks."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return "\n".join(line for line in (done.stdout + done.stderr).splitlines() if line.startswith(marks))


@pytest.mark.parametrize(("study", "outcome"), [("chest-opacity", "findings"), ("head-ct-bleed", "findings")])
def test_orthanc_routes_a_study_and_finds_the_results_in_it(an_orthanc, tmp_path, study, outcome):
    """The PACS sends a study at rest to the node, and QIDO finds SR and SC in the same study soon after."""
    with service(tmp_path / "node", destination=an_orthanc.destination) as node:
        node.start()
        an_orthanc.register(node.peer)
        files = sorted((SAMPLES / study).glob("*.dcm"))
        for path in files:
            an_orthanc.upload(path)
        (job,) = node.wait_for_jobs(timeout_s=90)
        stores = node.stores()
        results = {r.sop_instance_uid for r in stores.results.of_job(job["id"])}
        uid = str(dcmread(files[0]).StudyInstanceUID)

        assert (JobState.COMPLETED, outcome) == (job["state"], job["outcome"])
        assert {"SR", "OT"} <= {*an_orthanc.modalities_of(uid)}
        assert results <= an_orthanc.instances_of(uid)
        # The results make the study stable once more: it must not come back, nor be read again if it does.
        wait_until(
            lambda: an_orthanc.get(f"/studies/{an_orthanc.get('/studies')[0]}")["IsStable"],
            timeout_s=30,
            what="the study is at rest again",
        )
        assert 1 == len(stores.jobs.list())
        stores.engine.dispose()
