"""What a header says of its study, its patient and its series, for the catalogue."""

from __future__ import annotations

from pydicom import Dataset

from dicomnode.dicom.elements import date, number, text, time
from dicomnode.records import SeriesFacts, StudyFacts

CATALOGUE_ELEMENTS = (
    "SpecificCharacterSet",
    "StudyDate",
    "StudyTime",
    "AccessionNumber",
    "StudyID",
    "StudyDescription",
    "ReferringPhysicianName",
    "PatientName",
    "PatientID",
    "IssuerOfPatientID",
    "PatientBirthDate",
    "PatientSex",
    "Modality",
    "SeriesNumber",
    "SeriesDescription",
    "BodyPartExamined",
    "Laterality",
    "ImageLaterality",
    "Manufacturer",
    "StationName",
    "ProtocolName",
    "PerformedProcedureStepStartDate",
    "PerformedProcedureStepStartTime",
)
"""What `study_facts` and `series_facts` look at."""

_LARGEST = 2**31 - 1
"""Of an IS (PS3.5 6.2), and of the integers that every database takes."""


def study_facts(ds: Dataset) -> StudyFacts:
    """Attributes of the study and its patient; what is missing or unreadable is empty."""
    return StudyFacts(
        study_date=date(ds, "StudyDate"),
        study_time=time(ds, "StudyTime"),
        accession_number=text(ds, "AccessionNumber"),
        study_id=text(ds, "StudyID"),
        description=text(ds, "StudyDescription"),
        referring_physician=text(ds, "ReferringPhysicianName"),
        patient_name=text(ds, "PatientName"),
        patient_id=text(ds, "PatientID"),
        issuer=text(ds, "IssuerOfPatientID"),
        birth_date=date(ds, "PatientBirthDate"),
        sex=text(ds, "PatientSex").upper(),
    )


def series_facts(ds: Dataset) -> SeriesFacts:
    """Attributes of the series; what is missing or unreadable is empty."""
    counted = number(ds, "SeriesNumber")
    return SeriesFacts(
        modality=text(ds, "Modality").upper(),
        number=int(counted) if counted is not None and abs(counted) <= _LARGEST else None,
        description=text(ds, "SeriesDescription"),
        body_part=text(ds, "BodyPartExamined").upper(),
        laterality=text(ds, "Laterality") or text(ds, "ImageLaterality"),
        manufacturer=text(ds, "Manufacturer"),
        station_name=text(ds, "StationName"),
        protocol_name=text(ds, "ProtocolName"),
        performed_date=date(ds, "PerformedProcedureStepStartDate"),
        performed_time=time(ds, "PerformedProcedureStepStartTime"),
    )
