"""What an alert says in words, the same over every channel. English: alerts are coded, and read by machines first."""

from __future__ import annotations

import datetime as dt

from dicomnode.dicom import codes
from dicomnode.records import Acuity, AlertFinding, AlertMessage

WARNING = "AI result, not verified by a physician. Research use only, not for diagnostic use."
TEST = "TEST MESSAGE, no patient is concerned"

_NAMES = {
    Acuity.EMERGENT: "EMERGENT",
    Acuity.URGENT: "URGENT",
    Acuity.NON_CRITICAL: "non-critical",
    Acuity.NON_ACTIONABLE: "non-actionable",
}


def subject(message: AlertMessage) -> str:
    """One line: what is suspected and how soon somebody should look; never who the patient is."""
    found = ", ".join(f.code.meaning for f in message.content.findings)
    test = f"{TEST}: " if message.is_test else ""
    return " ".join(f"{test}[AI, unverified] {_NAMES[message.content.acuity]}: {found} suspected".split())


def lines(message: AlertMessage, *, names_patient: bool = True) -> list[str]:
    """The whole text, the warning first; it names the patient where the message does."""
    content, patient = message.content, message.patient if names_patient else None
    told = [TEST] if message.is_test else []
    told.append(WARNING)
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
        f"{finding.code.meaning} suspected, probability {finding.percent} %; {_NAMES[finding.acuity]} "
        f"({category.value}, {category.meaning})"
    )
