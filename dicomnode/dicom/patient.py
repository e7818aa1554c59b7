"""Who the patient of a header is, and whether two headers speak of the same one."""

from __future__ import annotations

import re
from collections.abc import Sequence

from pydicom import Dataset

from dicomnode.dicom.elements import date, number, text, texts, time
from dicomnode.records import Patient, SeriesSummary, StudySummary

PATIENT_ELEMENTS = (
    "SpecificCharacterSet",
    "PatientName",
    "PatientID",
    "IssuerOfPatientID",
    "PatientBirthDate",
    "PatientSex",
)
"""What `patient_of` looks at."""
STUDY_SUMMARY_ELEMENTS = (
    *PATIENT_ELEMENTS,
    "StudyInstanceUID",
    "StudyDate",
    "StudyTime",
    "Modality",
    "ModalitiesInStudy",
    "BodyPartExamined",
    "AccessionNumber",
    "StudyDescription",
)
"""What `summary_of` looks at."""

_WORD = (
    r"(?:UNKNOWN|UNIDENTIFIED|UNDEFINED|NOT[ _-]?KNOWN|NONE|N/?A|NULL|NIL|N\.?N\.?|ANON(?:YM[^\W\d_]*)?|"
    r"NO[ _-]?(?:ID|NAME)|TEST|DUMMY|PATIENT|TRAUMA|UNBEKANNTE?R?|INCONNUE?|DESCONOCID[OA]|DESCONHECID[OA]|"
    r"SCONOSCIUT[OA]|未知|不详|不明|无名氏|無名氏|مجهول|غير معروف|अज्ञात)"
)
_NOBODY = re.compile(rf"[0\W_]*|X+|{_WORD}(?:[\W_]+{_WORD})*", re.IGNORECASE)
"""Patient IDs that many patients share."""


def patient_of(ds: Dataset) -> Patient:
    """Identity of the patient; what is missing or unreadable is empty."""
    return Patient(
        patient_id=text(ds, "PatientID").strip("\0 "),
        issuer=text(ds, "IssuerOfPatientID"),
        birth_date=re.sub(r"\D", "", text(ds, "PatientBirthDate")),  # 2000.01.31 is how ACR-NEMA wrote it
        sex=text(ds, "PatientSex").upper(),
        name=text(ds, "PatientName"),
    )


def is_identified(patient: Patient) -> bool:
    """Whether the Patient ID tells the patient from others: UNKNOWN, 0000 and the like do not."""
    return not is_placeholder(patient.patient_id)


def is_placeholder(text: str) -> bool:
    """Whether a Patient ID or a name stands for nobody in particular."""
    return _NOBODY.fullmatch(text) is not None


def difference(one: Patient, other: Patient) -> str:
    """Name of the first element that shows two patients to be different ones, or not surely the same; "" if none.

    The Patient ID must agree, its issuer where both say one, birth date and sex where both have them. Where only one
    says the issuer, the number may be another hospital's: then the birth date must be there on both sides.
    """
    if one.patient_id != other.patient_id or not is_identified(one):
        return "Patient ID"
    if one.issuer and other.issuer and one.issuer != other.issuer:
        return "Issuer of Patient ID"
    if one.birth_date and other.birth_date and one.birth_date != other.birth_date:
        return "Patient's Birth Date"
    if {one.sex, other.sex} == {"M", "F"}:  # O and empty contradict nothing
        return "Patient's Sex"
    if bool(one.issuer) != bool(other.issuer) and not (one.birth_date and other.birth_date):
        return "Issuer of Patient ID"
    return ""


def summary_of(datasets: Sequence[Dataset]) -> StudySummary:
    """What some data sets of one study, its instances or an answer to a query, say of it; the first says when it was.

    Parameters
    ----------
    datasets
        At least one.
    """
    first = datasets[0]
    modalities = [one for ds in datasets for one in _upper(ds, "ModalitiesInStudy") or _upper(ds, "Modality")]
    body_parts = [one for ds in datasets for one in _upper(ds, "BodyPartExamined")]
    return StudySummary(
        study_instance_uid=text(first, "StudyInstanceUID"),
        patient=patient_of(first),
        study_date=date(first, "StudyDate"),
        study_time=time(first, "StudyTime"),
        modalities=tuple(dict.fromkeys(modalities)),
        body_parts=tuple(dict.fromkeys(body_parts)),
        accession_number=text(first, "AccessionNumber"),
        description=text(first, "StudyDescription"),
    )


def series_summary(ds: Dataset) -> SeriesSummary:
    """One answer to a query at series level."""
    count = number(ds, "NumberOfSeriesRelatedInstances")
    return SeriesSummary(
        series_instance_uid=text(ds, "SeriesInstanceUID"),
        modality=text(ds, "Modality").upper(),
        body_part=text(ds, "BodyPartExamined").upper(),
        instances=int(count) if count is not None and count >= 0 else None,
    )


def _upper(ds: Dataset, keyword: str) -> list[str]:
    """Values of a text element in upper case, without empty ones."""
    return [value.upper() for value in texts(ds, keyword) if value]
