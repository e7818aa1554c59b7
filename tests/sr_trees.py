"""Content trees of structured reports, as others write them."""

from __future__ import annotations

from pydicom import Dataset

from dicomnode.records import CodedConcept

FINDING = CodedConcept("121071", "DCM", "Finding")
PRESENCE = CodedConcept("705057003", "SCT", "Presence")
ABSENT = CodedConcept("2667000", "SCT", "Absent")
PRESENT = CodedConcept("52101004", "SCT", "Present")
UNDETERMINED = CodedConcept("373068000", "SCT", "Undetermined")
GROUP = CodedConcept("125007", "DCM", "Measurement Group")
FINDINGS = CodedConcept("59776-5", "LN", "Findings")
EARLIER = CodedConcept("121069", "DCM", "Previous Finding")
TRACKING = CodedConcept("112040", "DCM", "Tracking Unique Identifier")


def coded(concept: CodedConcept) -> Dataset:
    """Item of a code sequence."""
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = concept
    return item


def an_item(kind: str, name: CodedConcept | None, *children: Dataset, **values: object) -> Dataset:
    """A content item."""
    item = Dataset()
    item.RelationshipType, item.ValueType = "CONTAINS", kind
    if name is not None:
        item.ConceptNameCodeSequence = [coded(name)]
    for keyword, value in values.items():
        setattr(item, keyword, value)
    if children:
        item.ContentSequence = list(children)
    return item


def a_code(name: CodedConcept, value: CodedConcept, *children: Dataset) -> Dataset:
    """CODE item."""
    return an_item("CODE", name, *children, ConceptCodeSequence=[coded(value)])


def a_report(*items: Dataset) -> Dataset:
    """Root of a document."""
    return an_item("CONTAINER", FINDINGS, *items)
