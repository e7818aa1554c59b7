"""The text of an alert, the same over every channel; in English, because codes carry the meaning."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator

from dicomnode.dicom import codes
from dicomnode.dicom.words import ALERT_WARNING, certainty, probability
from dicomnode.records import Acuity, AlertContent, AlertFinding, AlertMessage, AlertStudy, CodedConcept, Retraction

TEST = "TEST MESSAGE, not about a patient"

_NAMES = {
    Acuity.EMERGENT: "EMERGENT",
    Acuity.URGENT: "URGENT",
    Acuity.NON_CRITICAL: "non-critical",
    Acuity.NON_ACTIONABLE: "non-actionable",
}

MODALITIES = {
    "CR": "Computed Radiography",
    "CT": "Computed Tomography",
    "DX": "Digital Radiography",
    "MG": "Mammography",
    "MR": "Magnetic Resonance",
    "NM": "Nuclear Medicine",
    "PT": "Positron emission tomography",
    "RF": "Radiofluoroscopy",
    "US": "Ultrasound",
    "XA": "X-Ray Angiography",
}
"""PS3.16 CID 29; a modality that is not named here is its own meaning."""


def procedure(study: AlertStudy) -> CodedConcept:
    """The imaging procedure, as generic as what is known of it."""
    return study.procedure or codes.procedure(study.modality)


def subject(message: AlertMessage) -> str:
    """One line: what is suspected, how certain it is, and how urgent; it never names the patient."""
    test = f"{TEST}: " if message.is_test else ""
    if message.content.retraction is not None:
        names = ", ".join(finding.code.meaning for finding in message.content.findings)
        return f"{test}RETRACTED [AI, unverified]: {names}"
    by_certainty: dict[str, list[str]] = {}
    for finding in message.content.findings:
        by_certainty.setdefault(certainty(finding.verdict), []).append(finding.code.meaning)
    found = "; ".join(f"{', '.join(names)} {said}" for said, names in by_certainty.items())
    return " ".join(f"{test}[AI, unverified] {_NAMES[message.content.acuity]}: {found}".split())


def lines(message: AlertMessage, *, names_patient: bool = True) -> list[str]:
    """The whole text, the warning first; it names the patient if the message does."""
    content, patient = message.content, message.patient if names_patient else None
    told = [TEST] if message.is_test else []
    told.append(ALERT_WARNING)
    told.extend(_retracted(content.retraction, content) if content.retraction else map(_sentence, content.findings))
    told.append(f"Examination: {_examination(message.study)}")
    told.append(f"Study Instance UID: {message.study_instance_uid}")
    if patient is not None:
        if message.order.description:
            told.append(f"Study Description: {message.order.description}")
        told.append(f"Accession Number: {patient.accession_number or 'none'}")
        told.append(
            f"Patient: {patient.name or 'no name'}, ID {patient.id or 'none'}, born {patient.birth_date or '?'}"
        )
    told.append(f"Model: {content.model} {content.model_version}")
    told.append(f"{'Retracted' if content.retraction else 'Found'} at: {_moment(message.created_at)}")
    return told


def _retracted(retraction: Retraction, content: AlertContent) -> Iterator[str]:
    yield f"RETRACTION of the alert {retraction.control_id} of {_moment(retraction.told_at)}"
    yield f"The AI result that it was based on is no longer valid. {retraction.reason.words}"
    for finding in content.findings:
        yield f"{finding.code.meaning}: no longer reported as suspected; this does not exclude it"


def _examination(study: AlertStudy) -> str:
    """For example: CT Head, modality CT, 2026-01-05 10:15+01:00."""
    when = study.examined
    date = when.isoformat(sep=" ", timespec="minutes") if isinstance(when, dt.datetime) else when and when.isoformat()
    modality = study.modality or "not known"
    return f"{procedure(study).meaning}, modality {modality}, {date or 'date not known'}"


def _moment(moment: dt.datetime) -> str:
    return moment.astimezone(dt.UTC).isoformat(timespec="seconds")


def _sentence(finding: AlertFinding) -> str:
    category = codes.ACUITIES[finding.acuity]
    return (
        f"{finding.code.meaning} {certainty(finding.verdict)} ({probability(finding.estimate)}); "
        f"{_NAMES[finding.acuity]} ({category.value}, {category.meaning})"
    )
