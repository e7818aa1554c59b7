"""Alerts as JSON over HTTP POST.

The body is a FHIR R4 DiagnosticReport, cut to what an alert says; the headers are those of Standard Webhooks
(https://www.standardwebhooks.com): `webhook-id`, `webhook-timestamp`, and `webhook-signature` where there is a
secret. A retraction is the report of the alert that it takes back, by its identifier, with status `entered-in-error`
and the tag `alert.retracted`. `http.client` and no other library, because it follows no redirect and asks no proxy of
the environment.
"""

from __future__ import annotations

import base64
import binascii
import datetime as dt
import hashlib
import hmac
import json
import time
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import Any
from urllib.parse import urlsplit

from dicomnode import __version__
from dicomnode.dicom import codes
from dicomnode.errors import PeerRefusedError, PeerUnreachableError, SettingsError, TransientError
from dicomnode.records import Acuity, AlertContent, AlertFinding, AlertMessage, CodedConcept, NamedPatient, Verdict
from dicomnode.send.alert_text import TEST, lines
from dicomnode.send.secrets import read_secret, tls_context
from dicomnode.settings import WebhookChannel

REFUSED = frozenset({400, 406, 410, 413, 415, 422})
"""Answers that sending the same again will not change; any other may be mended at the receiver."""

_SYSTEMS = {
    "SCT": "http://snomed.info/sct",
    "DCM": "http://dicom.nema.org/resources/ontology/DCM",
    "LN": "http://loinc.org",
    "RADLEX": "http://radlex.org",
    "UCUM": "http://unitsofmeasure.org",
}
_ABNORMAL = {Acuity.EMERGENT: "AA", Acuity.URGENT: "AA", Acuity.NON_CRITICAL: "A", Acuity.NON_ACTIONABLE: "A"}
_RETRACTED = {"system": "urn:dicomnode:event", "code": "alert.retracted", "display": "Alert retracted"}
_INDETERMINATE = "IND"
_GENDERS = {"M": "male", "F": "female", "O": "other"}


def send_webhook(channel: WebhookChannel, message: AlertMessage) -> str:
    """Post an alert and return the status that acknowledged it.

    Raises
    ------
    TransientError
        If nobody answered, or with a status that may change.
    PeerRefusedError
        If the receiver says that the request is wrong.
    SettingsError
        If secret or certificates of the settings cannot be used.
    """
    body = json.dumps(diagnostic_report(message), ensure_ascii=False).encode("utf-8", errors="replace")
    status = _post(channel, body, _headers(message.control_id, body, read_secret(channel)))
    if 200 <= status < 300:
        return f"HTTP {status}"
    if status in REFUSED:
        raise PeerRefusedError(f"the receiver refused the request: HTTP {status}")
    if 300 <= status < 400:
        raise TransientError(f"HTTP {status}: the receiver points to another address; redirects are not followed")
    raise TransientError(f"the receiver did not take the request: HTTP {status}")


def signature(identifier: str, timestamp: str, body: bytes, secret: str) -> str:
    """Signature of Standard Webhooks: HMAC-SHA256 over identifier, time and body, base64.

    A secret that begins with `whsec_` is base64, any other is taken as it is.

    Raises
    ------
    SettingsError
        If the secret begins with `whsec_` and is no base64.
    """
    key = secret.encode()
    if secret.startswith("whsec_"):
        try:
            key = base64.b64decode(secret.removeprefix("whsec_"), validate=True)
        except binascii.Error:
            raise SettingsError("the secret begins with whsec_, but what follows is no base64") from None
    signed = hmac.new(key, f"{identifier}.{timestamp}.".encode() + body, hashlib.sha256).digest()
    return f"v1,{base64.b64encode(signed).decode()}"


def diagnostic_report(message: AlertMessage) -> dict[str, Any]:
    """FHIR R4 DiagnosticReport of an alert, with what it refers to contained in it."""
    content = message.content
    observations = [_observation(message, f, n) for n, f in enumerate(content.findings, 1)]
    device = {
        "resourceType": "Device",
        "id": "model",
        "deviceName": [{"name": content.model, "type": "model-name"}],
        "version": [{"value": content.model_version}],
    }
    back = content.retraction
    tags = [*([_test_tag()] if message.is_test else []), *([_RETRACTED] if back else [])]
    report: dict[str, Any] = {
        "resourceType": "DiagnosticReport",
        "meta": {"tag": tags},
        "contained": [device, *observations],
        "identifier": [{"system": "urn:dicomnode:alert", "value": back.control_id if back else message.control_id}],
        "status": _status(content),
        "code": {"coding": [_coding(codes.DIAGNOSTIC_IMAGING_REPORT)]},
        "issued": _moment(message.created_at),
        "result": [{"reference": f"#{one['id']}"} for one in observations],
        "imagingStudy": [
            {
                "type": "ImagingStudy",
                "identifier": {"system": "urn:dicom:uid", "value": f"urn:oid:{message.study_instance_uid}"},
            }
        ],
        "conclusion": "\n".join(lines(message)),
        "conclusionCode": [{"coding": [_coding(f.code)]} for f in content.findings if f.verdict is Verdict.PRESENT],
    }
    if not report["conclusionCode"]:
        del report["conclusionCode"]
    if not tags:
        del report["meta"]
    if message.patient is not None:
        report["contained"].append(_patient(message.patient))
        report["subject"] = {"reference": "#patient"}
        if message.patient.accession_number:
            report["basedOn"] = [
                {"type": "ServiceRequest", "identifier": _accession_number(message.patient.accession_number)}
            ]
    return report


