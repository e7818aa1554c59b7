"""Values of data elements, as text, numbers, dates, times and persons: the one place that reads them.

A reader never raises. What is missing reads as empty, what cannot be read is unknown and reads as empty too: whether
that stops a study is for those to say who need the value (`needed_number`, `needed_numbers`, `fault`). What is wrong
but can mean one thing only is read: a decimal comma, a text in another character set than the header declares.

An element is named by its keyword, by `gggg,eeee`, or by its tag. A name that means none of them is an absent element.
"""

from __future__ import annotations

import datetime as dt
import math
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, NamedTuple

import pydicom
from pydicom import DataElement, Dataset
from pydicom.datadict import dictionary_description
from pydicom.dataelem import RawDataElement
from pydicom.multival import MultiValue
from pydicom.tag import BaseTag, Tag
from pydicom.valuerep import DSfloat

from dicomnode.dicom.raw import (
    BINARY_NUMBERS,
    MALFORMED,
    TEXT_VRS,
    Name,
    converted,
    converted_texts,
    decoded_element,
    dictionary_vr,
    element_tag,
    holds_something,
    raw_texts,
    stored,
    vr_of,
    with_text,
)
from dicomnode.errors import UnsupportedImageError
from dicomnode.records import Reason, ReasonCode, reason

__all__ = [
    "Name",
    "Person",
    "date",
    "element",
    "element_tag",
    "element_title",
    "fault",
    "faults",
    "functional_group",
    "holder",
    "items",
    "needed_number",
    "needed_numbers",
    "number",
    "numbers",
    "parsing",
    "person",
    "text",
    "texts",
    "time",
    "value",
]

_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_DECIMAL_COMMA = re.compile(r"[+-]?(0|\d+),(\d+)", re.ASCII)
_DATE = re.compile(r"(?P<year>\d{4})([./-]?)(?P<month>\d\d)\2(?P<day>\d\d)([ T]?\d\d.*)?", re.ASCII)
_TIME = re.compile(r"(\d\d)(?::?(\d\d)(?::?(\d\d)(?:[.,]\d*)?)?)?", re.ASCII)
_EARLIEST_YEAR = 1850
"""Before, no patient of today was born; the years 1, 1601 and 1753 are what programs write for "no date"."""
_LATEST_YEAR = 2999
"""The year 9999 is what programs write for "no date" or "for ever"; in most time zones it has no end in UTC."""


class Person(NamedTuple):
    """The three component groups of a name (PS3.5 6.2.1.1), each with its components parted by "^"."""

    alphabetic: str
    ideographic: str
    phonetic: str


@contextmanager
def parsing(what: str | Reason) -> Iterator[None]:
    """Name what is wrong where a library stumbles over malformed bytes.

    Parameters
    ----------
    what
        Beginning of the message, without patient data: "the file cannot be read as DICOM".

    Raises
    ------
    UnsupportedImageError
        In place of what the library raises. An error of the disk or a lack of memory stays what it is.
    """
    try:
        yield
    except (*MALFORMED, OSError) as error:
        if isinstance(error, OSError) and error.errno is not None:  # the system's, not a library's about the content
            raise
        kind = type(error).__name__
        why = replace(what, remark=kind) if isinstance(what, Reason) else f"{what} ({kind})"
        raise UnsupportedImageError(why) from error


def element_title(name: Name) -> str:
    """Element as messages name it: `Slice Thickness (0018,0050)`."""
    tag = element_tag(name)
    if tag is None:
        return str(name)
    try:
        return f"{dictionary_description(tag)} {Tag(tag)}"
    except KeyError:
        return str(Tag(tag))


def element(ds: Dataset, name: Name) -> DataElement | None:
    """Read an element with its value, text in the characters that were meant; None where it is absent or unreadable."""
    found = stored(ds, name)
    if found is None:
        return None
    vr = vr_of(ds, found) if isinstance(found, RawDataElement) else found.VR
    if vr in TEXT_VRS and isinstance(found, RawDataElement):
        return with_text(found, vr, decoded_element(ds, found, vr).text)
    read = converted(ds, found.tag)
    return read if vr not in ("DS", "IS") or _is_numeric(read) else _decimal_string(ds, found.tag, vr)


