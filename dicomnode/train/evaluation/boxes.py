"""Boxes around findings, where labels.csv has a column `boxes`.

One cell holds JSON: a list of [name, left, top, right, bottom], the corners as fractions of the image's width and
height, the name a finding's key, code meaning or term.
"""

from __future__ import annotations

import csv
import io
import json
import tarfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from pydantic import TypeAdapter, ValidationError

from dicomnode.errors import PermanentError
from dicomnode.infer.files import read_instance
from dicomnode.records import FindingSpec
from dicomnode.train.data import Split

# N images, K findings, S side of the model image

_BOXES = TypeAdapter(list[tuple[str, float, float, float, float]])
Marked = dict[tuple[int, int], NDArray[np.bool_]]
"""Masks (S, S) of the model's grid by index of the image and of the finding."""


def read_boxes(data_dir: Path, split: Split, specs: Sequence[FindingSpec], column: str = "file") -> Marked:
    """Find where the findings of a split are marked.

    Parameters
    ----------
    data_dir
        Folder of `labels.csv`.
    specs
        Findings, in the order of the labels; boxes of other things are left out.
    column
        Which column names the image.

    Returns
    -------
    dict[tuple[int, int], NDArray[np.bool_]]
        Empty where the column is missing.

    Raises
    ------
    PermanentError
        If a cell is not as the module says.
    """
    with (data_dir / "labels.csv").open(newline="", encoding="utf-8") as text:
        cells = {row[column]: row["boxes"] for row in csv.DictReader(text) if row.get("boxes") and row.get(column)}
    side = split.images.shape[-1]
    names = {name: k for k, spec in enumerate(specs) for name in (*spec.terms, spec.code.meaning.casefold(), spec.key)}
    marked: Marked = {}
    for index, film in enumerate(split.films):
        for name, *corners in _parsed(cells.get(film.file, "[]"), film.file):
            finding = names.get(name.casefold(), names.get(name.casefold().replace(" ", "_")))
            if finding is not None:
                mask = _on_grid(corners, _size(data_dir, film.split, film.file), side)
                marked[index, finding] = marked.get((index, finding), np.zeros_like(mask)) | mask
    return marked


def _parsed(cell: str, file: str) -> list[tuple[str, float, float, float, float]]:
    try:
        boxes = _BOXES.validate_python(json.loads(cell))
    except (json.JSONDecodeError, ValidationError):
        boxes = [("", 1.0, 1.0, 0.0, 0.0)]
    if any(not (0 <= left < right <= 1 and 0 <= top < bottom <= 1) for _, left, top, right, bottom in boxes):
        raise PermanentError(
            f"labels.csv: {file}: boxes must be a JSON list of [name, left, top, right, bottom], "
            "the corners as fractions of the image"
        )
    return boxes


def _size(data_dir: Path, split: str, file: str) -> tuple[int, int]:
    """(rows, columns) of the image as it is in the data."""
    path = data_dir / file
    if path.is_file():
        ds = read_instance(path, has_pixels=False)
        return int(ds.Rows), int(ds.Columns)
    with tarfile.open(data_dir / f"{split}.tar") as tar, Image.open(tar.extractfile(file) or io.BytesIO()) as image:
        return image.height, image.width


def _on_grid(corners: Sequence[float], size: tuple[int, int], side: int) -> NDArray[np.bool_]:
    """The box on the grid into which `infer.grid.fitted` put the image."""
    rows, columns = size
    scale = side / max(rows, columns)
    before = [(side - length * scale) / 2 for length in size]
    left, top, right, bottom = corners
    centres = np.arange(side) + 0.5
    across = (centres >= before[1] + left * columns * scale) & (centres <= before[1] + right * columns * scale)
    down = (centres >= before[0] + top * rows * scale) & (centres <= before[0] + bottom * rows * scale)
    return down[:, None] & across[None, :]
