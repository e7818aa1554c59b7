"""Values as HL7 v2.5.1 writes them: escaped text, codes, names, identifiers, times, segments."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping, Sequence

from dicomnode.records import CodedConcept, Issuer

_ESCAPES = {"\\": "\\E\\", "|": "\\F\\", "^": "\\S\\", "&": "\\T\\", "~": "\\R\\"}


def escaped(text: str) -> str:
    r"""Text for a field: delimiters escaped (HL7 v2.5.1, 2.7), control characters and line ends made blanks."""
    return "".join(_ESCAPES.get(c, c) for c in re.sub(r"[\x00-\x1f\x7f-\x9f]+", " ", text))


def coded(concept: CodedConcept, description: str = "") -> str:
    """CE and CWE, with free text as the alternate; HL7 table 0396 names coding schemes as DICOM does."""
    parts = (concept.value, concept.meaning, concept.scheme)
    alternate = ("", description, "L") if description else ()
    return "^".join(escaped(part) for part in (*parts, *alternate))


def person_name(name: str) -> str:
    """XPN of a DICOM person name; its component groups become repetitions.

    DICOM writes prefix before suffix (PS3.5 6.2.1), HL7 the other way round (HL7 v2.5.1, 2.A.88).
    """
    repetitions = []
    for group, representation in zip(name.split("="), ("A", "I", "P"), strict=False):
        if group.strip("^ "):
            family, given, middle, prefix, suffix = ([escaped(p.strip()) for p in group.split("^")] + [""] * 5)[:5]
            repetitions.append("^".join((family, given, middle, suffix, prefix, "", "", representation)))
    return "~".join(repetitions)


def authority(issuer: Issuer, separator: str) -> str:
    """HD: name, universal identifier and its type, of which the last two go together."""
    universal = (issuer.uid, issuer.uid_type) if issuer.uid and issuer.uid_type else ("", "")
    return separator.join(escaped(part) for part in (issuer.name, *universal)).rstrip(separator)


def extended_id(number: str, issuer: Issuer, kind: str) -> str:
    """CX: a number, who gave it out, and its type of table 0203; empty without a number."""
    return f"{escaped(number)}^^^{authority(issuer, '&')}^{kind}" if number else ""


def entity_id(number: str, issuer: Issuer = Issuer()) -> str:  # noqa: B008  # a tuple cannot be changed
    """EI: a number and who gave it out; empty without a number."""
    return f"{escaped(number)}^{authority(issuer, '^')}".rstrip("^") if number else ""


def moment(when: dt.datetime | dt.date | None) -> str:
    """TS, with the offset from UTC where there is a time; empty where nothing is known."""
    if isinstance(when, dt.datetime):
        return when.strftime("%Y%m%d%H%M%S%z")
    return "" if when is None else when.strftime("%Y%m%d")


def segment(name: str, fields: Mapping[int, str]) -> str:
    """A segment of fields by their number."""
    values: Sequence[str] = [fields.get(n, "") for n in range(1, max(fields) + 1)]
    return "|".join((name, *values)).rstrip("|")
