"""Whether two contents under one SOP Instance UID are one image, and whether its identity was corrected."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from pydicom import Dataset, dcmread

from dicomnode.dicom.elements import parsing, text
from dicomnode.dicom.files import reading
from dicomnode.dicom.patient import is_identified, patient_of
from dicomnode.dicom.pixels import decoded_frame, frame_count
from dicomnode.dicom.same_patient import contradiction, is_written_alike
from dicomnode.errors import UnsupportedImageError

_PIXELS = ("PixelData", "FloatPixelData", "DoubleFloatPixelData")
_LOOK = (
    "SOPClassUID",
    "Rows",
    "Columns",
    "NumberOfFrames",
    "BitsStored",
    "PixelRepresentation",
    "RescaleSlope",
    "RescaleIntercept",
    "PixelSpacing",
    "ImagePositionPatient",
    "ImageOrientationPatient",
)
"""Elements by which one set of pixels is another image."""


def corrected_elements(current: Dataset, new: Dataset) -> tuple[str, ...]:
    """Names of the elements by which the new header files an image elsewhere; () where it does not.

    A Patient ID that was not known before counts, and so does one that is the same number written otherwise, with
    leading zeros for example: archives file by the Patient ID as it is written, and so a new spelling of the name does
    not count. One that was taken out does not: that is an anonymized copy.
    """
    found = []
    if text(current, "StudyInstanceUID") != text(new, "StudyInstanceUID"):
        found.append("Study Instance UID")
    was, is_now = patient_of(current), patient_of(new)
    element = contradiction(was, is_now)
    is_filed_anew = not is_identified(was) or not is_written_alike(was.patient_id, is_now.patient_id)
    if not element and is_identified(is_now) and is_filed_anew:
        element = "Patient ID"
    if element:
        found.append(element)
    numbers = [text(ds, "AccessionNumber") for ds in (current, new)]
    if all(numbers) and numbers[0] != numbers[1]:
        found.append("Accession Number")
    return tuple(found)


def is_same_image(current: Dataset, new: Dataset) -> bool:
    """Whether two data sets show the same: equal pixels, also where one was compressed without loss.

    Objects without pixels, reports for example, are taken to be the same: no model reads them.
    """
    if any(text(current, keyword) != text(new, keyword) for keyword in _LOOK):
        return False
    pixels = [next((keyword for keyword in _PIXELS if keyword in ds), "") for ds in (current, new)]
    if pixels[0] != pixels[1]:
        return False
    try:
        with parsing("the pixels cannot be compared"):
            return not pixels[0] or _are_same_pixels(current, new, pixels[0])
    except UnsupportedImageError:
        return False


def _are_same_pixels(current: Dataset, new: Dataset, keyword: str) -> bool:
    if current[keyword].value == new[keyword].value:
        return True
    frames = range(1, frame_count(current) + 1)
    return all(np.array_equal(decoded_frame(current, n), decoded_frame(new, n)) for n in frames)


def read_whole(path: Path) -> Dataset | None:
    """A file with its pixels; None where it is gone or no DICOM file.

    Raises
    ------
    StorageError
        If it cannot be read now.
    """
    try:
        with parsing("the file is not readable as DICOM"), reading(path):
            return dcmread(path)
    except UnsupportedImageError:
        return None
