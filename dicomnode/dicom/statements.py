"""What a structured report says in codes: which findings are there, and which are not (PS3.16 TID 1500, TID 2000).

Reads our own documents and those of others: whatever the template, a finding is a CODE item, and what is said of it
stands in the item itself, below it, or beside it in its measurement group. Prose is not read.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pydicom import Dataset
from pydicom.sr.coding import Code

from dicomnode.dicom import codes
from dicomnode.dicom.elements import fault, items, parsing, text
from dicomnode.errors import UnsupportedImageError
from dicomnode.records import CodedConcept, Presence

MEASUREMENT_GROUP = CodedConcept("125007", "DCM", "Measurement Group")
TRACKING_UNIQUE_IDENTIFIER = CodedConcept("112040", "DCM", "Tracking Unique Identifier")

_FINDING_NAMES = (codes.FINDING, codes.IMPRESSION, CodedConcept("121077", "DCM", "Conclusion"))
_PRESENCE_NAMES = (
    CodedConcept("705057003", "SCT", "Presence"),
    CodedConcept("260411009", "SCT", "Presence findings"),
)
_OF_EARLIER_STUDIES = (
    CodedConcept("18834-2", "LN", "Radiology Comparison study"),
    CodedConcept("55114-3", "LN", "Prior Procedure Descriptions"),
    CodedConcept("121068", "DCM", "Previous Findings"),
    CodedConcept("121069", "DCM", "Previous Finding"),
)
"""What stands below these was so at another time."""
_PRESENCES = {
    Presence.PRESENT: ("52101004", "410515003", "373066001"),  # Present, Known present, Yes
    Presence.ABSENT: ("272519000", "2667000", "410516002", "373067005"),  # Absence findings, Absent, Known absent, No
    Presence.UNDETERMINED: ("373068000", "82334004"),  # Undetermined, Indeterminate
}
_RANK = (Presence.PRESENT, Presence.UNDETERMINED, Presence.ABSENT)
_DEEPEST = 32
"""Levels of a tree that are read; no template has ten."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """One finding as a document speaks of it."""

    code: CodedConcept
    presence: Presence
    tracking_uid: str
    """Empty where the document does not track it."""


def statements(ds: Dataset) -> tuple[Statement, ...]:
    """Read every coded finding of a document.

    Raises
    ------
    UnsupportedImageError
        If its tree cannot be parsed.
    """
    with parsing("the content tree cannot be parsed"):
        return tuple(_of_container(ds, "", 0))


def statement_on(concept: CodedConcept, said: Sequence[Statement]) -> Statement | None:
    """What a document says of one finding: of several lesions one that is there counts for all; None if nothing."""
    matching = [one for one in said if is_same(one.code, concept)]
    return min(matching, key=lambda one: _RANK.index(one.presence), default=None)


def is_same(one: CodedConcept, other: CodedConcept) -> bool:
    """Whether two codes mean the same; SNOMED's older RT codes (SRT) count as those of CT."""
    return bool(Code(*one) == Code(*other))


def is_verified(ds: Dataset) -> bool:
    """Whether a person has signed the document (Verification Flag, PS3.3 C.17.2)."""
    return text(ds, "VerificationFlag").upper() == "VERIFIED"


def predecessors(ds: Dataset) -> tuple[str, ...]:
    """SOP Instance UIDs of the documents whose place this one takes (Predecessor Documents)."""
    return tuple(
        text(sop, "ReferencedSOPInstanceUID")
        for study in items(ds, "PredecessorDocumentsSequence")
        for series in items(study, "ReferencedSeriesSequence")
        for sop in items(series, "ReferencedSOPSequence")
    )


def _of_container(container: Dataset, tracking_uid: str, depth: int) -> Iterator[Statement]:
    if depth > _DEEPEST:
        return
    if fault(container, "ContentSequence"):
        raise UnsupportedImageError("the content tree cannot be parsed")
    children = items(container, "ContentSequence")
    is_group = _is_one_of(_name(container), (MEASUREMENT_GROUP,))
    if is_group:
        tracking_uid = next((text(c, "UID") for c in children if _is_one_of(_name(c), _TRACKING)), "")
    for child in children:
        if _is_one_of(_name(child), _OF_EARLIER_STUDIES):
            continue
        if text(child, "ValueType") == "CODE":
            yield from _of_code(child, children if is_group else (), tracking_uid)
        yield from _of_container(child, tracking_uid, depth + 1)


def _of_code(item: Dataset, beside: Sequence[Dataset], tracking_uid: str) -> Iterator[Statement]:
    """Read a CODE item: a finding by name with its presence as value, or "Finding" with the finding as value."""
    name, value = _name(item), _value(item)
    if name is None or value is None:
        return
    presence = _presence(value)
    if presence is not None:
        yield Statement(code=name, presence=presence, tracking_uid=tracking_uid)
    elif _is_one_of(name, _FINDING_NAMES):
        said = [*_said_of(value, items(item, "ContentSequence")), *_said_of(value, beside), Presence.PRESENT]
        yield Statement(code=value, presence=said[0], tracking_uid=tracking_uid)


def _said_of(finding: CodedConcept, around: Sequence[Dataset]) -> list[Presence]:
    """Presences that items below or beside a finding give it; those of other findings do not count."""
    said = []
    for item in around:
        name, value = _name(item), _value(item)
        presence = None if value is None else _presence(value)
        if presence is not None and name is not None and _is_one_of(name, (*_PRESENCE_NAMES, finding)):
            said.append(presence)
    return said


def _presence(value: CodedConcept) -> Presence | None:
    return next((p for p, known in _PRESENCES.items() if any(is_same(value, _sct(code)) for code in known)), None)


def _sct(code: str) -> CodedConcept:
    return CodedConcept(code, "SCT", "")


_TRACKING = (TRACKING_UNIQUE_IDENTIFIER,)


def _is_one_of(concept: CodedConcept | None, known: Sequence[CodedConcept]) -> bool:
    return concept is not None and any(is_same(concept, one) for one in known)


def _name(item: Dataset) -> CodedConcept | None:
    return _concept(item, "ConceptNameCodeSequence")


def _value(item: Dataset) -> CodedConcept | None:
    return _concept(item, "ConceptCodeSequence") if text(item, "ValueType") == "CODE" else None


def _concept(item: Dataset, keyword: str) -> CodedConcept | None:
    found = items(item, keyword)
    if not found:
        return None
    value = text(found[0], "CodeValue") or text(found[0], "LongCodeValue") or text(found[0], "URNCodeValue")
    return CodedConcept(value, text(found[0], "CodingSchemeDesignator"), "")
