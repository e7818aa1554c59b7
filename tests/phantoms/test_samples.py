"""The committed studies and the program that makes them."""

from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np
import pydicom
import pytest
from helpers import program
from pydicom import Dataset

from dicomnode.dicom.uids import MANUFACTURER
from dicomnode.infer.accept import view
from dicomnode.phantoms.samples import SAMPLES
from dicomnode.phantoms.stories import STORIES

COMMITTED = Path(__file__).parents[2] / "sample_dicom"
FILES = sorted(path.relative_to(COMMITTED) for path in COMMITTED.rglob("*.dcm"))
MISSING_ON_PURPOSE = {
    "AccessionNumber", "PatientBirthDate", "PatientSex", "ReferringPhysicianName", "StudyID", "StudyTime",
}  # fmt: skip


def test_the_samples_are_the_studies_the_readme_describes():
    """Folders, generators and README agree."""
    readme = (COMMITTED / "README.md").read_text(encoding="utf-8")

    assert set(SAMPLES) == set(STORIES) == {path.parts[0] for path in FILES}
    assert all(f"| `{name}/` | {story.line} |" in readme for name, story in STORIES.items())


def test_a_sample_is_told_from_the_others_by_its_description():
    """A worklist shows seven different studies; the notice is whole in each (VR LO: 64 characters)."""
    described = {}
    for file in FILES:
        ds = pydicom.dcmread(COMMITTED / file, stop_before_pixels=True)
        described.setdefault(file.parts[0], set()).add(ds.StudyDescription)

    assert {name: {story.study_description} for name, story in STORIES.items()} == described
    assert len(STORIES) == len({story.study_description for story in STORIES.values()})
    assert 64 >= max(len(story.study_description) for story in STORIES.values())


def test_regenerating_writes_the_same_files(a_written_folder):
    """No sample is missing, and none is there that the program does not write."""
    assert FILES == sorted(path.relative_to(a_written_folder) for path in a_written_folder.rglob("*.dcm"))


@pytest.mark.parametrize("file", FILES, ids=str)
def test_a_regenerated_sample_equals_the_committed_one(a_written_folder, file):
    """Headers are equal; pixels too, but for one grey value where another processor's Fourier transform rounds."""
    committed, again = pydicom.dcmread(COMMITTED / file), pydicom.dcmread(a_written_folder / file)
    difference = committed.pixel_array.astype(int) - again.pixel_array

    del committed.PixelData, again.PixelData
    assert committed == again
    assert committed.file_meta == again.file_meta
    assert 1 >= np.abs(difference).max()
    assert 0.001 > np.mean(difference != 0)


@pytest.mark.parametrize("file", FILES, ids=str)
def test_a_sample_says_that_it_is_synthetic(file):
    """Whoever meets a sample in an archive sees that no patient stands behind it."""
    ds = pydicom.dcmread(COMMITTED / file, stop_before_pixels=True)

    assert "SYNTHETIC" == ds.PatientName.family_name
    assert ds.PatientID.startswith("SYNTHETIC-")
    assert "synthetic sample, no patient" in ds.StudyDescription
    assert "Synthetic sample, no patient" == ds.ImageComments
    assert "NO" == ds.BurnedInAnnotation


@pytest.mark.parametrize("file", FILES, ids=str)
def test_a_sample_is_not_taken_for_a_result(file):
    """A node skips objects made by a dicomnode; samples must be read."""
    ds = pydicom.dcmread(COMMITTED / file, stop_before_pixels=True)

    assert MANUFACTURER != ds.Manufacturer


def test_the_hard_header_is_hard():
    """Every difficulty that the README names is in the file."""
    ds = pydicom.dcmread(COMMITTED / "hard-header" / "CR001.dcm")

    assert not MISSING_ON_PURPOSE & set(ds.dir())
    assert "MONOCHROME1" == ds.PhotometricInterpretation
    assert ds.file_meta.TransferSyntaxUID.is_compressed
    assert "GB18030" == ds.SpecificCharacterSet
    assert "合成^样本" == ds.PatientName.ideographic
    assert "合成".encode("gb18030") in (COMMITTED / "hard-header" / "CR001.dcm").read_bytes()


@pytest.mark.parametrize(("name", "apart_mm"), [("head-ct-bleed", 5.0), ("ctpa-embolus", 6.25)])
def test_a_ct_series_is_one_even_volume(name, apart_mm):
    """Slices share a frame of reference and lie evenly apart."""
    series = [pydicom.dcmread(path) for path in sorted((COMMITTED / name).iterdir())]
    heights = [ds.ImagePositionPatient[2] for ds in series]

    assert 1 == len({ds.FrameOfReferenceUID for ds in series})
    assert {apart_mm} == set(np.diff(heights))


def test_the_angiogram_is_one_by_its_header():
    """A model that reads only contrast-enhanced chests can tell."""
    ds = pydicom.dcmread(COMMITTED / "ctpa-embolus" / "CT001.dcm", stop_before_pixels=True)

    assert "CHEST" == ds.BodyPartExamined
    assert ds.ContrastBolusAgent


def test_the_samples_are_small():
    """The folder stays below 7 MB."""
    assert 7_000_000 > sum((COMMITTED / file).stat().st_size for file in FILES)


@pytest.mark.parametrize("file", FILES, ids=str)
def test_dciodvfy_finds_no_error(file):
    """Every sample is a valid object of its class, but for what the hard header leaves out."""
    command = [program("dciodvfy", "dicom3tools"), "-new", COMMITTED / file]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    errors = {line for line in done.stderr.splitlines() if line.startswith("Error")}
    expected = MISSING_ON_PURPOSE if file.parts[0] == "hard-header" else set()

    assert expected == {line.split("</")[1].split("(")[0] for line in errors}


@pytest.mark.parametrize("file", [file for file in FILES if file.name.startswith("DX")], ids=str)
def test_the_view_of_a_film_is_coded_as_it_is_written(file):
    """View Code and View Position say the same: 272479007 is postero-anterior in CID 4010, 399348003 the reverse."""
    ds = pydicom.dcmread(COMMITTED / file, stop_before_pixels=True)
    by_code = Dataset()
    by_code.ViewCodeSequence = ds.ViewCodeSequence

    assert ("PA", "PA") == (view(ds), view(by_code))
    assert "postero-anterior" == ds.ViewCodeSequence[0].CodeMeaning
