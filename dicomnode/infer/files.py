"""Files of the store to data sets."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from pydicom import Dataset, dcmread

from dicomnode.dicom.elements import PARSER_ERRORS
from dicomnode.errors import UnsupportedImageError


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
    """
    try:
        return dcmread(path, stop_before_pixels=not has_pixels)
    except PARSER_ERRORS as error:
        raise UnsupportedImageError(f"{path.name} cannot be read as a DICOM file ({type(error).__name__})") from error
