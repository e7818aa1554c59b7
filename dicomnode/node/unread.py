"""What a study that was not read is answered with: which outcome, and headers as far as they can be had."""

from __future__ import annotations

from collections.abc import Sequence

from pydicom import Dataset

from dicomnode.dicom.header import identity
from dicomnode.dicom.reading import read_header
from dicomnode.errors import NotApplicableError, NotJudgedError, PermanentError, UnsupportedImageError
from dicomnode.node.frame import Failure, Fate
from dicomnode.records import KeptInstance, Outcome, Reason, ReviewReason, reason_of


def identities(instances: Sequence[KeptInstance]) -> tuple[Dataset, ...]:
    """Who and which study, of each header that can be read; of the rest of it nothing."""
    found = []
    for instance, bare in zip(instances, from_index(instances), strict=True):
        try:
            ds = identity(read_header(instance.path))
        except UnsupportedImageError:
            continue
        ds.update(bare)
        found.append(ds)
    return tuple(found)


def from_index(instances: Sequence[KeptInstance]) -> tuple[Dataset, ...]:
    """What the index knows of instances: which they are, and nothing of the patient."""
    found = []
    for instance in instances:
        ds = Dataset()
        ds.StudyInstanceUID = instance.key.study_instance_uid
        ds.SeriesInstanceUID = instance.key.series_instance_uid
        ds.SOPInstanceUID = instance.key.sop_instance_uid
        ds.SOPClassUID = instance.key.sop_class_uid
        ds.Modality = instance.key.modality
        found.append(ds)
    return tuple(found)


def outcome_of(error: PermanentError) -> Outcome:
    """What a study is answered that was not read for this reason."""
    if isinstance(error, NotApplicableError):
        return Outcome.NOT_APPLICABLE
    return Outcome.NOT_JUDGED if isinstance(error, NotJudgedError) else Outcome.COULD_NOT_RUN


def review_of(error: PermanentError) -> tuple[ReviewReason, ...]:
    """Why somebody should look at what was not judged."""
    return (ReviewReason(error.review),) if isinstance(error, NotJudgedError) else ()


def reasons_of(error: PermanentError) -> tuple[Reason | str, ...]:
    """Why a study was not read, as the report says it: what went through the index as a sentence gets its code back."""
    return tuple(one if isinstance(one, Reason) else reason_of(str(one)) or str(one) for one in error.why)


def is_of_the_study(failure: Failure) -> bool:
    """Whether composing failed by what the study holds, or by a defect that it brought to light: not by a disk."""
    return failure.fate is Fate.ANSWER or failure.is_defect
