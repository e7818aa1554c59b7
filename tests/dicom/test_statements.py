"""What structured reports say in codes, whoever wrote them."""

from __future__ import annotations

import pytest
from pydicom import Dataset
from sr_trees import (
    ABSENT,
    EARLIER,
    FINDING,
    FINDINGS,
    GROUP,
    PRESENCE,
    PRESENT,
    TRACKING,
    UNDETERMINED,
    a_code,
    a_report,
    an_item,
    coded,
)

from dicomnode.dicom.statements import is_verified, predecessors, statement_on, statements
from dicomnode.errors import UnsupportedImageError
from dicomnode.records import CodedConcept, Presence

PNEUMOTHORAX = CodedConcept("36118008", "SCT", "Pneumothorax")
NODULE = CodedConcept("27925004", "SCT", "Nodule")
TREES = {
    "a finding alone is there": ([a_code(FINDING, PNEUMOTHORAX)], Presence.PRESENT),
    "by name and presence": ([a_code(PNEUMOTHORAX, ABSENT)], Presence.ABSENT),
    "deep in containers": (
        [an_item("CONTAINER", FINDINGS, an_item("CONTAINER", None, a_code(PNEUMOTHORAX, UNDETERMINED)))],
        Presence.UNDETERMINED,
    ),
    "negated by its child": ([a_code(FINDING, PNEUMOTHORAX, a_code(PRESENCE, ABSENT))], Presence.ABSENT),
    "negated in its group": (
        [an_item("CONTAINER", GROUP, a_code(FINDING, PNEUMOTHORAX), a_code(PRESENCE, ABSENT))],
        Presence.ABSENT,
    ),
    "another finding's absence in the group": (
        [an_item("CONTAINER", GROUP, a_code(FINDING, PNEUMOTHORAX), a_code(NODULE, ABSENT))],
        Presence.PRESENT,
    ),
    "one of two lesions is there": (
        [a_code(PNEUMOTHORAX, ABSENT), a_code(PNEUMOTHORAX, PRESENT)],
        Presence.PRESENT,
    ),
    "what was there before": ([a_code(EARLIER, PNEUMOTHORAX), a_code(FINDING, NODULE)], None),
    "nothing": ([an_item("TEXT", FINDING, TextValue="pneumothorax")], None),
}


@pytest.mark.parametrize(("items", "expected"), TREES.values(), ids=TREES)
def test_a_finding_is_read_from_its_codes(items, expected):
    """Whether it is there follows from its own item, what stands below it and beside it, and from nothing else."""
    said = statement_on(PNEUMOTHORAX, statements(a_report(*items)))

    assert expected == (said.presence if said else None)


def test_snomed_rt_codes_count_as_those_of_snomed_ct():
    """A report of older equipment names the lung T-28000 of SRT, which is 39607008 of SCT."""
    said = statements(a_report(a_code(FINDING, CodedConcept("T-28000", "SRT", "Lung"))))

    assert Presence.PRESENT == statement_on(CodedConcept("39607008", "SCT", "Lung"), said).presence


def test_a_tracked_finding_keeps_its_uid():
    """The UID of a measurement group belongs to what the group says, not to what follows it."""
    group = an_item("CONTAINER", GROUP, an_item("UIDREF", TRACKING, UID="1.2.3"), a_code(FINDING, PNEUMOTHORAX))
    said = statements(a_report(group, a_code(FINDING, NODULE)))

    assert ["1.2.3", ""] == [statement_on(code, said).tracking_uid for code in (PNEUMOTHORAX, NODULE)]


def test_a_broken_tree_has_a_name():
    """A content sequence that is none is told in one sentence, without its content."""
    ds = a_report()
    ds.add_new("ContentSequence", "LO", "a secret")

    with pytest.raises(UnsupportedImageError, match="cannot be parsed") as raised:
        statements(ds)
    assert "secret" not in str(raised.value)


def test_items_without_name_or_value_are_passed_over():
    """Foreign reports leave out what the standard wants."""
    nameless = an_item("CODE", None, ConceptCodeSequence=[coded(PNEUMOTHORAX)])
    valueless = an_item("CODE", FINDING)

    assert () == statements(a_report(nameless, valueless, Dataset()))


def test_a_tree_deeper_than_any_is_not_followed_for_ever():
    """A report that nests its containers a hundred levels deep ends the reading, not the reader."""
    item = a_code(FINDING, PNEUMOTHORAX)
    for _ in range(100):
        item = an_item("CONTAINER", FINDINGS, item)

    assert () == statements(a_report(item))


def test_a_document_says_whether_a_person_signed_it_and_what_it_replaces():
    """Verification Flag and Predecessor Documents are read."""
    sop, series, study = Dataset(), Dataset(), Dataset()
    sop.ReferencedSOPInstanceUID = "1.2.9"
    series.ReferencedSOPSequence = [sop]
    study.ReferencedSeriesSequence = [series]
    ds = a_report()
    ds.VerificationFlag, ds.PredecessorDocumentsSequence = "VERIFIED", [study]

    assert (True, ("1.2.9",)) == (is_verified(ds), predecessors(ds))
    assert (False, ()) == (is_verified(a_report()), predecessors(a_report()))
