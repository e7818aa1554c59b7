"""Data sets read from bytes that a test writes itself, right or wrong."""

from __future__ import annotations

import struct
from io import BytesIO

from pydicom import Dataset
from pydicom.datadict import tag_for_keyword
from pydicom.filereader import read_dataset

_LONG = frozenset((b"OB", b"OW", b"SQ", b"UC", b"UN", b"UR", b"UT"))


def encoded_element(name: str | int, vr: str, value: bytes) -> bytes:
    """One element in Explicit VR Little Endian, padded to an even length."""
    tag = name if isinstance(name, int) else tag_for_keyword(name)
    assert tag is not None
    value += (b"\0" if vr in ("OB", "UI", "UN") else b" ") * (len(value) % 2)
    kind = vr.encode()
    length = b"\0\0" + struct.pack("<I", len(value)) if kind in _LONG else struct.pack("<H", len(value))
    return struct.pack("<HH", tag >> 16, tag & 0xFFFF) + kind + length + value


def header_of(*elements: tuple[str | int, str, bytes]) -> Dataset:
    """A data set as it comes from a file, none of its values looked at yet."""
    return read_dataset(BytesIO(b"".join(encoded_element(*one) for one in elements)), False, True)


def with_raw(ds: Dataset, *elements: tuple[str | int, str, bytes]) -> Dataset:
    """A data set with some elements put in as bytes."""
    for name, _, _ in elements:
        if name in ds:
            del ds[name]
    ds.update({element.tag: element for element in header_of(*elements).values()})
    return ds
