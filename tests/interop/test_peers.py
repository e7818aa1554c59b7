"""The peers work as the end-to-end tests rely on, shown with the sample studies."""

from __future__ import annotations

import pydicom
import pytest
from helpers import ROOT, wait_until
from interop.peers import dcmsend, storescu
from pydicom.uid import generate_uid

from dicomnode.dicom.uids import MANUFACTURER

SAMPLES = ROOT / "sample_dicom"
OPACITY = SAMPLES / "chest-opacity" / "DX001.dcm"


@pytest.fixture
def a_study():
    return pydicom.dcmread(OPACITY)


def test_orthanc_keeps_every_sample_and_finds_it(an_orthanc):
    """What dcmsend sends, compressed or not, QIDO finds study by study."""
    done = dcmsend(an_orthanc.destination, SAMPLES)
    sent = [pydicom.dcmread(path, stop_before_pixels=True) for path in SAMPLES.rglob("*.dcm")]

    assert 0 == done.returncode, done.stderr
    assert {ds.StudyInstanceUID for ds in sent} == {hit["0020000D"][0] for hit in an_orthanc.qido("studies")}
    for ds in sent:
        assert ds.SOPInstanceUID in an_orthanc.instances_of(ds.StudyInstanceUID)
        assert [ds.Modality] == an_orthanc.modalities_of(ds.StudyInstanceUID)


def test_storescu_sends_the_uncompressed_sample(a_storescp):
    """A modality's plain storescu delivers, and storescp keeps the data set unchanged."""
    done = storescu(a_storescp.destination, OPACITY)

    assert 0 == done.returncode, done.stderr
    assert [pydicom.dcmread(OPACITY)] == [pydicom.dcmread(path) for path in a_storescp.files()]


def test_orthanc_routes_a_study_at_rest_once(an_orthanc, a_storescp, a_study, tmp_path):
    """Results that come back to the study do not send it round again; a late instance does."""
    an_orthanc.register(a_storescp.destination)

    an_orthanc.upload(OPACITY)
    wait_until(lambda: len(a_storescp.files()) == 1, timeout_s=15, what="the study is routed")
    an_orthanc.upload(_another_series(a_study, MANUFACTURER, tmp_path / "result.dcm"))
    wait_until(lambda: _rests(an_orthanc, a_study), timeout_s=15, what="the study rests with its result")
    routed_after_result = len(an_orthanc.store_jobs())
    an_orthanc.upload(_another_series(a_study, "another maker", tmp_path / "late.dcm"))
    wait_until(lambda: len(a_storescp.files()) == 3, timeout_s=15, what="the study is routed with its late instance")

    assert 1 == routed_after_result
    assert 2 == len(an_orthanc.store_jobs())


def _another_series(ds, manufacturer, path):
    ds.SeriesInstanceUID, ds.SOPInstanceUID = generate_uid(), generate_uid()
    ds.Manufacturer = manufacturer
    ds.save_as(path, enforce_file_format=True)
    return path


def _rests(peer, ds):
    """Orthanc calls the study stable and has told of it as often as the study came to rest."""
    stable = [
        change for change in peer.get("/changes", limit="1000")["Changes"] if change["ChangeType"] == "StableStudy"
    ]
    return len(stable) == 2
