"""Files of the store to data sets."""

from __future__ import annotations

from pathlib import Path

from pydicom import Dataset, dcmread

from dicomnode.dicom.elements import parsing


def read_instance(path: Path, *, has_pixels: bool = True) -> Dataset:
    """Read one DICOM file, with its pixels or up to them.

    Raises
    ------
    UnsupportedImageError
        If it is no DICOM file.
    OSError
        If it is missing or the disk fails.
    """
    with parsing(f"{path.name} cannot be read as a DICOM file"):
        return dcmread(path, stop_before_pixels=not has_pixels)
