"""Files of the store to data sets."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from pydicom import Dataset, dcmread

from dicomnode.dicom.elements import parsing
from dicomnode.dicom.files import reading


class Header(NamedTuple):
    """One instance of a study, without its pixels."""

    path: Path
    ds: Dataset


def read_headers(paths: Sequence[Path]) -> list[Header]:
    """Headers of files.

    Raises
    ------
    UnsupportedImageError
        If one is missing or no DICOM file.
    """
    return [Header(path, read_instance(path, has_pixels=False)) for path in paths]


def read_instance(path: Path, *, has_pixels: bool = True) -> Dataset:
    """Read one DICOM file, with its pixels or up to them.

    Raises
    ------
    UnsupportedImageError
        If the file is missing or no DICOM file.
    StorageError
        If the file cannot be read now.
    """
    with parsing(f"{path.name} cannot be read as a DICOM file"), reading(path):
        return dcmread(path, stop_before_pixels=not has_pixels)
