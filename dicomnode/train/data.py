"""Labelled images: tar files of JPEG or PNG images and one labels.csv.

`labels.csv` holds one row an image: `source`, `patient_id`, `split` (train, val or test), the columns that the
recipe's table [data] names, and one column a finding with 1 present, 0 absent, empty unknown. `view`, `sex` and an
age (`age`, `age_years`, or `paediatric` = 1) are read where they exist.
"""

from __future__ import annotations

import csv
import io
import tarfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import structlog
from numpy.typing import NDArray
from PIL import Image

from dicomnode.errors import PermanentError
from dicomnode.infer.grid import fitted, region_of, stretched
from dicomnode.infer.manifest import PixelRecipe
from dicomnode.records import FloatArray
from dicomnode.train.recipe import DataRecipe

log = structlog.get_logger(__name__)

# N images, K findings, C channels, S side of the model image

SPLITS = ("train", "val", "test")
_CHILD = 8.0
"""Years that stand for a film that is only known to be a child's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Film:
    """One image's row."""

    file: str
    """Name of its first channel in the tar file of its split."""
    files: tuple[str, ...]
    """All channels."""
    source: str
    """Data set it came from."""
    patient_id: str
    split: str
    view: str
    """View Position, empty where unknown."""
    sex: str
    """M, F or empty."""
    age: float
    """Years; NaN where unknown."""
    volume: str
    """The same for all slices of one study."""
    order: float
    """Place of a slice in its study."""
    labels: tuple[float, ...]
    """1 present, 0 absent, NaN unknown; one for each finding."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """The images of one split, ready for the encoder."""

    films: tuple[Film, ...]
    images: FloatArray
    """(N, C, S, S) in [0, 1], before normalisation."""

    @property
    def labels(self) -> FloatArray:
        """(N, K), NaN where unknown."""
        return np.array([film.labels for film in self.films], np.float32)

    @property
    def patients(self) -> NDArray[np.str_]:
        """(N,) patient of each image."""
        return np.array([film.patient_id for film in self.films])

    @property
    def sources(self) -> NDArray[np.str_]:
        """(N,) data set of each image."""
        return np.array([film.source for film in self.films])

    @property
    def volumes(self) -> dict[str, NDArray[np.intp]]:
        """Indices of the slices of each study, in their order."""
        members: dict[str, list[int]] = {}
        for index, film in enumerate(self.films):
            members.setdefault(film.volume, []).append(index)
        return {
            name: np.array(sorted(indices, key=lambda index: self.films[index].order), np.intp)
            for name, indices in members.items()
        }


def films(data_dir: Path, keys: tuple[str, ...], data: DataRecipe | None = None) -> tuple[Film, ...]:
    """Read the labels.

    Parameters
    ----------
    data_dir
        Folder that holds `labels.csv`.
    keys
        Columns of the findings.
    data
        Which columns say what; None: one image a row, in the column `file`.

    Raises
    ------
    PermanentError
        If there is no such file, a column is missing, a value is wrong, or a patient is in two splits.
    """
    rows = read_rows(data_dir / "labels.csv", keys, data or DataRecipe())
    _refuse_leaks(rows, data_dir / "labels.csv")
    return rows


def read_rows(path: Path, keys: tuple[str, ...], data: DataRecipe) -> tuple[Film, ...]:
    """Rows of one labels file (see `films`), without the check for leaks."""
    try:
        with path.open(newline="", encoding="utf-8") as text:
            reader = csv.DictReader(text)
            needed = {*data.files, "source", "patient_id", "split", *keys, data.volume, data.order} - {""}
            missing = sorted(needed - set(reader.fieldnames or ()))
            if missing:
                raise PermanentError(f"{path} lacks the columns {', '.join(missing)}")
            rows = list(reader)
    except FileNotFoundError:
        raise PermanentError(f"there is no labels.csv in {path.parent}") from None
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise PermanentError(f"{path} is not a readable CSV file: {error}") from None
    whole = [row for row in rows if all(row[column] for column in data.files)]
    if len(whole) < len(rows):
        log.warning("left out", rows=len(rows) - len(whole), why="a channel has no image file")
    return tuple(_film(row, keys, data, path) for row in whole)


def _film(row: dict[str, str], keys: tuple[str, ...], data: DataRecipe, path: Path) -> Film:
    values = {"1": 1.0, "0": 0.0, "": float("nan")}
    name = row[data.files[0]]
    for key in keys:
        if row[key] not in values:
            raise PermanentError(f"{path}: {name}: {key} must be 1, 0 or empty, got {row[key]!r}")
    if row["split"] not in SPLITS:
        raise PermanentError(f"{path}: {name}: split must be one of {', '.join(SPLITS)}, got {row['split']!r}")
    return Film(
        file=name,
        files=tuple(row[column] for column in data.files),
        source=row["source"],
        patient_id=row["patient_id"],
        split=row["split"],
        view=row.get("view") or "",
        sex=row.get("sex") or "",
        age=_age(row),
        volume=row[data.volume] if data.volume else name,
        order=_number(row[data.order]) if data.order else 0.0,
        labels=tuple(values[row[key]] for key in keys),
    )


def _age(row: dict[str, str]) -> float:
    for column in ("age", "age_years"):
        if row.get(column):
            return _number(row[column])
    return _CHILD if row.get("paediatric") == "1" else float("nan")


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return float("nan")


def _refuse_leaks(rows: tuple[Film, ...], path: Path) -> None:
    """A patient seen in training must not be tested on: the figures would be too good."""
    split_of: dict[str, str] = {}
    for film in rows:
        if split_of.setdefault(film.patient_id, film.split) != film.split:
            raise PermanentError(
                f"{path}: one patient is in {split_of[film.patient_id]} and in {film.split}"
                f" ({film.file}); every patient must stay in one split"
            )


def read_split(
    data_dir: Path, name: str, keys: tuple[str, ...], pixels: PixelRecipe, data: DataRecipe | None = None
) -> Split:
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
    rows = tuple(film for film in films(data_dir, keys, data) if film.split == name)
    path = data_dir / f"{name}.tar"
    if not rows or not path.is_file():
        raise PermanentError(f"{data_dir} has no {name} split; it needs rows in labels.csv and {name}.tar")
    return Split(films=rows, images=_images(rows, path, pixels))


def read_auxiliary(data_dir: Path, keys: tuple[str, ...], pixels: PixelRecipe, data: DataRecipe) -> Split | None:
    """Training images of the recipe's second labels file, without patients of the validation and test splits.

    Returns
    -------
    Split | None
        None where the recipe names none.

    Raises
    ------
    PermanentError
        As `read_split`.
    """
    if not data.auxiliary:
        return None
    path = data_dir / f"{data.auxiliary}_train.tar"
    kept_apart = {film.patient_id for film in films(data_dir, keys, data) if film.split != "train"}
    known = read_rows(data_dir / f"{data.auxiliary}_labels.csv", keys, data)
    rows = tuple(film for film in known if film.split == "train" and film.patient_id not in kept_apart)
    if not rows or not path.is_file():
        raise PermanentError(f"{data_dir} has no auxiliary images; it needs {path.name} and rows for them")
    return Split(films=rows, images=_images(rows, path, pixels))


def _images(rows: tuple[Film, ...], path: Path, pixels: PixelRecipe) -> FloatArray:
    with tarfile.open(path) as tar:
        return np.stack([_grids([_grey(tar, name, path) for name in film.files], pixels) for film in rows])


def _grey(tar: tarfile.TarFile, name: str, path: Path) -> FloatArray:
    try:
        content = tar.extractfile(name) or io.BytesIO()  # a folder of that name is no image either
        with Image.open(content) as image:
            return np.asarray(image.convert("L"), np.float32) / np.float32(255)
    except KeyError:
        raise PermanentError(f"labels.csv names {name}, which is not in {path}") from None
    except OSError:
        raise PermanentError(f"{name} in {path} is not a readable image") from None


def _grids(channels: list[FloatArray], pixels: PixelRecipe) -> FloatArray:
    """The model's grid of each channel, made as serving makes it; CT slices are windowed already."""
    upright = [grey if pixels.windows else stretched(grey, np.ones(grey.shape, bool), pixels) for grey in channels]
    region = region_of(upright[0], pixels)
    return np.stack([fitted(grey, pixels, rotate_quarters=0, flip_columns=False, region=region)[0] for grey in upright])