def value(ds: Dataset, name: Name) -> Any:
    """Value of an element; None where it is absent, empty or unreadable."""
    found = element(ds, name)
    return None if found is None or found.is_empty else found.value


def texts(ds: Dataset, name: Name) -> tuple[str, ...]:
    """Every value of an element as text, without blanks around it; () where it is absent.

    Bytes that are no text, and sequences, read as absent.
    """
    found = stored(ds, name)
    if found is None:
        return ()
    parts = raw_texts(ds, found) if isinstance(found, RawDataElement) else converted_texts(found)
    trimmed = tuple(part.replace("\0", "").strip() for part in parts)
    return () if trimmed == ("",) else trimmed


def text(ds: Dataset, name: Name) -> str:
    """First value of an element as text; "" where it is absent."""
    return next(iter(texts(ds, name)), "")


def numbers(ds: Dataset, name: Name) -> tuple[float, ...]:
    """Every value of a numeric element; () where it is absent or one of them is no finite number."""
    found = [_number(one) for one in _number_texts(ds, name)]
    return () if None in found else tuple(one for one in found if one is not None)


def number(ds: Dataset, name: Name) -> float | None:
    """First value of a numeric element; None where it is absent or no finite number."""
    return next((_number(one) for one in _number_texts(ds, name)), None)


def needed_numbers(ds: Dataset, name: Name, count: int) -> tuple[float, ...]:
    """Values of an element that must be right where they are there; () where it is absent or empty.

    Raises
    ------
    UnsupportedImageError
        If the element holds anything but `count` finite numbers.
    """
    found = numbers(ds, name)
    if len(found) == count or not _is_there(ds, name):
        return found
    where = {"uid": text(ds, "SOPInstanceUID") or "without UID", "element": element_title(name)}
    if count == 1:
        raise UnsupportedImageError(reason(ReasonCode.NOT_A_NUMBER, **where))
    raise UnsupportedImageError(reason(ReasonCode.NOT_NUMBERS, count=count, **where))


def needed_number(ds: Dataset, name: Name) -> float | None:
    """First value of an element that must be a number where it is there; None where it is absent or empty.

    Raises
    ------
    UnsupportedImageError
        If it is something else.
    """
    found = number(ds, name)
    return found if found is not None else next(iter(needed_numbers(ds, name, 1)), None)


def date(ds: Dataset, name: Name) -> dt.date | None:
    """Date of an element of VR DA, or of the beginning of a DT; None where it is absent or no date of a patient's life.

    As PS3.5 6.2 writes it (20260105), as ACR-NEMA did (2026.01.05) and as ISO 8601 does (2026-01-05).
    """
    found = _DATE.fullmatch(text(ds, name))
    try:
        day = dt.date(int(found["year"]), int(found["month"]), int(found["day"])) if found else None
    except ValueError:
        return None
    return day if day and _EARLIEST_YEAR <= day.year <= _LATEST_YEAR else None


def time(ds: Dataset, name: Name) -> dt.time | None:
    """Time of day of an element of VR TM, to the second; None where it is absent or no time.

    PS3.5 6.2 lets seconds and minutes be left out; ACR-NEMA wrote colons between them. A leap second is the 59th.
    """
    found = _TIME.fullmatch(text(ds, name))
    if not found:
        return None
    hour, minute, second = (int(part or 0) for part in found.groups())
    try:
        return dt.time(hour, minute, min(second, 59) if second == 60 else second)  # noqa: PLR2004
    except ValueError:
        return None


def person(ds: Dataset, name: Name) -> Person:
    """First name of an element of VR PN; empty component groups where it is absent."""
    groups = [*(group.strip().rstrip("^") for group in text(ds, name).split("=")), "", "", ""]
    return Person(*groups[:3])


def items(ds: Dataset, name: Name) -> list[Dataset]:
    """Items of a sequence; [] where it is absent, empty or no sequence."""
    found = value(ds, name)
    return list(found) if isinstance(found, pydicom.Sequence) else []


def functional_group(ds: Dataset, frame_number: int, keyword: str) -> Dataset | None:
    """Item of a functional group macro: the frame's own, else the shared one (PS3.3 C.7.6.16), else None."""
    return next(iter(_groups(ds, frame_number, keyword)), None)


