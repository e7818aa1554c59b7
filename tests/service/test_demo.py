"""The demo: the whole service with the default settings and the bundles that ship."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydicom import Dataset, dcmread

from dicomnode.cli.main import main
from dicomnode.dicom.document import document_lines, document_text

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


def test_every_report_comes_in_every_language(results: list[Dataset]):
    """One text report a language, each of them in its own letters."""
    texts = [ds for ds in _of(results, "head-ct-bleed") if "text report" in ds.SeriesDescription]

    said = {next(document_lines(ds)).value: document_text(ds) for ds in texts}
    assert {"English", "Spanish", "German", "French", "Portuguese", "Chinese", "Hindi", "Arabic"} == set(said)
    for language, words in {
        "German": "Verdacht auf",
        "Chinese": "\u9885\u5185\u51fa\u8840",
        "Arabic": "\u0646\u0632\u0641",
    }.items():
        assert words in said[language]


def test_the_later_film_is_compared_with_the_earlier(results: list[Dataset]):
    """The patient of the opacity was filmed before: the report names that study."""
    texts = [document_text(ds) for ds in _of(results, "chest-opacity") if "text report en" in ds.SeriesDescription]

    assert 1 == len(texts)
    assert "Compared with the study of" in texts[0]
