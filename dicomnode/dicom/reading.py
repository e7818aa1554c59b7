"""Read who an instance is from its header, whatever the rest looks like."""

from __future__ import annotations

import re
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO

from pydicom import Dataset, dcmread
from pydicom.datadict import keyword_for_tag, tag_for_keyword
from pydicom.tag import Tag
from pydicom.uid import UID

from dicomnode.dicom.elements import PARSER_ERRORS
from dicomnode.dicom.files import reading
from dicomnode.dicom.patient import PATIENT_ELEMENTS, patient_of
from dicomnode.dicom.uids import MANUFACTURER
from dicomnode.errors import InstanceRefusedError, UnsupportedImageError
from dicomnode.records import InstanceKey, StoreStatus

KEY_ELEMENTS = (
    "SpecificCharacterSet",
    "SOPClassUID",
    "SOPInstanceUID",
    "StudyInstanceUID",
    "SeriesInstanceUID",
    "Modality",
    "Manufacturer",
)


def is_uid(text: str) -> bool:
    """Whether a text can be kept as a UID: digits and dots, 64 at most (PS3.5 9.1; leading zeros are tolerated)."""
    return re.fullmatch(r"[0-9.]{1,64}", text) is not None


def read_header(source: Path | BinaryIO, keywords: tuple[str, ...] = (), tolerated: tuple[str, ...] = ()) -> Dataset:
    """Read a file's elements up to the pixels; only those named, when any are.

    Parameters
    ----------
    keywords
        Elements whose values must be parsable.
    tolerated
        Further elements, whose values need not be.

    Raises
    ------
    UnsupportedImageError
        If the bytes are no DICOM file, or the file is missing.
    StorageError
        If the file cannot be read now.
    """
    tags: list[Any] | None = [*keywords, *tolerated] or None
    try:
        with reading(source):
            ds = dcmread(source, stop_before_pixels=True, specific_tags=tags)
        for keyword in keywords:
            ds.get(keyword)  # values are parsed on first access: do it where failure has a name
    except PARSER_ERRORS as error:
        raise UnsupportedImageError(f"the file is not readable as DICOM ({type(error).__name__})") from None
    return ds


def element_tag(name: str) -> int | None:
    """Tag of a keyword or of `gggg,eeee`; None where it is neither."""
    tag = tag_for_keyword(name)
    if tag is not None:
        return int(tag)
    try:
        group, element = name.strip("()").split(",")
        return int(Tag(int(group, 16), int(element, 16)))
    except ValueError:
        return None


def element_text(ds: Dataset, name: str) -> str:
    r"""Value of an element as text, several values joined by a backslash; empty where it is absent."""
    tag = element_tag(name)
    element: Any = None if tag is None else ds.get(keyword_for_tag(tag) or Tag(tag))
    value = getattr(element, "value", element)
    if value is None:
        return ""
    if isinstance(value, str | UID) or not hasattr(value, "__iter__"):
        return str(value)
    return "\\".join(str(v) for v in value)


def read_key(encoded: bytes, *, sop_class_uid: str, sop_instance_uid: str, transfer_syntax_uid: str) -> InstanceKey:
    """Read who an instance is and hold it against the command that brought it (PS3.4 B.2.3).

    Parameters
    ----------
    encoded
        A whole DICOM file: preamble, file meta and the data set as received.

    Raises
    ------
    InstanceRefusedError
        If the header cannot be read, names no study, or contradicts the command.
    """
    try:
        ds = read_header(BytesIO(encoded), KEY_ELEMENTS, PATIENT_ELEMENTS)
    except UnsupportedImageError:
        message = "the data set cannot be read in its transfer syntax"
        raise InstanceRefusedError(message, status=StoreStatus.CANNOT_UNDERSTAND) from None
    expected = {"SOPClassUID": sop_class_uid, "SOPInstanceUID": sop_instance_uid}
    for keyword, uid in expected.items():
        if element_text(ds, keyword) != uid:
            message = f"{keyword} of the data set is not that of the request"
            raise InstanceRefusedError(message, status=StoreStatus.DATA_SET_MISMATCH)
    for keyword in ("StudyInstanceUID", "SeriesInstanceUID"):
        uid = element_text(ds, keyword)
        if not is_uid(uid):
            wrong = "is no UID" if uid else "is missing"
            raise InstanceRefusedError(f"{keyword} {wrong}", status=StoreStatus.DATA_SET_MISMATCH)
    return InstanceKey(
        study_instance_uid=element_text(ds, "StudyInstanceUID"),
        series_instance_uid=element_text(ds, "SeriesInstanceUID"),
        sop_instance_uid=sop_instance_uid,
        sop_class_uid=sop_class_uid,
        transfer_syntax_uid=transfer_syntax_uid,
        modality=element_text(ds, "Modality").replace("\0", ""),
        is_own=element_text(ds, "Manufacturer") == MANUFACTURER,
        patient=patient_of(ds),
    )
