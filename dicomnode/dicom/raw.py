"""One element as it stands in a data set: its VR, and its bytes to text or binary numbers.

Below `elements`, which is what other modules read with.
"""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Iterable, Sequence
from typing import Any

import pydicom
from pydicom import DataElement, Dataset
from pydicom.charset import python_encoding
from pydicom.datadict import dictionary_VR, tag_for_keyword
from pydicom.dataelem import RawDataElement
from pydicom.errors import BytesLengthException, InvalidDicomError
from pydicom.hooks import raw_element_vr
from pydicom.multival import MultiValue
from pydicom.tag import BaseTag, Tag
from pydicom.valuerep import PersonName

from dicomnode.dicom.charset import Decoded, decoded

MALFORMED = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    BufferError,
    BytesLengthException,
    EOFError,
    InvalidDicomError,
    LookupError,
    RuntimeError,
    TypeError,
    ValueError,
    struct.error,
    zlib.error,
)
"""What pydicom and its decoder plug-ins raise on bytes that break the standard; they document none of it."""
_IN_MEMORY = (*MALFORMED, OSError)
"""The same where nothing is read from disk any more: pydicom raises OSError for a sequence that is cut off, too."""

Name = str | int
"""Keyword, `gggg,eeee` or tag of an element."""

TEXT_VRS = frozenset(("LO", "LT", "PN", "SH", "ST", "UC", "UT"))
"""VRs whose bytes are in the Specific Character Set (PS3.5 6.1.2.3)."""
STRING_VRS = TEXT_VRS | {"AE", "AS", "CS", "DA", "DS", "DT", "IS", "TM", "UI", "UR"}
BINARY_NUMBERS = {
    "US": "H",
    "SS": "h",
    "UL": "I",
    "SL": "i",
    "UV": "Q",
    "SV": "q",
    "FL": "f",
    "FD": "d",
    "US or SS": "H",
}
"""VR to the code of `struct`; where PS3.6 leaves the choice of US or SS, the sign is for the caller to know."""
_UNTYPED = frozenset(("UN", "OB", "OW", "OB or OW"))
ONE_VALUE = frozenset(("LT", "ST", "UR", "UT"))
"""VRs in which a backslash is a character (PS3.5 6.2)."""
_CHARACTER_SET = Tag("SpecificCharacterSet")
_TERMS = {codec: term for term, codec in reversed(python_encoding.items())}
"""The defined term that stands for a codec of pydicom: all that an item of a sequence keeps of its parent's set."""


def element_tag(name: Name) -> int | None:
    """Tag of a keyword or of `gggg,eeee`; None where it is neither."""
    if isinstance(name, int):
        return int(name)
    tag = tag_for_keyword(name)
    if tag is not None:
        return int(tag)
    found = re.fullmatch(r"\(?([0-9a-fA-F]{4}),\s*([0-9a-fA-F]{4})\)?", name.strip())
    return int(found[1] + found[2], 16) if found else None


def stored(ds: Dataset, name: Name) -> DataElement | RawDataElement | None:
    """An element as it stands in the data set, raw where nobody has looked at it before; None where it is absent."""
    tag = element_tag(name)
    try:
        return None if tag is None else ds.get_item(Tag(tag))
    except _IN_MEMORY:
        return None


def holds_something(found: DataElement | RawDataElement) -> bool:
    """Whether an element has a value, readable or not."""
    if isinstance(found, RawDataElement):
        return bool((found.value or b"").strip(b" \0"))
    return not found.is_empty


def converted(ds: Dataset, tag: BaseTag) -> DataElement | None:
    """An element as pydicom converts it."""
    try:
        return ds[tag]
    except _IN_MEMORY:
        return None


def vr_of(ds: Dataset, found: RawDataElement) -> str:
    """VR of a raw element: that of PS3.6 where its own says nothing of the value."""
    if found.VR is not None and found.VR not in _UNTYPED:
        return str(found.VR)
    known = dictionary_vr(found.tag)
    if known in STRING_VRS or known in BINARY_NUMBERS or known == "SQ":
        return known
    said: dict[str, Any] = {}
    try:
        raw_element_vr(found, said, ds=ds)  # knows private elements, too
    except _IN_MEMORY:
        return "UN"
    return str(said["VR"])


def dictionary_vr(tag: BaseTag) -> str:
    """VR of PS3.6; "" for private and unknown elements."""
    try:
        return dictionary_VR(tag)
    except KeyError:
        return ""


def declared_sets(ds: Dataset) -> tuple[str, ...]:
    """Specific Character Set that holds for a data set: its own, or that of the data set whose item it is."""
    found = stored(ds, _CHARACTER_SET)
    if found is None:
        inherited = ds.original_character_set
        codecs = [inherited] if isinstance(inherited, str) else list(inherited)
        terms = tuple(_TERMS.get(codec, "") for codec in codecs)
        return terms if any(terms) else ()
    if not isinstance(found, RawDataElement):
        return tuple(converted_texts(found))
    return tuple(one.strip(" \0") for one in (found.value or b"").decode("latin-1").split("\\"))


def delimiters_of(vr: str) -> bytes:
    """Characters that end what escape sequences have designated in a value (PS3.5 6.1.2.5.3)."""
    return b"\\^=" if vr == "PN" else b"" if vr in ONE_VALUE else b"\\"


def decoded_element(ds: Dataset, found: RawDataElement, vr: str) -> Decoded:
    """Bytes of an element to text, several values still joined."""
    declared = declared_sets(ds) if vr in TEXT_VRS or vr == "UN" else ()
    return decoded(found.value or b"", declared, delimiters_of(vr))


def with_text(found: RawDataElement, vr: str, joined: str) -> DataElement:
    """The element that pydicom would make of a text, had it read that."""
    parts = [part.rstrip("\0 ") for part in ([joined] if vr in ONE_VALUE else joined.split("\\"))]
    values: Sequence[Any] = [PersonName(part) for part in parts] if vr == "PN" else parts
    value = values[0] if len(values) == 1 else MultiValue(type(values[0]), values)
    return DataElement(found.tag, vr, value, already_converted=True)


def raw_texts(ds: Dataset, found: RawDataElement) -> Iterable[str]:
    """Values of an element that is not yet converted."""
    vr = vr_of(ds, found)
    if vr in BINARY_NUMBERS:
        return [str(one) for one in _unpacked(found, BINARY_NUMBERS[vr])]
    if vr in STRING_VRS:
        joined = decoded_element(ds, found, vr).text
        return [joined] if vr in ONE_VALUE else joined.split("\\")
    if vr == "UN":  # bytes that nobody describes, but they may be text
        joined = decoded_element(ds, found, vr).text.strip(" \0")
        return joined.split("\\") if joined.isprintable() else ()
    element = converted(ds, found.tag)
    return () if element is None else converted_texts(element)


def converted_texts(found: DataElement) -> Iterable[str]:
    """Values of an element that is converted; none of a sequence or of bytes."""
    held = found.value
    if held is None or isinstance(held, bytes | pydicom.Sequence):
        return ()
    several = held if hasattr(held, "__iter__") and not isinstance(held, str | PersonName) else [held]
    return [str(one) for one in several if not isinstance(one, bytes)]


def _unpacked(found: RawDataElement, code: str) -> tuple[Any, ...]:
    """Binary numbers; () where their bytes do not make whole ones."""
    encoded = found.value or b""
    count, rest = divmod(len(encoded), struct.calcsize(code))
    return () if rest else struct.unpack(f"{'<' if found.is_little_endian else '>'}{count}{code}", encoded)
