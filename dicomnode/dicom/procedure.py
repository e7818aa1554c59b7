"""Which procedure a header says that its images are of."""

from __future__ import annotations

from pydicom import Dataset

from dicomnode.dicom.elements import items, text
from dicomnode.records import CodedConcept

_SEQUENCES = ("ProcedureCodeSequence", "RequestedProcedureCodeSequence")
_LONGEST = {"CodeValue": 16, "CodingSchemeDesignator": 16, "CodeMeaning": 64}
"""Characters of SH and LO."""


def procedure_of(ds: Dataset) -> CodedConcept | None:
    """The first usable code of Procedure Code (0008,1032), else of Requested Procedure Code (0032,1064) Sequence.

    The latter stands in the header or in its Request Attributes (0040,0275). A code is usable where it has value,
    scheme and meaning (PS3.3 8.8); None: there is none.
    """
    holders = (ds, *items(ds, "RequestAttributesSequence"))
    codes = (_code(item) for name in _SEQUENCES for holder in holders for item in items(holder, name))
    return next((code for code in codes if code is not None), None)


def _code(item: Dataset) -> CodedConcept | None:
    found = {name: text(item, name) for name in _LONGEST}
    if not all(0 < len(value) <= _LONGEST[name] for name, value in found.items()):
        return None
    return CodedConcept(found["CodeValue"], found["CodingSchemeDesignator"], found["CodeMeaning"])
