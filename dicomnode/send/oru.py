r"""Alerts as the HL7 v2.5.1 message ORU^R01.

The segments are MSH, PID, PV1, ORC, OBR, NTE, TQ1 and OBX, all of one order. PID and PV1 are there only where the
channel may know the patient, and so are order numbers and Study Description. Times of the examination (OBR-7, OBX-14)
are in the study's time zone; OBR-22 and OBX-19 say when the model read it. OBR-4 is the procedure as the structured
report names it, or as the house's own Procedure Code Sequence does.

The first OBX name the study (113014, DCM), its modality and date, and the model. Each finding has a group of OBX with
one OBX-4, as in the structured report: the finding (SNOMED CT) with its presence, its probability with the distances to
its limits, its category (RADLEX). A finding that is not certain is only said to be undetermined: no OBX names it as
found. OBX-8 of the category and of a finding that is present is AA for ACR categories 1 and 2, A for category 3.
Everything has status R, "entered, not verified". Text is UTF-8 (MSH-18).

A retraction is the same message with OBR-25 C, "correction": each finding that is taken back is sent again in its old
group with OBX-11 W, "post original as wrong", and the words with OBX-11 C. Not C for the finding itself: a receiver
would post its value, the finding, as the right one.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator

from dicomnode.dicom import codes
from dicomnode.dicom.uids import MANUFACTURER, derived_uid
from dicomnode.dicom.words import ALERT_WARNING
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
from dicomnode.send.alert_text import MODALITIES, TEST, lines, procedure
from dicomnode.send.hl7_fields import coded, entity_id, escaped, extended_id, moment, person_name, segment
from dicomnode.settings import HL7Channel

PROFILE = f"ALERT-2^{MANUFACTURER}^{derived_uid('HL7 message profile', 'ALERT-2')}^ISO"
"""MSH-21: this message as the conformance statement describes it."""
_NOT_VERIFIED = "R"
"""HL7 tables 0085 and 0123: results entered, not verified."""
_CORRECTED = "C"
"""HL7 tables 0085 and 0123: a correction of results that were sent before."""
_WRONG = "W"
"""HL7 table 0085: post the original as wrong."""
_ABOUT = "O"
"""HL7 table 0085: order detail description only, no result."""
_UNKNOWN_NAME = "^^^^^^U"
"""XPN of somebody whose name is not known: PID-5 must not be empty."""
_ABNORMAL = {Acuity.EMERGENT: "AA", Acuity.URGENT: "AA", Acuity.NON_CRITICAL: "A", Acuity.NON_ACTIONABLE: ""}
_PRIORITY = {Acuity.EMERGENT: "S", Acuity.URGENT: "A", Acuity.NON_CRITICAL: "R", Acuity.NON_ACTIONABLE: "R"}
"""HL7 table 0485: stat, as soon as possible, routine."""
_STUDY = CodedConcept("113014", "DCM", "DICOM Study")
_MODALITY = CodedConcept("121139", "DCM", "Modality")
_STUDY_DATE = CodedConcept("111060", "DCM", "Study Date")
_ALGORITHM = CodedConcept("111001", "DCM", "Algorithm Name")
_VERSION = CodedConcept("111003", "DCM", "Algorithm Version")


def oru_r01(channel: HL7Channel, message: AlertMessage) -> str:
    """The message, its segments ended by carriage returns."""
    segments = [_msh(channel, message)]
    if message.patient is not None:
        segments += [_pid(message, message.patient), _pv1(message)]
    segments += [_orc(message), _obr(message), _nte(message), _tq1(message)]
    observations = [o for n, f in _numbered(message.content) for o in _observations(f, str(n), message.content)]
    read = [_read(message) | fields for fields in (*observations, *_text(message))]
    segments += [segment("OBX", {1: str(n), **fields}) for n, fields in enumerate((*_about(message), *read), 1)]
    return "".join(f"{one}\r" for one in segments)


def _msh(channel: HL7Channel, message: AlertMessage) -> str:
    names = (
        channel.sending_application,
        channel.sending_facility,
        channel.receiving_application,
        channel.receiving_facility,
    )
    fields = {
        **{3 + n: escaped(name) for n, name in enumerate(names)},
        7: moment(dt.datetime.now(dt.UTC)),
        9: "ORU^R01^ORU_R01",
        10: escaped(message.control_id),
        11: "T" if message.is_test else channel.processing_id,
        12: "2.5.1",
        18: "UNICODE UTF-8",
        21: PROFILE,
    }
    # MSH-1 is the delimiter itself: the fields after it move up by one.
    return segment("MSH", {n - 1: value for n, value in fields.items()} | {1: "^~\\&"})


def _pid(message: AlertMessage, patient: NamedPatient) -> str:
    issuer = message.order.patient_issuer
    identifier = extended_id(patient.id, issuer._replace(name=issuer.name or patient.issuer), "MR")
    date = patient.birth_date if re.fullmatch(r"\d{8}", patient.birth_date) else ""
    sex = patient.sex if patient.sex in ("M", "F", "O") else "U"
    return segment("PID", {1: "1", 3: identifier, 5: person_name(patient.name) or _UNKNOWN_NAME, 7: date, 8: sex})


def _pv1(message: AlertMessage) -> str:
    """The visit, of which an image only tells the number: class U, unknown (table 0004)."""
    return segment("PV1", {1: "1", 2: "U", 19: extended_id(message.order.admission_id, Issuer(), "VN")})


def _numbered(content: AlertContent) -> list[tuple[int, AlertFinding]]:
    """Findings with the number of their group; what is taken back keeps the one that it was told under."""
    if content.retraction is None:
        return list(enumerate(content.findings, 1))
    return [(content.retraction.told.index(f.key) + 1, f) for f in content.findings]


def _numbers(message: AlertMessage) -> dict[int, str]:
    """Placer and filler order number, in ORC and OBR alike.

    The filler's must say which order is filled: without one the accession number does, and where the channel may not
    know that, the control ID; a correction has the same as what it corrects.
    """
    order, back = message.order, message.content.retraction
    accession = message.patient.accession_number if message.patient is not None else ""
    filler = entity_id(order.filler_number) or entity_id(accession, order.accession_issuer)
    return {
        2: entity_id(order.placer_number),
        3: filler or entity_id(back.control_id if back else message.control_id),
    }


def _orc(message: AlertMessage) -> str:
    return segment("ORC", {1: "RE", **_numbers(message)})


def _obr(message: AlertMessage) -> str:
    fields = {
        1: "1",
        **_numbers(message),
        4: coded(procedure(message.study), message.order.description),
        7: moment(message.study.examined),
        18: escaped(message.patient.accession_number) if message.patient is not None else "",
        19: escaped(message.order.procedure_id),
        22: moment(message.created_at),
        24: "RAD",
        25: _CORRECTED if message.content.retraction else _NOT_VERIFIED,
        27: f"^^^^^{_PRIORITY[message.content.acuity]}",  # as TQ1-9, for receivers of versions before 2.5
    }
    return segment("OBR", fields)


def _nte(message: AlertMessage) -> str:
    return segment("NTE", {1: "1", 3: escaped(f"{TEST}. {ALERT_WARNING}" if message.is_test else ALERT_WARNING)})


def _tq1(message: AlertMessage) -> str:
    return segment("TQ1", {1: "1", 9: _PRIORITY[message.content.acuity]})


def _about(message: AlertMessage) -> Iterator[dict[int, str]]:
    study, content = message.study, message.content
    yield {2: "ST", 3: coded(_STUDY), 5: escaped(message.study_instance_uid), 11: _ABOUT}
    if study.modality:
        meaning = MODALITIES.get(study.modality, study.modality)
        yield {2: "CWE", 3: coded(_MODALITY), 5: coded(CodedConcept(study.modality, "DCM", meaning)), 11: _ABOUT}
    if study.examined is not None:
        yield {2: "DT", 3: coded(_STUDY_DATE), 5: study.examined.strftime("%Y%m%d"), 11: _ABOUT}
    yield {2: "ST", 3: coded(_ALGORITHM), 5: escaped(content.model), 11: _ABOUT}
    yield {2: "ST", 3: coded(_VERSION), 5: escaped(content.model_version), 11: _ABOUT}


def _read(message: AlertMessage) -> dict[int, str]:
    """When what the model says was true of the patient, by which program it was said, and when."""
    content = message.content
    instance = entity_id(f"{content.model} {content.model_version}", Issuer(name=MANUFACTURER))
    return {14: moment(message.study.examined), 18: instance, 19: moment(message.created_at)}


def _observations(finding: AlertFinding, group: str, content: AlertContent) -> Iterator[dict[int, str]]:
    flag = "" if content.retraction else _ABNORMAL[finding.acuity]
    shared = {4: group, 11: _WRONG if content.retraction else _NOT_VERIFIED}
    if finding.verdict is Verdict.PRESENT:  # a reader that skips its presence must not take it as there
        yield shared | {2: "CWE", 3: coded(codes.FINDING), 5: coded(finding.code), 8: flag}
    yield shared | {2: "CWE", 3: coded(finding.code), 5: coded(codes.PRESENCES[finding.verdict.presence])}
    for concept, value in codes.percentages(codes.CERTAINTY_OF_FINDING, finding.estimate):
        yield shared | {2: "NM", 3: coded(concept), 5: str(value), 6: coded(codes.PERCENT)}
    significance = coded(codes.ACUITIES[finding.acuity])
    yield shared | {2: "CWE", 3: coded(codes.LEVEL_OF_SIGNIFICANCE), 5: significance, 8: flag}


def _text(message: AlertMessage) -> Iterator[dict[int, str]]:
    """The same in words, for receivers that only show text: without the patient, who stands in PID."""
    told = "~".join(escaped(line) for line in lines(message, names_patient=False))
    is_back = message.content.retraction is not None
    flag, status = ("", _CORRECTED) if is_back else (_ABNORMAL[message.content.acuity], _NOT_VERIFIED)
    yield {2: "TX", 3: coded(codes.IMPRESSIONS), 5: told, 8: flag, 11: status}
