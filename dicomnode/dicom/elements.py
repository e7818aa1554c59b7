"""Plain values of data elements that may be missing, empty or malformed."""

from __future__ import annotations

import math
import struct
import zlib
from typing import Any

from pydicom import Dataset, Sequence
from pydicom.errors import BytesLengthException, InvalidDicomError

from dicomnode.errors import UnsupportedImageError

PARSER_ERRORS = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    BufferError,
    BytesLengthException,
    EOFError,
    InvalidDicomError,
    LookupError,
    MemoryError,
    OSError,
    RecursionError,
    RuntimeError,
    TypeError,
    ValueError,
    struct.error,
    zlib.error,
)
"""What pydicom and its decoder plug-ins raise on bytes that break the standard. They document none of it; this is
the one place that names it, and whoever catches it raises a NodeError."""


def value(ds: Dataset, keyword: str) -> Any:
    """Value of an element, or None where it is absent or empty.

    Raises
    ------
    UnsupportedImageError
        If the element cannot be parsed.
    """
    try:
        found = ds.get(keyword)
        return None if found is None or found == "" or (hasattr(found, "__len__") and len(found) == 0) else found
    except PARSER_ERRORS as error:
        raise UnsupportedImageError(f"element {keyword} cannot be parsed ({type(error).__name__})") from error


def texts(ds: Dataset, keyword: str) -> tuple[str, ...]:
    """Every value of a text element, without blanks around it; () where it is absent."""
    found = value(ds, keyword)
    several = [] if found is None else [found] if isinstance(found, str) or not hasattr(found, "__iter__") else found
    try:
        return tuple(str(one).strip() for one in several)
    except PARSER_ERRORS as error:
        raise UnsupportedImageError(f"element {keyword} cannot be parsed ({type(error).__name__})") from error


def text(ds: Dataset, keyword: str) -> str:
    """First value of a text element; "" where it is absent."""
    return next(iter(texts(ds, keyword)), "")


def numbers(ds: Dataset, keyword: str) -> tuple[float, ...]:
    """Every value of a numeric element; () where it is absent.

    Raises
    ------
    UnsupportedImageError
        If a value is no finite number.
    """
    try:
        found = tuple(float(one) for one in texts(ds, keyword))
    except ValueError:
        found = (math.nan,)
    if not all(math.isfinite(one) for one in found):
        raise UnsupportedImageError(f"element {keyword} must hold finite numbers")
    return found


def number(ds: Dataset, keyword: str) -> float | None:
    """First value of a numeric element; None where it is absent."""
    return next(iter(numbers(ds, keyword)), None)


def items(ds: Dataset, keyword: str) -> list[Dataset]:
    """Items of a sequence; [] where it is absent or empty.

    Raises
    ------
    UnsupportedImageError
        If the element is no sequence.
    """
    found = value(ds, keyword)
    if found is not None and not isinstance(found, Sequence):
        raise UnsupportedImageError(f"element {keyword} must be a sequence")
    return list(found or [])


def functional_group(ds: Dataset, frame_number: int, keyword: str) -> Dataset | None:
    """Item of a functional group macro: the frame's own, else the shared one (PS3.3 C.7.6.16), else None."""
    per_frame = items(ds, "PerFrameFunctionalGroupsSequence")[frame_number - 1 : frame_number]
    shared = items(ds, "SharedFunctionalGroupsSequence")[:1]
    return next((group for macros in [*per_frame, *shared] for group in items(macros, keyword)[:1]), None)
