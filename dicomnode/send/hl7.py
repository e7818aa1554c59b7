r"""Alerts as HL7 v2.5.1 ORU^R01.

The patient stands in PID, the accession number in OBR-3 and OBR-18, the Study Instance UID in an OBX
(113014, DCM) as IHE has it, each finding in a group of OBX with one OBX-4, as in the structured report: the finding
(SNOMED CT) with its presence, its probability with the distances to its limits, its category (RADLEX). A finding that
is not certain is only said to be undetermined: no OBX names it as found. OBX-8 of the category and of a finding that
is present is AA for ACR categories 1 and 2, A for category 3. Everything has status R, "entered, not verified". Text
is UTF-8 (MSH-18).

A retraction is the same message with OBR-25 C, "correction": each finding that is taken back is sent again in its old
group with OBX-11 W, "post original as wrong", and the words with OBX-11 C. Not C for the finding itself: a receiver
would post its value, the finding, as the right one.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator, Sequence

from dicomnode.dicom import codes
from dicomnode.dicom.words import ALERT_WARNING
from dicomnode.errors import PeerRefusedError, TransientError
from dicomnode.records import Acuity, AlertContent, AlertFinding, AlertMessage, CodedConcept, NamedPatient, Verdict
from dicomnode.send.alert_text import TEST, lines
from dicomnode.send.mllp import exchange
from dicomnode.send.secrets import tls_context
from dicomnode.settings import HL7Channel

_ESCAPES = {"\\": "\\E\\", "|": "\\F\\", "^": "\\S\\", "&": "\\T\\", "~": "\\R\\"}
_NOT_VERIFIED = "R"
"""HL7 tables 0085 and 0123: results entered, not verified."""
_CORRECTED = "C"
"""HL7 tables 0085 and 0123: a correction of results that were sent before."""
_WRONG = "W"
"""HL7 table 0085: post the original as wrong."""
_ABNORMAL = {Acuity.EMERGENT: "AA", Acuity.URGENT: "AA", Acuity.NON_CRITICAL: "A", Acuity.NON_ACTIONABLE: ""}
_PRIORITY = {Acuity.EMERGENT: "S", Acuity.URGENT: "A", Acuity.NON_CRITICAL: "R", Acuity.NON_ACTIONABLE: "R"}
"""HL7 table 0485: stat, as soon as possible, routine."""
_STUDY = CodedConcept("113014", "DCM", "DICOM Study")
_ALGORITHM = CodedConcept("111001", "DCM", "Algorithm Name")
_VERSION = CodedConcept("111003", "DCM", "Algorithm Version")

ACCEPTED = ("AA", "CA")
REFUSED = ("AE", "CR")
"""The message itself is wrong for the receiver. AR and CE are of its state, and may change (HL7 v2.5.1, 2.9.2)."""


def send_hl7(channel: HL7Channel, message: AlertMessage) -> str:
    """Send an alert and return how it was acknowledged.

    Raises
    ------
    TransientError
        If nobody answered, or the receiver cannot take it now.
    PeerRefusedError
        If the receiver says that the message is wrong.
    SettingsError
        If a certificate of the settings cannot be used.
    """
    tls = tls_context(channel, channel.certificate_file) if channel.tls else None
    encoded = oru_r01(channel, message).encode("utf-8", errors="replace")
    answer = exchange(encoded, host=channel.host, port=channel.port, timeout_s=channel.timeout_s, tls=tls)
    return acknowledgement(answer, message.control_id)


def acknowledgement(answer: bytes, control_id: str) -> str:
    """Code in MSA-1 of an acknowledgement of this very message, where it says that the message was accepted.

    Raises
    ------
    TransientError
        If the answer is none, or is that to another message, or the receiver cannot take it now.
    PeerRefusedError
        If the receiver says that the message is wrong.
    """
    segments = answer.decode("utf-8", errors="replace").replace("\n", "\r").split("\r")
    header = next((s for s in segments if s.startswith("MSH") and len(s) > 3), None)
    if header is None:
        raise TransientError("the answer is no HL7 message")
    fields = next((s.split(header[3]) for s in segments if s.startswith("MSA")), [])
    code, acknowledged = ([*fields, "", "", ""])[1:3]
    if acknowledged.strip() != control_id:
        raise TransientError("the answer does not acknowledge this message: MSA-2 is not its control ID")
    # MSA-3 and ERR may quote the message, and so the patient: they are not repeated.
    code = code.strip()
    if code in ACCEPTED:
        return code
    if code in REFUSED:
        raise PeerRefusedError(f"the receiver refused the message: MSA-1 is {code}")
    shown = code if code in ("AR", "CE") else "not known"
    raise TransientError(f"the receiver did not take the message: MSA-1 is {shown}")


def oru_r01(channel: HL7Channel, message: AlertMessage) -> str:
    """The message, its segments ended by carriage returns."""
    segments = [_msh(channel, message)]
    if message.patient is not None:
        segments.append(_pid(message.patient))
    segments.extend((_obr(message), _nte(message), _tq1(message)))
    observations = [o for n, f in _numbered(message.content) for o in _observations(f, str(n), message.content)]
    segments.extend(_obx(n, o) for n, o in enumerate([*_about(message), *observations, *_text(message)], 1))
    return "".join(f"{segment}\r" for segment in segments)


def escaped(text: str) -> str:
    r"""Text for a field: delimiters escaped (HL7 v2.5.1, 2.7), control characters and line ends made blanks."""
    return "".join(_ESCAPES.get(c, c) for c in re.sub(r"[\x00-\x1f\x7f-\x9f]+", " ", text))


def person_name(name: str) -> str:
    """XPN of a DICOM person name; its component groups become repetitions.

    DICOM writes prefix before suffix (PS3.5 6.2.1), HL7 the other way round (HL7 v2.5.1, 2.A.88).
    """
    repetitions = []
    for group, representation in zip(name.split("="), ("A", "I", "P"), strict=False):
        if group.strip("^ "):
            family, given, middle, prefix, suffix = ([escaped(p.strip()) for p in group.split("^")] + [""] * 5)[:5]
            repetitions.append("^".join((family, given, middle, suffix, prefix, "", "", representation)))
    return "~".join(repetitions)


def _msh(channel: HL7Channel, message: AlertMessage) -> str:
    names = (
        channel.sending_application,
        channel.sending_facility,
        channel.receiving_application,
        channel.receiving_facility,
    )
    fields = {
        **{3 + n: escaped(name) for n, name in enumerate(names)},
        7: _moment(dt.datetime.now(dt.UTC)),
        9: "ORU^R01^ORU_R01",
        10: escaped(message.control_id),
        11: "T" if message.is_test else channel.processing_id,
        12: "2.5.1",
        18: "UNICODE UTF-8",
    }
    # MSH-1 is the delimiter itself: the fields after it move up by one.
    return _segment("MSH", {n - 1: value for n, value in fields.items()} | {1: "^~\\&"})


def _pid(patient: NamedPatient) -> str:
    identifier = f"{escaped(patient.id)}^^^{escaped(patient.issuer)}".rstrip("^")
    date = patient.birth_date if re.fullmatch(r"\d{8}", patient.birth_date) else ""
    sex = patient.sex if patient.sex in ("M", "F", "O") else "U"
    return _segment("PID", {1: "1", 3: identifier, 5: person_name(patient.name), 7: date, 8: sex})


def _numbered(content: AlertContent) -> list[tuple[int, AlertFinding]]:
    """Findings with the number of their group; what is taken back keeps the one that it was told under."""
    if content.retraction is None:
        return list(enumerate(content.findings, 1))
    return [(content.retraction.told.index(f.key) + 1, f) for f in content.findings]


def _obr(message: AlertMessage) -> str:
    accession = escaped(message.patient.accession_number) if message.patient is not None else ""
    back = message.content.retraction
    return _segment(
        "OBR",
        {
            1: "1",
            # OBR-3 must say which order is filled: a correction the same as what it corrects.
            3: accession or escaped(back.control_id if back else message.control_id),
            4: _coded(codes.DIAGNOSTIC_IMAGING_REPORT),
            7: _moment(back.told_at if back else message.created_at),
            18: accession,
            22: _moment(message.created_at),
            24: "RAD",
            25: _CORRECTED if back else _NOT_VERIFIED,
        },
    )


def _nte(message: AlertMessage) -> str:
    return _segment("NTE", {1: "1", 3: escaped(f"{TEST}. {ALERT_WARNING}" if message.is_test else ALERT_WARNING)})


def _tq1(message: AlertMessage) -> str:
    return _segment("TQ1", {1: "1", 9: _PRIORITY[message.content.acuity]})


def _about(message: AlertMessage) -> Iterator[dict[int, str]]:
    yield {2: "ST", 3: _coded(_STUDY), 5: escaped(message.study_instance_uid), 11: "O"}
    yield {2: "ST", 3: _coded(_ALGORITHM), 5: escaped(message.content.model), 11: "O"}
    yield {2: "ST", 3: _coded(_VERSION), 5: escaped(message.content.model_version), 11: "O"}


def _observations(finding: AlertFinding, group: str, content: AlertContent) -> Iterator[dict[int, str]]:
    flag = "" if content.retraction else _ABNORMAL[finding.acuity]
    shared = {4: group, 11: _WRONG if content.retraction else _NOT_VERIFIED}
    if finding.verdict is Verdict.PRESENT:  # a reader that skips its presence must not take it as there
        yield shared | {2: "CWE", 3: _coded(codes.FINDING), 5: _coded(finding.code), 8: flag}
    yield shared | {2: "CWE", 3: _coded(finding.code), 5: _coded(codes.PRESENCES[finding.verdict.presence])}
    for concept, value in codes.percentages(codes.CERTAINTY_OF_FINDING, finding.estimate):
        yield shared | {2: "NM", 3: _coded(concept), 5: str(value), 6: _coded(codes.PERCENT)}
    significance = _coded(codes.ACUITIES[finding.acuity])
    yield shared | {2: "CWE", 3: _coded(codes.LEVEL_OF_SIGNIFICANCE), 5: significance, 8: flag}


def _text(message: AlertMessage) -> Iterator[dict[int, str]]:
    """The same in words, for receivers that only show text: without the patient, who stands in PID."""
    told = "~".join(escaped(line) for line in lines(message, names_patient=False))
    is_back = message.content.retraction is not None
    flag, status = ("", _CORRECTED) if is_back else (_ABNORMAL[message.content.acuity], _NOT_VERIFIED)
    yield {2: "TX", 3: _coded(codes.IMPRESSIONS), 5: told, 8: flag, 11: status}


def _obx(number: int, fields: dict[int, str]) -> str:
    return _segment("OBX", {1: str(number), **fields})


def _coded(concept: CodedConcept) -> str:
    """CWE; HL7 table 0396 names coding schemes as DICOM does."""
    return "^".join(escaped(part) for part in (concept.value, concept.meaning, concept.scheme))


def _moment(moment: dt.datetime) -> str:
    return moment.astimezone(dt.UTC).strftime("%Y%m%d%H%M%S+0000")


def _segment(name: str, fields: dict[int, str]) -> str:
    values: Sequence[str] = [fields.get(n, "") for n in range(1, max(fields) + 1)]
    return "|".join((name, *values))
