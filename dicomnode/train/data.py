"""Labelled radiographs: tar files of JPEG images and one labels.csv.

`labels.csv` holds one row an image: `file` (member of `<split>.tar`), `source`, `patient_id`, `split` (train,
val or test), `view`, and one column a finding with 1 present, 0 absent, empty unknown.
"""

from __future__ import annotations

import csv
import io
import tarfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from dicomnode.errors import PermanentError
from dicomnode.infer.grid import fitted, stretched
from dicomnode.infer.manifest import PixelRecipe
from dicomnode.records import FloatArray

# N images, K findings, S side of the model image

SPLITS = ("train", "val", "test")
_COLUMNS = ("file", "source", "patient_id", "split", "view")


@dataclass(frozen=True, slots=True, kw_only=True)
class Film:
    """One image's row."""

    file: str
    """Name in the tar file of its split."""
    source: str
    """Data set it came from."""
    patient_id: str
    split: str
    view: str
    """View Position, empty where unknown."""
    labels: tuple[float, ...]
    """1 present, 0 absent, NaN unknown; one for each finding."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """The images of one split, ready for the encoder."""

    films: tuple[Film, ...]
    images: FloatArray
    """(N, S, S) in [0, 1], before normalisation."""

    @property
    def labels(self) -> FloatArray:
        """(N, K), NaN where unknown."""
        return np.array([film.labels for film in self.films], np.float32)

    @property
    def patients(self) -> NDArray[np.str_]:
        """(N,) patient of each image."""
        return np.array([film.patient_id for film in self.films])


def films(data_dir: Path, keys: tuple[str, ...]) -> tuple[Film, ...]:
    """Read the labels.

    Parameters
    ----------
    data_dir
        Folder that holds `labels.csv`.
    keys
        Columns of the findings.

    Raises
    ------
    PermanentError
        If the file or a column is missing, a label is none of 1, 0 and empty, a split is unknown,
        or a patient stands in more than one split.
    """
    path = data_dir / "labels.csv"
    if not path.is_file():
        raise PermanentError(f"no labels.csv in {data_dir}; it must name file, source, patient_id, split and findings")
    with path.open(newline="", encoding="utf-8") as text:
        reader = csv.DictReader(text)
        missing = [name for name in (*_COLUMNS, *keys) if name not in (reader.fieldnames or ())]
        if missing:
            raise PermanentError(f"{path} lacks the columns {', '.join(missing)}")
        rows = tuple(_film(row, keys, path) for row in reader)
    _refuse_leaks(rows, path)
    return rows


def _film(row: dict[str, str], keys: tuple[str, ...], path: Path) -> Film:
    values = {"1": 1.0, "0": 0.0, "": float("nan")}
    for key in keys:
        if row[key] not in values:
            raise PermanentError(f"{path}: {row['file']}: {key} must be 1, 0 or empty, got {row[key]!r}")
    if row["split"] not in SPLITS:
        raise PermanentError(f"{path}: {row['file']}: split must be one of {', '.join(SPLITS)}, got {row['split']!r}")
    labels = tuple(values[row[key]] for key in keys)
    return Film(**{name: row[name] for name in _COLUMNS}, labels=labels)


def _refuse_leaks(rows: tuple[Film, ...], path: Path) -> None:
    """A patient seen in training must not be tested on: the figures would be too good."""
    split_of: dict[str, str] = {}
    for film in rows:
        if split_of.setdefault(film.patient_id, film.split) != film.split:
            raise PermanentError(
                f"{path}: one patient stands in {split_of[film.patient_id]} and in {film.split}"
                f" ({film.file}); every patient must stay in one split"
            )


def read_split(data_dir: Path, name: str, keys: tuple[str, ...], pixels: PixelRecipe) -> Split:
    """Read the images and labels of one split.

    Parameters
    ----------
    data_dir
        Folder of `labels.csv` and `<name>.tar`.
    name
        train, val or test.

    Raises
    ------
    PermanentError
        If the labels are wrong (see `films`), the tar file is missing, a labelled image is not in it
        or cannot be decoded, or the split is empty.
    UnsupportedImageError
        If an image is of one grey all over.
    """
    rows = tuple(film for film in films(data_dir, keys) if film.split == name)
    path = data_dir / f"{name}.tar"
    if not rows or not path.is_file():
        raise PermanentError(f"{data_dir} has no {name} split; it needs rows in labels.csv and {name}.tar")
    with tarfile.open(path) as tar:
        images = np.stack([_grid(_grey(tar, film.file, path), pixels) for film in rows])
    return Split(films=rows, images=images)


def _grey(tar: tarfile.TarFile, name: str, path: Path) -> FloatArray:
    try:
        content = tar.extractfile(name) or io.BytesIO()  # a folder of that name is no image either
        with Image.open(content) as image:
            return np.asarray(image.convert("L"), np.float32) / np.float32(255)
    except KeyError:
        raise PermanentError(f"labels.csv names {name}, which is not in {path}") from None
    except OSError:
        raise PermanentError(f"{name} in {path} is not a readable image") from None


def _grid(grey: FloatArray, pixels: PixelRecipe) -> FloatArray:
    """The model's grid, made as serving makes it."""
    upright = stretched(grey, np.ones(grey.shape, bool), pixels)
    return fitted(upright, pixels, rotate_quarters=0, flip_columns=False)[0]
