"""Rejection notes (IHE RAD, Imaging Object Change Management): Key Object Selections that withdraw an answer.

An archive that knows the profile hides what a note names; for any other it is a key object whose title says so.

The title is (113037, DCM, "Rejected for Patient Safety Reasons"). Of the titles that the profile has, it alone bids
the archive to hide the objects from every use: 113001, for quality reasons, leaves it to the archive to show them;
113038 and 113039 speak of worklist entries and of retention.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

import highdicom as hd
from pydicom import Dataset
from pydicom.uid import (
    KeyObjectSelectionDocumentStorage,
    SecondaryCaptureImageStorage,
    SegmentationStorage,
)

from dicomnode import __version__
from dicomnode.compose.common import REVISION_STEP, file_meta, first_series_number, series_description
from dicomnode.compose.document import CONTAINS, device_observer, language, root, separate, study_reference, text_item
from dicomnode.compose.request import Composed
from dicomnode.dicom import codes
from dicomnode.dicom.codes import code
from dicomnode.dicom.header import identity
from dicomnode.dicom.times import Moment, local_time
from dicomnode.dicom.uids import MANUFACTURER, derived_uid
from dicomnode.records import Answer, ResultInstance, WithdrawalReason
from dicomnode.settings import ComposeSettings

_IMAGES = frozenset([SecondaryCaptureImageStorage, SegmentationStorage])


@dataclass(frozen=True, slots=True, kw_only=True)
class RejectionRequest:
    """Results to be withdrawn by one note."""

    answer: Answer
    """As it stood."""
    instances: tuple[ResultInstance, ...]
    """What a destination holds of it; at least one."""
    header: Dataset
    """Of one of the results: the note is filed under the same patient and study, right or wrong."""
    reason: WithdrawalReason
    replaced_at: dt.datetime | None
    """UTC; Content Date and Time of the answer that takes its place, None where nothing does."""
    withdrawn_at: dt.datetime
    """UTC."""
    number: int
    """1 for the first note of an answer; destinations that hold different results get different notes."""
    settings: ComposeSettings


def rejection_note(request: RejectionRequest) -> Composed:
    """Compose the note."""
    role = f"rejection.{request.number}"
    ds = _modules(request, role)
    tree = root(
        codes.REJECTED_FOR_PATIENT_SAFETY,
        "2010",
        [
            *language("en"),
            *device_observer(None),
            text_item(codes.KEY_OBJECT_DESCRIPTION, _description(request)),
            *(_reference(instance) for instance in request.instances),
        ],
    )
    separate(tree)
    for element in tree:
        ds.add(element)
    for item in ds.ContentSequence:
        if item.ValueType in ("IMAGE", "COMPOSITE"):
            # TID 2010 gives its references no concept name; highdicom can only build a tree in which all have one.
            del item.ConceptNameCodeSequence
    return Composed(role=role, dataset=ds)


def _modules(request: RejectionRequest, role: str) -> Dataset:
    """Patient, Study, Key Object Document Series, Equipment, Key Object Document, SOP Common (PS3.3 A.35.4)."""
    ds = identity(request.header)
    moment = local_time(request.withdrawn_at, request.header, request.settings.timezone)
    ds.TimezoneOffsetFromUTC = moment.offset
    words = (request.answer.key, role, request.reason, request.withdrawn_at.isoformat())
    ds.SpecificCharacterSet = "ISO_IR 192"
    ds.SOPClassUID = KeyObjectSelectionDocumentStorage
    ds.SOPInstanceUID = derived_uid(*words)
    ds.SeriesInstanceUID = derived_uid(*words, "series")
    ds.InstanceCreationDate = ds.ContentDate = ds.SeriesDate = moment.date
    ds.InstanceCreationTime = ds.ContentTime = ds.SeriesTime = moment.time
    ds.Modality = "KO"
    last = first_series_number(request.settings, request.answer.number) + REVISION_STEP - 1
    ds.SeriesNumber = last
    ds.SeriesDescription = series_description("", f"AI rev {request.answer.number} withdrawn", 1)
    ds.InstanceNumber = request.number
    ds.Manufacturer = ds.ManufacturerModelName = MANUFACTURER
    ds.SoftwareVersions = __version__
    ds.ContentQualification = "RESEARCH"
    ds.ReferencedPerformedProcedureStepSequence = []
    series: dict[str, dict[str, str]] = {}
    for instance in request.instances:
        series.setdefault(instance.series_instance_uid, {})[instance.sop_instance_uid] = instance.sop_class_uid
    ds.CurrentRequestedProcedureEvidenceSequence = [study_reference(ds.StudyInstanceUID, series)]
    ds.file_meta = file_meta(ds)
    return ds


def _description(request: RejectionRequest) -> str:
    timezone = request.settings.timezone
    made = local_time(request.answer.answered_at, request.header, timezone)
    lines = [
        "AI RESULT WITHDRAWN - DO NOT USE",
        f"This withdraws the AI result of {_written(made)}, revision {request.answer.number}.",
        request.reason.words,
    ]
    if request.replaced_at is not None:
        counts = local_time(request.replaced_at, request.header, timezone)
        lines.append(f"The result that counts is that of {_written(counts)}.")
    return "\n".join(lines)


def _written(moment: Moment) -> str:
    date, time = moment.date, moment.time
    return f"{date[:4]}-{date[4:6]}-{date[6:]} {time[:2]}:{time[2:4]}:{time[4:6]}"


def _reference(instance: ResultInstance) -> Dataset:
    """IMAGE or COMPOSITE item, by what the instance is."""
    kind = hd.sr.ImageContentItem if instance.sop_class_uid in _IMAGES else hd.sr.CompositeContentItem
    item: Dataset = kind(
        name=code(codes.REJECTED_FOR_PATIENT_SAFETY),
        referenced_sop_class_uid=instance.sop_class_uid,
        referenced_sop_instance_uid=instance.sop_instance_uid,
        relationship_type=CONTAINS,
    )
    return item
