"""Files of the store to data sets."""

from __future__ import annotations

from pathlib import Path

from pydicom import Dataset, dcmread

from dicomnode.dicom.elements import parsing
from dicomnode.dicom.files import reading


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
