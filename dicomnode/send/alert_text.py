"""What an alert says in words, the same over every channel. English: alerts are coded, and read by machines first."""

from __future__ import annotations

import datetime as dt

from dicomnode.dicom import codes
from dicomnode.dicom.words import ALERT_WARNING, certainty, probability
from dicomnode.records import Acuity, AlertFinding, AlertMessage

TEST = "TEST MESSAGE, no patient is concerned"

_NAMES = {
    Acuity.EMERGENT: "EMERGENT",
    Acuity.URGENT: "URGENT",
    Acuity.NON_CRITICAL: "non-critical",
    Acuity.NON_ACTIONABLE: "non-actionable",
}


def subject(message: AlertMessage) -> str:
    """One line: what is suspected, how certain that is, and how soon somebody should look; never who the patient is."""
    by_certainty: dict[str, list[str]] = {}
    for finding in message.content.findings:
        by_certainty.setdefault(certainty(finding.verdict), []).append(finding.code.meaning)
    found = "; ".join(f"{', '.join(names)} {said}" for said, names in by_certainty.items())
    test = f"{TEST}: " if message.is_test else ""
    return " ".join(f"{test}[AI, unverified] {_NAMES[message.content.acuity]}: {found}".split())


def lines(message: AlertMessage, *, names_patient: bool = True) -> list[str]:
    """The whole text, the warning first; it names the patient where the message does."""
    content, patient = message.content, message.patient if names_patient else None
    told = [TEST] if message.is_test else []
    told.append(ALERT_WARNING)
    told.extend(_sentence(finding) for finding in content.findings)
    told.append(f"Study Instance UID: {message.study_instance_uid}")
    if patient is not None:
        told.append(f"Accession Number: {patient.accession_number or 'none'}")
        told.append(
            f"Patient: {patient.name or 'no name'}, ID {patient.id or 'none'}, born {patient.birth_date or '?'}"
        )
    told.append(f"Model: {content.model} {content.model_version}")
    told.append(f"Found at: {message.created_at.astimezone(dt.UTC).isoformat(timespec='seconds')}")
    return told


def _sentence(finding: AlertFinding) -> str:
    category = codes.ACUITIES[finding.acuity]
    return (
        f"{finding.code.meaning} {certainty(finding.verdict)} ({probability(finding.estimate)}); "
        f"{_NAMES[finding.acuity]} ({category.value}, {category.meaning})"
    )
