"""What an alert channel is told of a study, from the headers of its results and images."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import structlog
from pydicom import Dataset

from dicomnode.compose.times import in_zone_of
from dicomnode.dicom import codes
from dicomnode.dicom.elements import date, items, text, time
from dicomnode.dicom.reading import read_header
from dicomnode.errors import StorageError, UnsupportedImageError
from dicomnode.records import (
    Alert,
    AlertMessage,
    AlertOrder,
    AlertStudy,
    CodedConcept,
    Issuer,
    KeptInstance,
    NamedPatient,
)
from dicomnode.store.inputs import InputStore
from dicomnode.store.results import ResultStore

log = structlog.get_logger()

_DATES = ("Study", "Series", "Acquisition", "Content")
_CODE_VALUES = ("CodeValue", "LongCodeValue", "URNCodeValue")


class AlertMessages:
    """Makes the message of an alert, at the time at which it is sent: so the index need not hold a patient.

    Does: read one result, which has patient and study of its source, and one image that was read.
    Does not: decide who may know what; it is told.

    Parameters
    ----------
    timezone
        Name of the house's zone (IANA), as in the settings.
    """

    def __init__(self, results: ResultStore, inputs: InputStore, *, timezone: str) -> None:
        self._results = results
        self._inputs = inputs
        self._timezone = timezone

    def message(self, alert: Alert, *, names_patient: bool) -> AlertMessage:
        """The alert with its study, and with patient and order where the channel may know them."""
        read = self._inputs.of(alert.job_id) or self._inputs.with_beside(alert.job_id)
        result = _first(result.path for result in self._results.of_job(alert.job_id))
        headers = [ds for ds in (result, _first(one.path for one in read)) if ds is not None]
        if result is None and names_patient:
            log.error("no result of the job can be read: the alert goes out without the patient", alert=alert.id)
        knows = names_patient and result is not None
        return AlertMessage(
            control_id=alert.control_id,
            created_at=alert.created_at,
            study_instance_uid=alert.study_instance_uid,
            content=alert.content,
            study=_study(headers, read, alert.created_at, self._timezone),
            patient=_patient(result) if knows and result is not None else None,
            order=_order(headers) if knows else AlertOrder(),
        )


def _first(paths: Iterable[Path]) -> Dataset | None:
    """Header of the first file that can be read."""
    for path in paths:
        try:
            return read_header(path)
        except (StorageError, UnsupportedImageError):
            continue
    return None


def _study(
    headers: Sequence[Dataset], read: Sequence[KeptInstance], created_at: dt.datetime, timezone: str
) -> AlertStudy:
    modality = next((one.key.modality for one in read if one.key.modality), "")
    own = next((code for ds in headers for code in _codes(ds, "ProcedureCodeSequence")), None)
    return AlertStudy(
        modality=modality,
        procedure=own or codes.procedure(modality),
        examined=next((when for ds in headers if (when := _examined(ds, created_at, timezone)) is not None), None),
    )


def _examined(ds: Dataset, created_at: dt.datetime, timezone: str) -> dt.datetime | dt.date | None:
    """When the study was made, as its header says; the study's own date before that of a series or an image."""
    for what in _DATES:
        day, hour = date(ds, f"{what}Date"), time(ds, f"{what}Time")
        if day is not None:
            return day if hour is None else dt.datetime.combine(day, hour, in_zone_of(created_at, ds, timezone).tzinfo)
    return None


def _codes(ds: Dataset, sequence: str) -> Iterator[CodedConcept]:
    """Whole codes of a sequence."""
    for item in items(ds, sequence):
        value = next((found for keyword in _CODE_VALUES if (found := text(item, keyword))), "")
        scheme = text(item, "CodingSchemeDesignator")
        if value and scheme:
            yield CodedConcept(value, scheme, text(item, "CodeMeaning") or value)


def _patient(ds: Dataset) -> NamedPatient:
    return NamedPatient(
        name=text(ds, "PatientName"),
        id=text(ds, "PatientID"),
        issuer=text(ds, "IssuerOfPatientID"),
        birth_date=text(ds, "PatientBirthDate"),
        sex=text(ds, "PatientSex"),
        accession_number=text(ds, "AccessionNumber"),
    )


def _order(headers: Sequence[Dataset]) -> AlertOrder:
    requests = [item for ds in headers for item in items(ds, "RequestAttributesSequence")]
    places = (*headers, *requests)
    return AlertOrder(
        description=_any(headers, "StudyDescription"),
        placer_number=_any(places, "PlacerOrderNumberImagingServiceRequest"),
        filler_number=_any(places, "FillerOrderNumberImagingServiceRequest"),
        procedure_id=_any(places, "RequestedProcedureID"),
        accession_issuer=_issuer(headers, "IssuerOfAccessionNumberSequence"),
        admission_id=_any(headers, "AdmissionID"),
        patient_issuer=_issuer(headers, "IssuerOfPatientIDQualifiersSequence"),
    )


def _any(places: Iterable[Dataset], keyword: str) -> str:
    return next((found for ds in places if (found := text(ds, keyword))), "")


def _issuer(headers: Iterable[Dataset], sequence: str) -> Issuer:
    for ds in headers:
        for item in items(ds, sequence):
            return Issuer(
                text(item, "LocalNamespaceEntityID"),
                text(item, "UniversalEntityID"),
                text(item, "UniversalEntityIDType"),
            )
    return Issuer()
