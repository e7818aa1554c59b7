"""The demo: the whole service with the default settings and the bundles that ship."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydicom import Dataset, dcmread

from dicomnode.cli.main import main

SAMPLES = Path(__file__).parents[2] / "sample_dicom"


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> list[Dataset]:
    """What the sandbox PACS received in one run."""
    out = tmp_path_factory.mktemp("demo")
    assert 0 == main(["demo", "--out", str(out), "--samples", str(SAMPLES)])
    return [dcmread(path) for path in sorted((out / "dicom").glob("*.dcm"))]


def _of(results: list[Dataset], folder: str) -> list[Dataset]:
    study = dcmread(next((SAMPLES / folder).glob("*.dcm")), stop_before_pixels=True).StudyInstanceUID
    return [ds for ds in results if ds.StudyInstanceUID == study]


def test_every_study_is_answered(results: list[Dataset]):
    """Each sample study has at least its text report in the PACS."""
    for folder in (path for path in SAMPLES.iterdir() if path.is_dir()):
        assert any(ds.Modality == "SR" for ds in _of(results, folder.name)), folder.name


def test_the_bleed_is_flagged_as_emergent(results: list[Dataset]):
    """Every series of the head CT's results begins with the flag, and key objects point at the slices."""
    found = _of(results, "head-ct-bleed")

    assert {"SR", "OT", "KO"} <= {ds.Modality for ds in found}
    assert all("EMERGENT" in ds.SeriesDescription for ds in found)


def test_the_opacity_is_flagged_and_the_same_chest_without_it_is_not(results: list[Dataset]):
    """The two films differ by the opacity alone."""
    assert any("URGENT" in ds.SeriesDescription for ds in _of(results, "chest-opacity"))
    assert not any("URGENT" in ds.SeriesDescription for ds in _of(results, "chest-normal"))
