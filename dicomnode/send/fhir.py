"""Alerts as a FHIR R4 DiagnosticReport, cut to what an alert says; what it refers to is contained in it.

Every system is one that is registered with HL7, or names an object identifier; a number that nobody has given a system
has none. A retraction is the report of the alert that it takes back, by its identifiers, with status `entered-in-error`
and the tag `nullified`. No Observation has a referenceRange: a probability has no normal range.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator
from html import escape
from typing import Any

from dicomnode.dicom import codes
from dicomnode.dicom.uids import MANUFACTURER, derived_uid
from dicomnode.records import (
    Acuity,
    AlertContent,
    AlertFinding,
    AlertMessage,
    CodedConcept,
    Issuer,
    NamedPatient,
    Verdict,
)
from dicomnode.send.alert_text import lines, procedure

_SYSTEMS = {
    "SCT": "http://snomed.info/sct",
    "DCM": "http://dicom.nema.org/resources/ontology/DCM",
    "LN": "http://loinc.org",
    "RADLEX": "http://radlex.org",
    "UCUM": "http://unitsofmeasure.org",
    "UMLS": "http://terminology.hl7.org/CodeSystem/umls",
    "I10": "http://hl7.org/fhir/sid/icd-10",
    "C4": "http://www.ama-assn.org/go/cpt",
    "HPC": "http://www.ama-assn.org/go/cpt",
}
"""Coding Scheme Designator to the URI that HL7 has registered; a scheme of a house has none."""
_TERMINOLOGY = "http://terminology.hl7.org/CodeSystem"
_URI = "urn:ietf:rfc:3986"
_ABNORMAL = {Acuity.EMERGENT: "AA", Acuity.URGENT: "AA", Acuity.NON_CRITICAL: "A", Acuity.NON_ACTIONABLE: "A"}
_INDETERMINATE = "IND"
_GENDERS = {"M": "male", "F": "female", "O": "other"}
_SERVICES = {
    "CT": ("CT", "CAT Scan"),
    "MR": ("NMR", "Nuclear Magnetic Resonance"),
    "US": ("RUS", "Radiology Ultrasound"),
    "NM": ("NMS", "Nuclear Medicine Scan"),
    "PT": ("NMS", "Nuclear Medicine Scan"),
    "CR": ("RX", "Radiograph"),
    "DX": ("RX", "Radiograph"),
}
"""HL7 table 0074 has the service for some modalities."""


def diagnostic_report(message: AlertMessage) -> dict[str, Any]:
    """FHIR R4 DiagnosticReport of an alert, as JSON values."""
    content, told = message.content, lines(message)
    observations = [_observation(message, finding, n) for n, finding in enumerate(content.findings, 1)]
    report = {
        "resourceType": "DiagnosticReport",
        "meta": _meta(message),
        "text": _narrative(told),
        "contained": [_device(content), *([_patient(message)] if message.patient else []), *observations],
        "identifier": list(_identifiers(message)),
        "basedOn": _based_on(message),
        "status": _status(content),
        "category": list(_categories(message.study.modality)),
        "code": _concept(procedure(message.study), said=message.order.description),
        "subject": _subject(message),
        "effectiveDateTime": _moment(message.study.examined),
        "issued": _moment(message.created_at.astimezone(dt.UTC)),
        "result": [{"reference": f"#{one['id']}"} for one in observations],
        "imagingStudy": [_study(message)],
        "conclusion": "\n".join(told),
        "conclusionCode": [_concept(f.code) for f in content.findings if f.verdict is Verdict.PRESENT],
    }
    return _known(report)


def _known(values: dict[str, Any]) -> dict[str, Any]:
    """Without what is empty: FHIR has no empty elements."""
    return {key: value for key, value in values.items() if value not in ("", None, [], {})}


def _meta(message: AlertMessage) -> dict[str, Any]:
    test = {"system": f"{_TERMINOLOGY}/v3-ActReason", "code": "HTEST", "display": "test health data"}
    back = {"system": f"{_TERMINOLOGY}/v3-ActStatus", "code": "nullified", "display": "nullified"}
    tags = [*([test] if message.is_test else []), *([back] if message.content.retraction else [])]
    return {"tag": tags} if tags else {}


def _narrative(told: list[str]) -> dict[str, str]:
    """The words as XHTML, without the characters that XML does not allow."""
    paragraphs = [escape(re.sub(r"[^\t\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]", " ", line)) for line in told]
    body = "".join(f"<p>{paragraph}</p>" for paragraph in paragraphs)
    return {"status": "generated", "div": f'<div xmlns="http://www.w3.org/1999/xhtml">{body}</div>'}


def _device(content: AlertContent) -> dict[str, Any]:
    return {
        "resourceType": "Device",
        "id": "model",
        "manufacturer": MANUFACTURER,
        "deviceName": [{"name": content.model, "type": "model-name"}],
        "type": _concept(codes.ARTIFICIAL_INTELLIGENCE),
        "version": [{"value": content.model_version}],
    }


def _identifiers(message: AlertMessage) -> Iterator[dict[str, Any]]:
    """One that is unique in the world, and the control ID itself; a retraction has those of what it takes back."""
    back = message.content.retraction
    control_id = back.control_id if back else message.control_id
    yield {"use": "official", "system": _URI, "value": f"urn:oid:{derived_uid('alert', control_id)}"}
    yield {"use": "secondary", "type": {"text": "Message control ID"}, "value": control_id}


def _based_on(message: AlertMessage) -> list[dict[str, Any]]:
    """The order, by the numbers that the house gave it; an accession number belongs to a patient."""
    if message.patient is None:
        return []
    order = message.order
    numbers = (
        ("ACSN", message.patient.accession_number, order.accession_issuer),
        ("PLAC", order.placer_number, Issuer()),
        ("FILL", order.filler_number, Issuer()),
    )
    return [
        {"type": "ServiceRequest", "identifier": _identifier(kind, number, issuer)}
        for kind, number, issuer in numbers
        if number
    ]


def _identifier(kind: str, number: str, issuer: Issuer) -> dict[str, Any]:
    """A number with its type of table 0203; its system where whoever gave it out has an object identifier."""
    system = f"urn:oid:{issuer.uid}" if issuer.uid_type == "ISO" and re.fullmatch(r"[0-2](\.\d+)+", issuer.uid) else ""
    return _known(
        {
            "type": {"coding": [{"system": f"{_TERMINOLOGY}/v2-0203", "code": kind}]},
            "system": system,
            "value": number,
            "assigner": {"display": issuer.name} if issuer.name else {},
        }
    )


def _categories(modality: str) -> Iterator[dict[str, Any]]:
    """Radiology, as HL7 v2 and as LOINC have it, and the service where there is a code for it."""
    services = [("RAD", "Radiology"), *([_SERVICES[modality]] if modality in _SERVICES else [])]
    for code, display in services:
        yield {"coding": [{"system": f"{_TERMINOLOGY}/v2-0074", "code": code, "display": display}]}
    yield _concept(CodedConcept("LP29684-5", "LN", "Radiology"))


def _subject(message: AlertMessage) -> dict[str, Any]:
    """The contained patient, whose identifier stands here as well, for readers that resolve no reference."""
    if message.patient is None:
        return {}
    identifiers = _patient_identifiers(message)
    return {"reference": "#patient", "type": "Patient"} | ({"identifier": identifiers[0]} if identifiers else {})


def _patient_identifiers(message: AlertMessage) -> list[dict[str, Any]]:
    if message.patient is None or not message.patient.id:
        return []
    issuer = message.order.patient_issuer
    return [_identifier("MR", message.patient.id, issuer._replace(name=issuer.name or message.patient.issuer))]


def _patient(message: AlertMessage) -> dict[str, Any]:
    patient = message.patient
    if patient is None:
        return {}
    known = {
        "resourceType": "Patient",
        "id": "patient",
        "identifier": _patient_identifiers(message),
        "name": list(_names(patient)),
        "gender": _GENDERS.get(patient.sex, "unknown"),
        "birthDate": _date(patient.birth_date),
    }
    return _known(known)


def _names(patient: NamedPatient) -> Iterator[dict[str, Any]]:
    """One for each component group of the DICOM name: alphabetic, ideographic, phonetic."""
    for group in patient.name.split("="):
        family, given, middle, prefix, suffix = ([part.strip() for part in group.split("^")] + [""] * 5)[:5]
        parts = {
            "family": family,
            "given": [part for part in (given, middle) if part],
            "prefix": [prefix] if prefix else [],
            "suffix": [suffix] if suffix else [],
        }
        if name := _known(parts):
            yield name


def _date(text: str) -> str:
    """A date of VR DA as FHIR writes it; empty where it is none."""
    try:
        return dt.datetime.strptime(text, "%Y%m%d").date().isoformat() if len(text) == 8 else ""  # noqa: DTZ007
    except ValueError:
        return ""


def _study(message: AlertMessage) -> dict[str, Any]:
    uid = {"system": "urn:dicom:uid", "value": f"urn:oid:{message.study_instance_uid}"}
    return {"type": "ImagingStudy", "identifier": uid}


def _observation(message: AlertMessage, finding: AlertFinding, number: int) -> dict[str, Any]:
    """What is present is the value of a finding; what is not certain is only said to be undetermined.

    The presence is a component of the first and the value of the second: no component may have the code of an
    observation that has a value (obs-7).
    """
    is_present = finding.verdict is Verdict.PRESENT
    presence = _concept(codes.PRESENCES[finding.verdict.presence])
    imaging = {"system": f"{_TERMINOLOGY}/observation-category", "code": "imaging", "display": "Imaging"}
    observation = {
        "resourceType": "Observation",
        "id": f"finding-{number}",
        "status": _status(message.content),
        "category": [{"coding": [imaging]}],
        "code": _concept(codes.FINDING if is_present else finding.code),
        "subject": _subject(message),
        "effectiveDateTime": _moment(message.study.examined),
        "issued": _moment(message.created_at.astimezone(dt.UTC)),
        "valueCodeableConcept": _concept(finding.code) if is_present else presence,
        "interpretation": [] if message.content.retraction else [_interpretation(finding, is_present=is_present)],
        "method": _concept(codes.ARTIFICIAL_INTELLIGENCE),
        "device": {"reference": "#model"},
        "derivedFrom": [_study(message)],
        "component": [
            *([{"code": _concept(finding.code), "valueCodeableConcept": presence}] if is_present else []),
            *(
                {"code": _concept(concept), "valueQuantity": _percentage(value)}
                for concept, value in codes.percentages(codes.CERTAINTY_OF_FINDING, finding.estimate)
            ),
        ],
    }
    return _known(observation)


def _interpretation(finding: AlertFinding, *, is_present: bool) -> dict[str, Any]:
    """How abnormal it is, and how soon somebody should look."""
    flag = {
        "system": f"{_TERMINOLOGY}/v3-ObservationInterpretation",
        "code": _ABNORMAL[finding.acuity] if is_present else _INDETERMINATE,
    }
    return {"coding": [flag, _coding(codes.ACUITIES[finding.acuity])]}


def _status(content: AlertContent) -> str:
    """FHIR R4: a report that was released and should not have been is in error, and stays so."""
    return "entered-in-error" if content.retraction else "preliminary"


def _percentage(value: int) -> dict[str, Any]:
    unit = codes.PERCENT.value
    return {"value": value, "unit": unit, "system": _SYSTEMS["UCUM"], "code": unit}


def _concept(concept: CodedConcept, *, said: str = "") -> dict[str, Any]:
    """A code, with the house's own words for it."""
    return _known({"coding": [_coding(concept)], "text": said})


def _coding(concept: CodedConcept) -> dict[str, str]:
    return _known(
        {"system": _SYSTEMS.get(concept.scheme, ""), "code": concept.value.strip(), "display": concept.meaning}
    )


def _moment(when: dt.datetime | dt.date | None) -> str:
    """FHIR dateTime, as exact as it is known."""
    if isinstance(when, dt.datetime):
        return when.isoformat(timespec="seconds")
    return "" if when is None else when.isoformat()