def holder(ds: Dataset, frame_number: int, keyword: str, *names: Name) -> Dataset:
    """Data set that holds an element of a frame: the frame's own functional group, the shared one, or the header.

    Parameters
    ----------
    keyword
        Sequence of the functional group macro.
    names
        Elements of the macro; the data set holds one of them, whatever else it leaves to the others.

    Returns
    -------
    The header where none does.
    """
    groups = _groups(ds, frame_number, keyword)
    return next((group for group in groups if any(_is_there(group, name) for name in names)), ds)


def _groups(ds: Dataset, frame_number: int, keyword: str) -> list[Dataset]:
    per_frame = items(ds, "PerFrameFunctionalGroupsSequence")[frame_number - 1 : frame_number]
    shared = items(ds, "SharedFunctionalGroupsSequence")[:1]
    return [group for macros in [*per_frame, *shared] for group in items(macros, keyword)[:1]]


def _is_there(ds: Dataset, name: Name) -> bool:
    found = stored(ds, name)
    return found is not None and holds_something(found)


def fault(ds: Dataset, name: Name) -> str:
    """Say what is wrong with the value of an element, without quoting it; "" where nothing is, or it is absent."""
    found = stored(ds, name)
    if found is None or not _is_there(ds, name):
        return ""
    vr = vr_of(ds, found) if isinstance(found, RawDataElement) else found.VR
    if isinstance(found, RawDataElement) and vr in TEXT_VRS and not decoded_element(ds, found, vr).is_as_declared:
        return f"{element_title(name)} is not in the character set that the header declares"
    expected = dictionary_vr(found.tag) or vr
    if (expected in BINARY_NUMBERS or expected in ("DS", "IS")) and not numbers(ds, name):
        return f"{element_title(name)} holds no finite number"
    if expected == "DA" and date(ds, name) is None:
        return f"{element_title(name)} holds no date"
    if expected == "TM" and time(ds, name) is None:
        return f"{element_title(name)} holds no time of day"
    if expected == "SQ" and not isinstance(value(ds, name), pydicom.Sequence):
        return f"{element_title(name)} is no sequence"
    return ""


def faults(ds: Dataset, names: Iterable[Name]) -> tuple[str, ...]:
    """What is wrong with the values of some elements, a sentence for each that cannot be read as it stands."""
    return tuple(said for said in (fault(ds, name) for name in names) if said)


def _is_numeric(read: DataElement | None) -> bool:
    """Whether pydicom has made numbers of a DS or IS; where it cannot, it leaves the text or raises."""
    if read is None or read.is_empty:
        return read is not None
    several = read.value if isinstance(read.value, MultiValue) else [read.value]
    return not any(isinstance(one, str) for one in several)


def _decimal_string(ds: Dataset, tag: BaseTag, vr: str) -> DataElement | None:
    """A DS of numbers that can be read, but not as they are written; None where there are none."""
    read = [DSfloat(one, auto_format=True) for one in numbers(ds, tag)]
    return DataElement(tag, vr, read[0] if len(read) == 1 else read) if read and vr == "DS" else None


def _number_texts(ds: Dataset, name: Name) -> list[str]:
    r"""Values of a numeric element as text, whatever VR it was written in: `0.4\0.4` and `0.4,0.4` are two."""
    found = [part.strip() for one in texts(ds, name) for part in one.split("\\")]
    while found and not found[-1]:
        found.pop()
    if len(found) == 1 and found[0].count(",") == found[0].count(".") - 1 > 0:
        return found[0].split(",")
    return found


def _number(written: str) -> float | None:
    """One number; with a decimal comma where the comma cannot stand between thousands."""
    plain = written
    with_comma = _DECIMAL_COMMA.fullmatch(written)
    if with_comma and (len(with_comma[2]) != 3 or with_comma[1] == "0" or len(with_comma[1]) > 3):  # noqa: PLR2004
        plain = plain.replace(",", ".")
    if not _NUMBER.fullmatch(plain):
        return None
    found = float(plain)
    return found if math.isfinite(found) else None
