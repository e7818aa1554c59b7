"""Labelled DICOM files."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import tiny_bundle
from infer.conftest import a_head, data_set
from pydicom.uid import CTImageStorage, DigitalXRayImageStorageForPresentation

from dicomnode.errors import PermanentError
from dicomnode.infer.bundle import Bundle, load_bundle
from dicomnode.infer.prepare import prepare
from dicomnode.train.dicom_data import read_any_split
from dicomnode.train.evaluation.evaluate import evaluate_bundle
from dicomnode.train.recipe import DataRecipe

_SLICES = DataRecipe(volume="study", order="number")


@pytest.fixture(scope="module")
def a_film_bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """Reads chest films."""
    return load_bundle(tiny_bundle.write_tiny_bundle(tmp_path_factory.mktemp("film")))


@pytest.fixture(scope="module")
def a_ct_bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """Reads head CTs."""
    return load_bundle(tiny_bundle.write_tiny_bundle(tmp_path_factory.mktemp("ct"), kind="ct"))


def write_film(path: Path, number: int) -> None:
    """A chest film; odd ones have a bright patch."""
    pixels = np.random.default_rng(number).integers(60, 80, (64, 64)).astype(np.uint8)
    pixels[0], pixels[1] = 255, 0
    if number % 2:
        pixels[16:40, 16:24] = 190
    ds = data_set(pixels, DigitalXRayImageStorageForPresentation, f"2.25.{1000 + number}")
    ds.Modality, ds.BodyPartExamined, ds.ViewPosition = "DX", "CHEST", "PA"
    ds.save_as(path, enforce_file_format=True)


def write_slice(path: Path, number: int, *, has_blood: bool = False) -> None:
    """One slice of a head, 5 mm above the one before."""
    units = a_head()
    if has_blood:
        units[26:38, 20:30] = 70
    ds = data_set((units + 1024).astype(np.uint16), CTImageStorage, f"2.25.{2000 + number}")
    ds.Modality, ds.BodyPartExamined = "CT", "HEAD"
    ds.ImagePositionPatient, ds.ImageOrientationPatient = [-32, -32, 5 * number], [1, 0, 0, 0, 1, 0]
    ds.PixelSpacing, ds.SliceThickness, ds.RescaleSlope, ds.RescaleIntercept = [1, 1], 5, 1, -1024
    ds.save_as(path, enforce_file_format=True)


def write_labels(folder: Path, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Write labels.csv."""
    with (folder / "labels.csv").open("w", newline="") as text:
        csv.writer(text).writerows([columns, *rows])


_FILM_COLUMNS = ("file", "source", "patient_id", "split", "opacity", "pleural_effusion")


@pytest.fixture
def some_films(tmp_path: Path) -> Path:
    """Twelve labelled DICOM films of the test split."""
    for number in range(12):
        write_film(tmp_path / f"{number}.dcm", number)
    write_labels(tmp_path, _FILM_COLUMNS, [(f"{n}.dcm", "here", f"p{n}", "test", n % 2, "") for n in range(12)])
    return tmp_path


def test_films_are_prepared_as_in_serving(some_films: Path, a_film_bundle: Bundle):
    """The pixels that are measured are those that the encoder gets when the same file is sent to the node."""
    split = read_any_split(some_films, "test", ("opacity",), a_film_bundle)
    (served,) = prepare([some_films / "3.dcm"], a_film_bundle)

    assert (12, 1, 64, 64) == split.images.shape
    assert "3.dcm" == split.films[3].file
    assert np.abs((split.images[3] - 0.5) / 0.25 - served.pixel_values).max() < 1e-6


def test_a_bundle_is_measured_on_dicom_films(some_films: Path, a_film_bundle: Bundle):
    """The whole evaluation runs on a folder of DICOM files."""
    figures = evaluate_bundle(a_film_bundle.folder, some_films, bootstrap=10)

    assert 1 == figures["classifier"]["opacity"]["groups"]["here"]["auroc"]["value"]


def test_rows_of_slices_make_up_a_study(tmp_path: Path, a_ct_bundle: Bundle):
    """Slices come in the order of their positions, each with the label of its own row."""
    for number in (4, 0, 1, 3, 2):
        write_slice(tmp_path / f"s{number}.dcm", number, has_blood=number == 3)
    columns = ("file", "source", "patient_id", "split", "study", "number", "intracranial_hemorrhage")
    rows = [(f"s{n}.dcm", "here", "p", "test", "one", 9 - n, int(n == 3)) for n in (2, 3, 0, 1, 4)]
    write_labels(tmp_path, columns, rows)

    split = read_any_split(tmp_path, "test", ("intracranial_hemorrhage",), a_ct_bundle, _SLICES)

    (order,) = split.volumes.values()
    assert [0, 0, 0, 1, 0] == split.labels[order, 0].tolist()
    assert 3 == split.images[order, 0, 26:38, 20:30].mean((1, 2)).argmax()


def test_a_folder_is_a_study(tmp_path: Path, a_ct_bundle: Bundle):
    """A row that names a folder labels all slices in it."""
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        for number in range(3):
            write_slice(tmp_path / name / f"{number}.dcm", number, has_blood=name == "a")
    columns = ("file", "source", "patient_id", "split", "intracranial_hemorrhage")
    write_labels(tmp_path, columns, [(name, "here", name, "test", int(name == "a")) for name in ("a", "b")])

    split = read_any_split(tmp_path, "test", ("intracranial_hemorrhage",), a_ct_bundle)

    assert {"a", "b"} == set(split.volumes)
    assert [1, 1, 1, 0, 0, 0] == split.labels[:, 0].tolist()


@pytest.mark.parametrize(
    ("columns", "row", "said"),
    [
        (_FILM_COLUMNS, ("none.dcm", "here", "q", "test", 1, ""), "names none.dcm, which is not in"),
        (_FILM_COLUMNS, ("text.dcm", "here", "q", "test", 1, ""), "text.dcm, which cannot be read: .*no.*DICOM|DICOM"),
        (_FILM_COLUMNS, ("slice.dcm", "here", "q", "test", 1, ""), "slice.dcm, which cannot be read: Modality is CT"),
        (_FILM_COLUMNS, ("empty", "here", "q", "test", 1, ""), "the folder empty, which has no file"),
        (_FILM_COLUMNS, ("0.dcm", "here", "p1", "train", 1, ""), "one patient is in test and in train"),
        ((*_FILM_COLUMNS[:4], "gout"), ("0.dcm", "here", "q", "test", 1), "lacks the columns opacity"),
        (_FILM_COLUMNS, ("0.dcm", "here", "q", "val", 1, ""), "has no row of the test split"),
    ],
)
def test_wrong_data_are_refused(
    some_films: Path, a_film_bundle: Bundle, columns: Sequence[str], row: Sequence[object], said: str
):
    """A missing, foreign or unreadable file, a leaking split or a missing column is named in one sentence."""
    (some_films / "empty").mkdir()
    (some_films / "text.dcm").write_text("no image")
    write_slice(some_films / "slice.dcm", 1)
    first = ("1.dcm", "here", "p1", "test", *[1, ""][: len(columns) - 4])
    write_labels(some_films, columns, [row] if "no row" in said else [first, row])

    with pytest.raises(PermanentError, match=said):
        read_any_split(some_films, "test", ("opacity", "pleural_effusion")[: len(columns) - 4], a_film_bundle)
