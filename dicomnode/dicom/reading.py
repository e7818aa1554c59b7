"""Read who an instance is from its header, whatever the rest looks like."""

from __future__ import annotations

import re
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

from pydicom import Dataset, dcmread
from pydicom.tag import Tag

from dicomnode.dicom.catalogue import CATALOGUE_ELEMENTS, series_facts, study_facts
from dicomnode.dicom.elements import Name, element_tag, parsing, text, texts
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


LONGEST_UID = 64
"""Characters (PS3.5 9.1)."""


def is_uid(uid: str) -> bool:
    """Whether a text can be kept as a UID: digits and dots, 64 at most (PS3.5 9.1; leading zeros are tolerated)."""
    return re.fullmatch(r"[0-9.]{1,64}", uid) is not None


def read_header(source: Path | BinaryIO, names: Sequence[Name] = ()) -> Dataset:
    """Read a file's elements up to the pixels; only those named, when any are.

    Parameters
    ----------
    names
        Keywords, `gggg,eeee` or tags; a name that is none of them is left out.

    Raises
    ------
    UnsupportedImageError
        If the bytes are no DICOM file, or the file is missing.
    StorageError
        If the file cannot be read now.
    """
    with parsing("the file is not readable as DICOM"), reading(source):
        return dcmread(source, stop_before_pixels=True, specific_tags=_tags(names) or None)


def data_set_offset(encoded: bytes) -> int:
    """Where the data set begins in a DICOM file: behind preamble and file meta (PS3.10 7.1); 0 where there are none.

    The file meta is Explicit VR Little Endian whatever follows; Group Length (0002,0000) is not relied on.
    """
    if encoded[128:132] != b"DICM":
        return 0
    at = 132
    while encoded[at : at + 2] == b"\x02\x00" and len(encoded) - at >= 8:
        is_long = encoded[at + 4 : at + 6] in (b"OB", b"OW", b"SQ", b"UN", b"UT", b"UC", b"UR")
        begin, size = (at + 8, 4) if is_long else (at + 6, 2)
        at = begin + size + int.from_bytes(encoded[begin : begin + size], "little")
    return min(at, len(encoded))


def _tags(names: Sequence[Name]) -> list[int]:
    """Tags of elements, with those that say whose the private ones are (PS3.5 7.8.1)."""
    tags = [Tag(tag) for tag in map(element_tag, names) if tag is not None]
    creators = [Tag(tag.group, tag.element >> 8) for tag in tags if tag.is_private and not tag.is_private_creator]
    return [int(tag) for tag in (*tags, *creators)]


def _uid(ds: Dataset, keyword: str) -> str:
    """An element of one UID; where it holds several, all of them together, for nobody knows which one is meant."""
    return "\\".join(texts(ds, keyword))


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
        ds = read_header(BytesIO(encoded), (*KEY_ELEMENTS, *PATIENT_ELEMENTS, *CATALOGUE_ELEMENTS))
    except UnsupportedImageError:
        message = "the data set cannot be read in its transfer syntax"
        raise InstanceRefusedError(message, status=StoreStatus.CANNOT_UNDERSTAND) from None
    expected = {"SOPClassUID": sop_class_uid, "SOPInstanceUID": sop_instance_uid}
    for keyword, uid in expected.items():
        if _uid(ds, keyword) != uid:
            message = f"{keyword} of the data set is not that of the request"
            raise InstanceRefusedError(message, status=StoreStatus.DATA_SET_MISMATCH)
    for keyword in ("StudyInstanceUID", "SeriesInstanceUID"):
        uid = _uid(ds, keyword)
        if not is_uid(uid):
            wrong = "is no UID" if uid else "is missing"
            if len(uid) > LONGEST_UID:
                wrong = f"has {len(uid)} characters, a UID {LONGEST_UID} at most"
            raise InstanceRefusedError(f"{keyword} {wrong}", status=StoreStatus.DATA_SET_MISMATCH)
    return InstanceKey(
        study_instance_uid=text(ds, "StudyInstanceUID"),
        series_instance_uid=text(ds, "SeriesInstanceUID"),
        sop_instance_uid=sop_instance_uid,
        sop_class_uid=sop_class_uid,
        transfer_syntax_uid=transfer_syntax_uid,
        modality=text(ds, "Modality"),
        is_own=text(ds, "Manufacturer") == MANUFACTURER,
        patient=patient_of(ds),
        study=study_facts(ds),
        series=series_facts(ds),
    )
