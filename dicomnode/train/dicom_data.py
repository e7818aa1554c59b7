"""Labelled DICOM files: a data folder whose labels.csv names them instead of members of a tar file.

The recipe's file column (`file`, where it says nothing else) holds a path from the folder: of one DICOM file, whose
row labels this image, or of a folder with the DICOM files of one study, whose row labels all its images alike. Rows of
single slices that share a value in the recipe's volume column make up one study. Pixels are prepared as in serving.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

from dicomnode.dicom.elements import text
from dicomnode.errors import NotApplicableError, NotJudgedError, PermanentError, UnsupportedImageError
from dicomnode.infer.files import read_headers
from dicomnode.infer.manifest import Accepts, PixelRecipe, Prefers
from dicomnode.infer.prepare import Readable, prepare_study
from dicomnode.records import FloatArray, PreparedImage
from dicomnode.train.data import Film, Split, films, read_split
from dicomnode.train.recipe import DataRecipe


def read_any_split(
    data_dir: Path, name: str, keys: tuple[str, ...], readable: Readable, data: DataRecipe | None = None
) -> Split:
    """Read one split of a folder with DICOM files or with tar files (see `data.read_split`), whichever it has.

    Raises
    ------
    PermanentError, UnsupportedImageError
        As `read_dicom_split` and `data.read_split`.
    """
    if any(_is_dicom(data_dir, film) for film in films(data_dir, keys, data)):
        return read_dicom_split(data_dir, name, keys, readable, data)
    return read_split(data_dir, name, keys, readable.pixels, data)


def _is_dicom(data_dir: Path, film: Film) -> bool:
    return film.file.lower().endswith((".dcm", ".dicom")) or (data_dir / film.file).is_dir()


def read_dicom_split(
    data_dir: Path, name: str, keys: tuple[str, ...], readable: Readable, data: DataRecipe | None = None
) -> Split:
    """Read the DICOM images and labels of one split.

    Parameters
    ----------
    data_dir
        Folder of `labels.csv`.
    name
        train, val or test.
    keys
        Columns of the findings.
    readable
        What is read and how its pixels are prepared: a bundle or a recipe.
    data
        Which columns say what; None: one file or folder a row, in the column `file`.

    Returns
    -------
    Split
        One film for each image: each frame of a radiograph, each slice of a CT in order along its normal.

    Raises
    ------
    PermanentError
        If the labels are wrong (see `data.films`), the split is empty, a file is missing or cannot be read, or is of
        a kind that is not read.
    """
    rows = tuple(film for film in films(data_dir, keys, data) if film.split == name)
    if not rows:
        raise PermanentError(f"{data_dir / 'labels.csv'} has no row of the {name} split")
    studies: dict[str, list[Film]] = {}
    for film in rows:
        studies.setdefault(film.volume, []).append(film)
    read = [pair for members in studies.values() for pair in _read_study(data_dir, members, readable)]
    return Split(films=tuple(film for film, _ in read), images=np.stack([image for _, image in read]))


class _AsLabelled(NamedTuple):
    """What is prepared as in serving, but by no preference: what a model was measured on is what is labelled."""

    accepts: Accepts
    pixels: PixelRecipe
    prefers: Prefers = Prefers()


def _read_study(data_dir: Path, rows: Sequence[Film], readable: Readable) -> list[tuple[Film, FloatArray]]:
    """Films and images (C, S, S) of the rows that make up one study."""
    paths = {path: row for row in rows for path in _paths(data_dir, row)}
    try:
        headers = read_headers(list(paths))
        rows_by_uid = {text(header.ds, "SOPInstanceUID"): paths[header.path] for header in headers}
        prepared = prepare_study(headers, _AsLabelled(readable.accepts, readable.pixels)).images
    except (NotApplicableError, NotJudgedError, UnsupportedImageError) as error:
        raise PermanentError(f"labels.csv names {rows[0].file}, which cannot be read: {error}") from None
    pixels = readable.pixels
    return [
        (
            replace(rows_by_uid[image.sop_instance_uid], order=float(place)),
            _in_unit_range(image, pixels.mean, pixels.std),
        )
        for place, image in enumerate(prepared)
    ]


def _paths(data_dir: Path, row: Film) -> list[Path]:
    path = data_dir / row.file
    if path.is_dir():
        found = sorted(one for one in path.rglob("*") if one.is_file() and not one.name.startswith("."))
        if not found:
            raise PermanentError(f"labels.csv names the folder {row.file}, which has no file in {data_dir}")
        return found
    if not path.is_file():
        raise PermanentError(f"labels.csv names {row.file}, which is not in {data_dir}")
    return [path]


def _in_unit_range(image: PreparedImage, mean: float, std: float) -> FloatArray:
    return np.asarray(np.clip(image.pixel_values * std + mean, 0, 1), np.float32)
