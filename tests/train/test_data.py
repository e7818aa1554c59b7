"""Reading labels and images."""

from __future__ import annotations

import csv
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from dicomnode.errors import PermanentError
from dicomnode.train.data import films, read_split
from dicomnode.train.pool import draw_weights
from dicomnode.train.recipe import Recipe


@pytest.fixture
def a_copy(a_data_dir: Path, tmp_path: Path) -> Path:
    """The generated films, free to spoil."""
    return Path(shutil.copytree(a_data_dir, tmp_path / "films"))


def _change(folder: Path, name: str, values: dict[str, str]) -> None:
    path = folder / "labels.csv"
    with path.open(newline="") as text:
        rows = list(csv.DictReader(text))
    for row in rows:
        if row["file"] == name:
            row.update(values)
    with path.open("w", newline="") as text:
        writer = csv.DictWriter(text, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"patient_id": "PATIENT-test-0"}, "one patient is in train and in test"),
        ({"pneumonia": "maybe"}, "pneumonia must be 1, 0 or empty, got 'maybe'"),
        ({"split": "dev"}, "split must be one of train, val, test, got 'dev'"),
        ({"file": "train/none.jpg"}, "labels.csv names train/none.jpg, which is not in"),
    ],
)
def test_wrong_labels_are_refused(a_copy: Path, a_recipe: Recipe, values: dict[str, str], said: str):
    """Labels that would spoil a run stop it with one sentence, a patient in two splits among them."""
    _change(a_copy, "train/0.jpg", values)

    with pytest.raises(PermanentError) as caught:
        read_split(a_copy, "train", a_recipe.keys, a_recipe.pixels)

    assert said in str(caught.value)
    assert "PATIENT" not in str(caught.value)  # a patient's name has no place in an error


def test_a_missing_column_is_named(a_data_dir: Path):
    """A finding without a column cannot be learned."""
    with pytest.raises(PermanentError, match="lacks the columns gout"):
        films(a_data_dir, ("pneumonia", "gout"))


def test_a_folder_without_labels_is_named(tmp_path: Path):
    """A folder that holds no data says what it needs."""
    with pytest.raises(PermanentError, match="no labels.csv"):
        films(tmp_path, ("pneumonia",))


def test_a_broken_image_is_named(a_copy: Path, a_recipe: Recipe):
    """A member that is no image is named, with its tar file."""
    path = a_copy / "val.tar"
    content = path.read_bytes()
    assert b"JFIF" in content
    path.write_bytes(content.replace(b"\xff\xd8\xff\xe0", b"none"))

    with pytest.raises(PermanentError, match=r"val/0\.jpg in .*val\.tar is not a readable image"):
        read_split(a_copy, "val", a_recipe.keys, a_recipe.pixels)


def test_a_missing_tar_file_is_named(a_copy: Path, a_recipe: Recipe):
    """A split without its tar file says which file it needs."""
    (a_copy / "val.tar").unlink()

    with pytest.raises(PermanentError, match=r"no val split.*val\.tar"):
        read_split(a_copy, "val", a_recipe.keys, a_recipe.pixels)


def test_an_empty_label_is_unknown(a_data_dir: Path, a_recipe: Recipe):
    """The far source knows of no effusion: its labels are neither 0 nor 1."""
    split = read_split(a_data_dir, "train", a_recipe.keys, a_recipe.pixels)
    is_far = np.array([film.source == "far" for film in split.films])

    assert np.isnan(split.labels[is_far, 1]).all()
    assert not np.isnan(split.labels[~is_far]).any()
    assert (24, 1, 64, 64) == split.images.shape


def test_draws_do_not_tell_the_finding_by_patient(a_data_dir: Path, a_recipe: Recipe):
    """Volumes of slices weigh the same, and where one has slices with and without the finding, both are drawn alike."""
    split = read_split(a_data_dir, "train", a_recipe.keys, a_recipe.pixels)
    films = tuple(
        replace(film, source="one", view="", volume="ab"[number >= 6], labels=(float(number in (1, 9, 10)), 0.0))
        for number, film in enumerate(split.films)
    )
    weights = draw_weights(replace(split, films=films), 0)

    assert weights[:6].sum() == pytest.approx(0.5)
    assert weights[1] == pytest.approx(0.25)
    assert weights[[9, 10]].sum() == pytest.approx(0.25)


def test_draws_do_not_tell_the_finding_by_source_or_view(a_data_dir: Path, a_recipe: Recipe):
    """Within every source and view the main finding is present in half of the draws."""
    split = read_split(a_data_dir, "train", a_recipe.keys, a_recipe.pixels)
    weights = draw_weights(split, 0)
    cells = np.array([f"{film.source} {film.view}" for film in split.films])

    for cell in np.unique(cells):
        here = cells == cell
        assert weights[here & (split.labels[:, 0] == 1)].sum() == pytest.approx(weights[here].sum() / 2)
    assert weights.sum() == pytest.approx(1)
