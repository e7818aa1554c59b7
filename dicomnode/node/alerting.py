"""What an alert says about a study, from the headers of its results and images."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import structlog
from pydicom import Dataset

from dicomnode.dicom import codes
from dicomnode.dicom.elements import date, items, text, time
from dicomnode.dicom.reading import read_header
from dicomnode.dicom.times import in_zone_of
from dicomnode.errors import StorageError, UnsupportedImageError
from dicomnode.records import (
    Alert,
    AlertMessage,
    AlertOrder,
    AlertStudy,
    CodedConcept,
    Issuer,
    NamedPatient,
    ResultKind,
)
from dicomnode.store.inputs import InputStore
from dicomnode.store.results import ResultStore

log = structlog.get_logger()

_DATES = ("Study", "Series", "Acquisition", "Content")
_CODE_VALUES = ("CodeValue", "LongCodeValue", "URNCodeValue")


class AlertMessages:
    """Makes the message of an alert, at the time at which it is sent: so the index need not hold a patient.

    Does: read one result, which has patient and study of its source, and one image that was read.
    Does not: decide which channel may receive patient data; the caller says so.

    Parameters
    ----------
    timezone
        Time zone of the site (IANA), as in the settings.
    """

    def __init__(self, results: ResultStore, inputs: InputStore, *, timezone: str) -> None:
        self._results = results
        self._inputs = inputs
        self._timezone = timezone

    def message(self, alert: Alert, *, names_patient: bool) -> AlertMessage:
        """The alert with its study, and with patient and order where the channel may know them."""
        read = self._inputs.of(alert.job_id) or self._inputs.with_beside(alert.job_id)
        results = self._results.of_job(alert.job_id)
        result = _first(one.path for one in results)
        report = _first(one.path for one in results if one.role.startswith(ResultKind.TEXT))
        image = _first(one.path for one in read)
        headers = [ds for ds in (result, image) if ds is not None]
        modality = next((one.key.modality for one in read if one.key.modality), "")
        if result is None and names_patient:
            log.error("no result of the job can be read: the alert is sent without the patient", alert=alert.id)
        knows = names_patient and result is not None
        return AlertMessage(
            control_id=alert.control_id,
            created_at=alert.created_at,
            study_instance_uid=alert.study_instance_uid,
            content=alert.content,
            study=AlertStudy(
                modality=modality,
                procedure=_procedure(headers, report) or codes.procedure(modality),
                examined=_examined(image, result, alert.created_at, self._timezone),
            ),
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


def _procedure(headers: Sequence[Dataset], report: Dataset | None) -> CodedConcept | None:
    """The source's own code for the procedure, else the one in the structured report; None where neither is there."""
    own = [code for ds in headers for code in _codes(ds, "ProcedureCodeSequence")]
    content = items(report, "ContentSequence") if report is not None else []
    reported = [
        code
        for item in content
        if any(name.value == codes.PROCEDURE_REPORTED.value for name in _codes(item, "ConceptNameCodeSequence"))
        for code in _codes(item, "ConceptCodeSequence")
    ]
    return next(iter([*own, *reported]), None)


def _examined(
    image: Dataset | None, result: Dataset | None, created_at: dt.datetime, timezone: str
) -> dt.datetime | dt.date | None:
    """When the study was made: its own date, else that of the image's series or of the image itself.

    A result has the date of the study; its other dates are those of the reading.
    """
    known = [(ds, dates) for ds, dates in ((result, _DATES[:1]), (image, _DATES)) if ds is not None]
    for ds, dates in known:
        for what in dates:
            day, hour = date(ds, f"{what}Date"), time(ds, f"{what}Time")
            if day is not None and hour is None:
                return day
            if day is not None and hour is not None:
                return dt.datetime.combine(day, hour, in_zone_of(created_at, ds, timezone).tzinfo)
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