def _observation(message: AlertMessage, finding: AlertFinding, number: int) -> dict[str, Any]:
    """What is present is the value of a finding; what is not certain is only said to be undetermined."""
    is_present = finding.verdict is Verdict.PRESENT
    presence = {"coding": [_coding(codes.PRESENCES[finding.verdict.presence])]}
    flag = {
        "system": "http://terminology.hl7.org/CodeSystem/v3-ObservationInterpretation",
        "code": _ABNORMAL[finding.acuity] if is_present else _INDETERMINATE,
    }
    interpretation = {"interpretation": [{"coding": [flag, _coding(codes.ACUITIES[finding.acuity])]}]}
    components: list[dict[str, Any]] = [{"code": {"coding": [_coding(finding.code)]}, "valueCodeableConcept": presence}]
    components += [
        {"code": {"coding": [_coding(concept)]}, "valueQuantity": _percentage(value)}
        for concept, value in codes.percentages(codes.CERTAINTY_OF_FINDING, finding.estimate)
    ]
    return {
        "resourceType": "Observation",
        "id": f"finding-{number}",
        "status": _status(message.content),
        "code": {"coding": [_coding(codes.FINDING if is_present else finding.code)]},
        "device": {"reference": "#model"},
        "issued": _moment(message.created_at),
        "valueCodeableConcept": {"coding": [_coding(finding.code)]} if is_present else presence,
        "component": components,
        **({} if message.content.retraction else interpretation),
    }


def _status(content: AlertContent) -> str:
    """FHIR R4: a report that was released and should not have been is in error, and stays so."""
    return "entered-in-error" if content.retraction else "preliminary"


def _percentage(value: int) -> dict[str, Any]:
    unit = codes.PERCENT.value
    return {"value": value, "unit": unit, "system": _SYSTEMS["UCUM"], "code": unit}


def _patient(patient: NamedPatient) -> dict[str, Any]:
    family, given, middle = ([part.strip() for part in patient.name.split("=")[0].split("^")] + [""] * 3)[:3]
    name = {"family": family, "given": [part for part in (given, middle) if part]}
    date = patient.birth_date
    known = {
        "identifier": [{"value": patient.id}] if patient.id else None,
        "name": [{key: part for key, part in name.items() if part}] if family or given else None,
        "gender": _GENDERS.get(patient.sex, "unknown"),
        "birthDate": f"{date[:4]}-{date[4:6]}-{date[6:]}" if _is_date(date) else None,
    }
    return {"resourceType": "Patient", "id": "patient"} | {key: value for key, value in known.items() if value}


def _is_date(text: str) -> bool:
    try:
        dt.datetime.strptime(text, "%Y%m%d")  # noqa: DTZ007  # a date has no zone
    except ValueError:
        return False
    return len(text) == 8


def _accession_number(accession_number: str) -> dict[str, Any]:
    kind = {"system": "http://terminology.hl7.org/CodeSystem/v2-0203", "code": "ACSN"}
    return {"type": {"coding": [kind]}, "value": accession_number}


def _test_tag() -> dict[str, str]:
    return {"system": "http://terminology.hl7.org/CodeSystem/v3-ActReason", "code": "HTEST", "display": TEST}


def _coding(concept: CodedConcept) -> dict[str, str]:
    system = _SYSTEMS.get(concept.scheme, f"urn:dicomnode:scheme:{concept.scheme}")
    return {"system": system, "code": concept.value, "display": concept.meaning}


def _moment(moment: dt.datetime) -> str:
    return moment.astimezone(dt.UTC).isoformat(timespec="seconds")


def _headers(identifier: str, body: bytes, secret: str) -> dict[str, str]:
    timestamp = str(int(time.time()))
    headers = {
        "Content-Type": "application/fhir+json; charset=utf-8",
        "User-Agent": f"dicomnode/{__version__}",
        "webhook-id": identifier,
        "webhook-timestamp": timestamp,
    }
    if secret:
        headers["webhook-signature"] = signature(identifier, timestamp, body, secret)
    return headers


def _post(channel: WebhookChannel, body: bytes, headers: dict[str, str]) -> int:
    address = urlsplit(channel.url.get_secret_value())
    host, port = address.hostname or "", address.port
    connection: HTTPConnection
    if address.scheme == "https":
        connection = HTTPSConnection(host, port, timeout=channel.timeout_s, context=tls_context(channel))
    else:
        connection = HTTPConnection(host, port, timeout=channel.timeout_s)
    target = (address.path or "/") + (f"?{address.query}" if address.query else "")
    try:
        connection.connect()
    except (OSError, UnicodeError) as error:
        raise PeerUnreachableError(f"no connection to {host} ({type(error).__name__})") from None
    try:
        connection.request("POST", target, body=body, headers=headers)
        return connection.getresponse().status
    except (OSError, HTTPException) as error:
        raise TransientError(f"{host} did not answer the request ({type(error).__name__})") from None
    finally:
        connection.close()
