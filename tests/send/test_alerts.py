"""Alerts over HL7 v2, webhook and e-mail, with real receivers that behave and misbehave."""

from __future__ import annotations

import base64
import dataclasses
import datetime as dt
import hashlib
import hmac
import json
import re
import ssl
from xml.etree import ElementTree

import hl7
import pytest
import trustme
from alert_peers import mail_server, mllp_server, silent_port, web_server
from fhir.resources.R4B.diagnosticreport import DiagnosticReport
from helpers import free_port
from hl7apy.parser import parse_message

from dicomnode.errors import PeerRefusedError, PeerUnreachableError, SettingsError, TransientError
from dicomnode.records import (
    Acuity,
    AlertContent,
    AlertFinding,
    AlertMessage,
    AlertOrder,
    AlertStudy,
    CodedConcept,
    Estimate,
    Issuer,
    NamedPatient,
    Retraction,
    Verdict,
    WithdrawalReason,
)
from dicomnode.send.alerts import check_channel, send_alert
from dicomnode.send.fhir import diagnostic_report
from dicomnode.send.hl7_fields import escaped, person_name
from dicomnode.send.oru import oru_r01
from dicomnode.send.webhook import signature
from dicomnode.settings import EmailChannel, HL7Channel, WebhookChannel

BLEED = AlertFinding(
    key="intracranial_hemorrhage",
    code=CodedConcept("1386000", "SCT", "Intracranial hemorrhage"),
    verdict=Verdict.PRESENT,
    estimate=Estimate(percent=93),
    acuity=Acuity.EMERGENT,
)
OPACITY = AlertFinding(
    key="opacity",
    code=CodedConcept("O|1", "99X", "Opacity & more"),
    verdict=Verdict.POSSIBLE,
    estimate=Estimate(percent=60, lower=45, upper=75, step=5),
    acuity=Acuity.NON_CRITICAL,
)
PATIENT = NamedPatient(
    name="Müller|Weiß^Ann^M^Dr^PhD=山田^太郎",
    id="P&1",
    issuer="HOSP",
    birth_date="19700131",
    sex="F",
    accession_number="A^7",
)
STUDY = AlertStudy(
    modality="CT",
    procedure=CodedConcept("CT|HEAD", "99HOSP", "CT Kopf & Hals"),
    examined=dt.datetime(2026, 3, 1, 13, 5, 7, tzinfo=dt.timezone(dt.timedelta(hours=1))),
)
ORDER = AlertOrder(
    description="Schädel^nativ",
    placer_number="PL~1",
    procedure_id="RP-3",
    accession_issuer=Issuer("RIS", "1.2.40.1", "ISO"),
    admission_id="V|5",
    patient_issuer=Issuer("HOSP", "1.2.40.0.34", "ISO"),
)
SECRETS = (
    "Schädel",
    "PL~1",
    "PL\\R\\1",
    "RP-3",
    "V|5",
    "V\\F\\5",
    "1.2.40",
    "Müller",
    "山田",
    "P&1",
    "P\\T\\1",
    "19700131",
    "1970-01-31",
    "A^7",
    "A\\S\\7",
)
"""How the patient would show in a message."""
MESSAGE = AlertMessage(
    control_id="CONTROL0000000000001",
    created_at=dt.datetime(2026, 3, 1, 12, 30, tzinfo=dt.UTC),
    study_instance_uid="1.2.3.4",
    content=AlertContent(findings=(BLEED, OPACITY), model="head_ct", model_version="0.1.0"),
    study=STUDY,
    patient=PATIENT,
    order=ORDER,
)
NAMELESS = AlertMessage(
    control_id=MESSAGE.control_id,
    created_at=MESSAGE.created_at,
    study_instance_uid=MESSAGE.study_instance_uid,
    content=MESSAGE.content,
    study=STUDY,
)
BACK = AlertMessage(
    control_id="CONTROL0000000000002",
    created_at=MESSAGE.created_at + dt.timedelta(hours=2),
    study_instance_uid=MESSAGE.study_instance_uid,
    content=AlertContent(
        findings=(OPACITY,),
        model="head_ct",
        model_version="0.1.0",
        retraction=Retraction(
            control_id=MESSAGE.control_id,
            told=(BLEED.key, OPACITY.key),
            told_at=MESSAGE.created_at,
            reason=WithdrawalReason.REPLACED,
        ),
    ),
    study=STUDY,
)
"""Takes back one of two findings of MESSAGE."""
UNKNOWN = AlertMessage(
    control_id="CONTROL0000000000003",
    created_at=MESSAGE.created_at,
    study_instance_uid=MESSAGE.study_instance_uid,
    content=MESSAGE.content,
    patient=NamedPatient(name="", id="E-1", issuer="", birth_date="1970", sex="", accession_number=""),
)
"""Of a patient and a study of whom the header says next to nothing."""
REGISTERED = (
    "v2-0074",
    "v2-0203",
    "v3-ActReason",
    "v3-ActStatus",
    "v3-ObservationInterpretation",
    "observation-category",
)
"""Code systems of terminology.hl7.org that the reports use."""
IMPATIENT = {"timeout_s": 0.3}


def hl7_channel(port: int, **changes: object) -> HL7Channel:
    """A channel to a receiver on this machine."""
    return HL7Channel(**{"kind": "hl7", "host": "127.0.0.1", "port": port, **IMPATIENT, **changes})


def web_channel(port: int, scheme: str = "http", **changes: object) -> WebhookChannel:
    """A channel to a web server on this machine."""
    host = "localhost" if scheme == "https" else "127.0.0.1"
    url = f"{scheme}://{host}:{port}/hook?room=1"
    return WebhookChannel(**{"kind": "webhook", "url": url, **IMPATIENT, **changes})


def mail_channel(port: int, **changes: object) -> EmailChannel:
    """A channel to a mail server on this machine."""
    values = {"kind": "email", "host": "localhost", "port": port, "sender": "node@hospital.test", "timeout_s": 2}
    return EmailChannel(**{**values, "recipients": ("a@x.test", "b@x.test"), "starttls": False, **changes})


@pytest.fixture(scope="session")
def some_certificates(tmp_path_factory):
    """TLS of a server called localhost, and the file of the authority that signed it."""
    authority, folder = trustme.CA(), tmp_path_factory.mktemp("tls")
    authority.cert_pem.write_to_path(folder / "ca.pem")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    ours = authority.issue_cert("node.hospital.test")
    ours.private_key_and_cert_chain_pem.write_to_path(folder / "node.pem")
    return context, authority, folder


def field(text: str, segment: str, number: int) -> str:
    """A field of the first segment of a name, as the `hl7` library reads it."""
    return str(hl7.parse(text).segment(segment)[number])


# -- HL7 v2 ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("message", [MESSAGE, NAMELESS, BACK, UNKNOWN])
def test_the_message_is_an_oru_r01_of_version_2_5_1(message):
    """A reader that knows the standard's structure and data types finds no fault in it."""
    parsed = parse_message(oru_r01(hl7_channel(1), message), validation_level=1)

    assert parsed.validate()
    assert ["MSH", "ORU_R01_PATIENT_RESULT"] == [child.name for child in parsed.children]
    assert "ORU_R01" == parsed.msh.msh_9.msh_9_3.value
    assert "UNICODE UTF-8" == parsed.msh.msh_18.value


def test_each_finding_has_code_probability_and_category():
    """SNOMED CT in the finding, RADLEX in its category, AA where somebody must act within hours.

    A finding that is not certain has the presence, probability and limits of the structured report; nothing names it
    as found.
    """
    segments = hl7.parse(oru_r01(hl7_channel(1), MESSAGE)).segments("OBX")
    groups = {n: [s for s in segments if str(s[4]) == n] for n in ("1", "2")}

    assert [
        "1386000^Intracranial hemorrhage^SCT",
        "52101004^Present^SCT",
        "93",
        "RID49480^ACR Category 1 Actionable Finding^RADLEX",
    ] == [str(s[5]) for s in groups["1"]]
    assert [
        "373068000^Undetermined^SCT",
        "60",
        "15",
        "15",
        "RID49482^ACR Category 3 Actionable Finding^RADLEX",
    ] == [str(s[5]) for s in groups["2"]]
    assert [["AA", "", "", "AA"], ["", "", "", "", "A"]] == [[str(s[8]) for s in groups[n]] for n in ("1", "2")]
    assert not any("99X" in str(s[5]) for s in groups["2"])
    assert "suspected, but not certain (probability about 60%, 95% interval 45% to 75%)" in str(segments[-1][5])
    assert {"R"} == {str(s[11]) for group in groups.values() for s in group}, "not verified"
    assert ["113014^DICOM Study^DCM", "1.2.3.4"] == [str(segments[0][n]) for n in (3, 5)]


def test_an_interface_engine_can_file_it():
    """Patient with authority and type, visit, order numbers, procedure, and the time of the examination in its zone."""
    text = oru_r01(hl7_channel(1), MESSAGE)
    group = parse_message(text, validation_level=1).oru_r01_patient_result
    patient, order = group.oru_r01_patient, group.oru_r01_order_observation

    assert r"P\T\1^^^HOSP&1.2.40.0.34&ISO^MR" == patient.pid.pid_3.value
    assert ["19700131", "F"] == [patient.pid.pid_7.value, patient.pid.pid_8.value]
    assert ["U", r"V\F\5^^^^VN"] == [patient.oru_r01_visit.pv1.pv1_2.value, patient.oru_r01_visit.pv1.pv1_19.value]
    numbers = ["RE", r"PL\R\1", r"A\S\7^RIS^1.2.40.1^ISO"]
    assert numbers == [order.orc.orc_1.value, order.orc.orc_2.value, order.orc.orc_3.value]
    assert numbers[1:] == [order.obr.obr_2.value, order.obr.obr_3.value]
    assert r"CT\F\HEAD^CT Kopf \T\ Hals^99HOSP^^Schädel\S\nativ^L" == order.obr.obr_4.value
    assert ["20260301130507+0100", "20260301123000+0000"] == [order.obr.obr_7.value, order.obr.obr_22.value]
    assert [r"A\S\7", "RP-3", "RAD", "R"] == [field(text, "OBR", n) for n in (18, 19, 24, 25)]
    assert "^^^^^S" == order.obr.obr_27.value
    assert "ALERT-2^dicomnode^2.25." == field(text, "MSH", 21)[:23]


def test_observations_say_when_the_patient_was_examined_and_when_the_model_read_it():
    """OBX-14 is when it was made, OBX-19 when it was read, OBX-18 by what; modality and date are observations, too."""
    segments = hl7.parse(oru_r01(hl7_channel(1), MESSAGE)).segments("OBX")
    told = {str(s[3]).split("^")[1]: str(s[5]) for s in segments if str(s[11]) == "O"}
    read = [s for s in segments if str(s[11]) != "O"]

    assert "CT^Computed Tomography^DCM" == told["Modality"]
    assert "20260301" == told["Study Date"]
    times = {tuple(str(s[n]) for n in (14, 18, 19)) for s in read}
    assert {("20260301130507+0100", "head_ct 0.1.0^dicomnode", "20260301123000+0000")} == times
    assert [str(n) for n in range(1, len(segments) + 1)] == [str(s[1]) for s in segments]


@pytest.mark.parametrize(
    ("examined", "written"),
    [
        (dt.date(2026, 1, 5), "20260105"),
        (
            dt.datetime(2026, 1, 5, 23, 59, tzinfo=dt.timezone(dt.timedelta(hours=-3, minutes=-30))),
            "20260105235900-0330",
        ),
        (None, ""),
    ],
)
def test_the_examination_is_dated_as_exactly_as_it_is_known(examined, written):
    """A time in the study's zone, a date alone, or nothing: never the time at which the model read it."""
    message = dataclasses.replace(MESSAGE, study=AlertStudy(modality="CR", examined=examined))
    text = oru_r01(hl7_channel(1), message)
    report = DiagnosticReport.model_validate(diagnostic_report(message))

    assert written == (field(text, "OBR", 7) if written else field(text, "OBR", 7).strip())
    assert parse_message(text, validation_level=1).validate()
    assert examined == report.effectiveDateTime
    assert "date not known" in report.conclusion if examined is None else examined.isoformat()[:10] in report.conclusion


def test_a_patient_of_whom_little_is_known_is_told_as_that():
    """A name that is not known has type U, a birth date that is none is left out; the control ID names the order."""
    text = oru_r01(hl7_channel(1), UNKNOWN)

    assert ["E-1^^^^MR", "^^^^^^U", "", "U"] == [field(text, "PID", n) for n in (3, 5, 7, 8)]
    assert UNKNOWN.control_id == field(text, "OBR", 3) == field(text, "ORC", 3)
    assert "363679005" == field(text, "OBR", 4).split("^")[0]


def test_a_filler_order_number_names_the_order_where_there_is_one():
    """The accession number stays in OBR-18."""
    order = dataclasses.replace(ORDER, filler_number="F^9")
    text = oru_r01(hl7_channel(1), dataclasses.replace(MESSAGE, order=order))

    assert [r"F\S\9", r"F\S\9", r"A\S\7"] == [field(text, "ORC", 3), field(text, "OBR", 3), field(text, "OBR", 18)]


def test_delimiters_in_values_are_escaped():
    """An independent reader finds the values as they were, whatever they hold."""
    text = oru_r01(hl7_channel(1, sending_facility="A|B^C"), MESSAGE)
    parsed = hl7.parse(text)

    assert "A|B^C" == parsed.unescape(field(text, "MSH", 4))
    assert ["P&1", "HOSP"] == [parsed.unescape(str(parsed[f"PID.F3.R1.C{n}"])) for n in (1, 4)]
    assert "Müller|Weiß" == parsed.unescape(str(parsed["PID.F5.R1.C1"]))
    assert "A^7" == parsed.unescape(field(text, "OBR", 18))


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("a|b", r"a\F\b"),
        ("\\", r"\E" + "\\"),
        ("&~^", "\\T\\\\R\\\\S\\"),
        ("two\r\nlines\x0b\x1c", "two lines "),
        ("Grüße 山", "Grüße 山"),
    ],
)
def test_escaping(given, expected):
    """Delimiters become sequences, what would end a segment or a block becomes a blank."""
    assert expected == escaped(given)


@pytest.mark.parametrize(
    ("dicom", "xpn"),
    [
        ("Doe^Jane^Q^Dr^PhD", "Doe^Jane^Q^PhD^Dr^^^A"),
        ("Yamada^Tarou=山田^太郎=やまだ^たろう", "Yamada^Tarou^^^^^^A~山田^太郎^^^^^^I~やまだ^たろう^^^^^^P"),
        ("=山田", "山田^^^^^^^I"),
        ("", ""),
    ],
)
def test_names_change_the_order_of_their_parts(dicom, xpn):
    """DICOM writes the prefix first, HL7 the suffix; the component groups become repetitions."""
    assert xpn == person_name(dicom)


@pytest.mark.parametrize("code", ["AA", "CA"])
def test_an_accept_is_an_acknowledgement(code):
    """Application accept and commit accept both say that the receiver has the message."""
    with mllp_server(code) as server:
        assert code == send_alert(hl7_channel(server.port), MESSAGE)

    assert MESSAGE.control_id == field(server.got[0], "MSH", 10)


@pytest.mark.parametrize(
    ("answer", "error", "says"),
    [
        ("AE", PeerRefusedError, "MSA-1 is AE"),
        ("CR", PeerRefusedError, "MSA-1 is CR"),
        ("AR", TransientError, "MSA-1 is AR"),
        ("CE", TransientError, "MSA-1 is CE"),
        ("ZZ", TransientError, "MSA-1 is not known"),
        ("other", TransientError, "MSA-2 is not its control ID"),
        ("garbage", TransientError, "not an HL7 message"),
        ("empty", TransientError, "not an HL7 message"),
        ("close", TransientError, "closed the connection without acknowledging"),
        ("silence", TransientError, "no answer in time"),
        ("drip", TransientError, "no answer in time"),
        ("flood", TransientError, "no end of block"),
    ],
)
def test_any_other_answer_is_none(answer, error, says):
    """Only an accept of this very message counts; the rest is refused for good or tried again."""
    with mllp_server(answer) as server, pytest.raises(error, match=says):
        send_alert(hl7_channel(server.port), MESSAGE)


@pytest.mark.parametrize("make", [hl7_channel, web_channel, mail_channel])
def test_nobody_there_is_said_so(make):
    """A port that nobody listens on is told apart from a receiver that does not answer."""
    with pytest.raises(PeerUnreachableError, match="127.0.0.1|localhost"):
        send_alert(make(free_port()), NAMELESS)


def test_hl7_over_tls(some_certificates):
    """The peer's certificate is checked against the authority of the settings, and ours is shown."""
    context, authority, folder = some_certificates
    mutual = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(mutual)
    authority.configure_trust(mutual)
    mutual.verify_mode = ssl.CERT_REQUIRED
    secure = {"host": "localhost", "tls": True, "ca_file": folder / "ca.pem", "timeout_s": 2}
    with mllp_server("AA", tls=mutual) as server:
        assert "AA" == send_alert(hl7_channel(server.port, certificate_file=folder / "node.pem", **secure), MESSAGE)
        with pytest.raises(TransientError):
            send_alert(hl7_channel(server.port, **secure), MESSAGE)
    with mllp_server("AA", tls=context) as server:
        with pytest.raises(PeerUnreachableError, match="CERTIFICATE_VERIFY_FAILED"):
            send_alert(hl7_channel(server.port, **secure | {"ca_file": None}), MESSAGE)
        with pytest.raises(PeerUnreachableError, match="CERTIFICATE_VERIFY_FAILED"):
            send_alert(hl7_channel(server.port, **secure | {"host": "127.0.0.1"}), MESSAGE)
        assert [] == server.got


def test_a_test_message_is_marked():
    """Processing ID T, and words that nobody can take for a patient's."""
    message = AlertMessage(
        control_id="T1", created_at=MESSAGE.created_at, study_instance_uid="1", content=MESSAGE.content, is_test=True
    )
    text = oru_r01(hl7_channel(1), message)

    assert "T" == field(text, "MSH", 11)
    assert text.count("TEST MESSAGE, not about a patient") >= 2
    assert "HTEST" == diagnostic_report(message)["meta"]["tag"][0]["code"]


def test_a_retraction_corrects_the_observations_that_it_takes_back():
    """A valid ORU: same order, same group, OBX-11 W, no abnormal flag; the finding that stands is left alone."""
    text = oru_r01(hl7_channel(1), BACK)
    told = oru_r01(hl7_channel(1), NAMELESS)

    assert parse_message(text, validation_level=1).validate()
    assert "C" == field(text, "OBR", 25)
    assert [field(told, "OBR", n) for n in (3, 7)] == [field(text, "OBR", n) for n in (3, 7)]
    assert field(told, "OBR", 22) != field(text, "OBR", 22)
    assert "CONTROL0000000000002" == field(text, "MSH", 10)
    grouped = [s for s in hl7.parse(text).segments("OBX") if str(s[4])]
    assert {("2", "W", "")} == {(str(s[4]), str(s[11]), str(s[8])) for s in grouped}
    (words,) = [s for s in hl7.parse(text).segments("OBX") if str(s[2]) == "TX"]
    assert ("C", "") == (str(words[11]), str(words[8]))
    assert "RETRACTION of the alert CONTROL0000000000001 of 2026-03-01T12:30:00+00:00" in text
    assert "Intracranial" not in text


# -- webhook ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("message", [MESSAGE, NAMELESS])
def test_the_body_is_a_fhir_diagnostic_report(message):
    """A reader that knows FHIR R4 takes it, and finds findings, flags, study and words in it."""
    report = DiagnosticReport.model_validate(json.loads(json.dumps(diagnostic_report(message))))

    assert "preliminary" == report.status
    assert "urn:oid:1.2.3.4" == report.imagingStudy[0].identifier.value
    bleed = next(r for r in report.contained if r.id == "finding-1")
    assert ["AA", "RID49480"] == [c.code for c in bleed.interpretation[0].coding]
    assert "1386000" == bleed.valueCodeableConcept.coding[0].code
    assert "52101004" == bleed.component[0].valueCodeableConcept.coding[0].code
    assert 93 == bleed.component[1].valueQuantity.value
    doubtful = next(r for r in report.contained if r.id == "finding-2")
    assert ["IND", "RID49482"] == [c.code for c in doubtful.interpretation[0].coding]
    assert ("O|1", "373068000") == (doubtful.code.coding[0].code, doubtful.valueCodeableConcept.coding[0].code)
    assert [60, 15, 15] == [c.valueQuantity.value for c in doubtful.component]
    assert ["1386000"] == [c.coding[0].code for c in report.conclusionCode], "only what is present is a conclusion"
    assert (message.patient is not None) == (report.subject is not None)
    assert "not for diagnostic use" in report.conclusion


def test_a_repository_can_file_the_report():
    """Category, code, times, order, patient and text; the examination's time in its own zone."""
    report = DiagnosticReport.model_validate(json.loads(json.dumps(diagnostic_report(MESSAGE))))
    bleed = next(r for r in report.contained if r.id == "finding-1")
    patient = next(r for r in report.contained if r.id == "patient")

    assert ["RAD", "CT", "LP29684-5"] == [one.coding[0].code for one in report.category]
    assert (None, "CT|HEAD", "Schädel^nativ") == (
        *[getattr(report.code.coding[0], n) for n in ("system", "code")],
        report.code.text,
    )
    assert STUDY.examined == report.effectiveDateTime == bleed.effectiveDateTime
    assert MESSAGE.created_at == report.issued == bleed.issued
    assert [("ACSN", "A^7"), ("PLAC", "PL~1")] == [
        (one.identifier.type.coding[0].code, one.identifier.value) for one in report.basedOn
    ]
    assert ("urn:oid:1.2.40.0.34", "P&1", "HOSP") == (
        report.subject.identifier.system,
        report.subject.identifier.value,
        report.subject.identifier.assigner.display,
    )
    assert "1.2.40.1" == report.basedOn[0].identifier.system.removeprefix("urn:oid:")
    assert [("Müller|Weiß", ["Ann", "M"], ["Dr"], ["PhD"]), ("山田", ["太郎"], None, None)] == [
        (name.family, name.given, name.prefix, name.suffix) for name in patient.name
    ]
    assert ("imaging", "123110", "#patient") == (
        bleed.category[0].coding[0].code,
        bleed.method.coding[0].code,
        bleed.subject.reference,
    )


@pytest.mark.parametrize("message", [MESSAGE, NAMELESS, BACK, UNKNOWN])
def test_the_narrative_is_xhtml_with_the_same_words(message):
    """An XML parser reads it; characters that mean something in it, or that XML forbids, do no harm."""
    words = dataclasses.replace(message, order=dataclasses.replace(ORDER, description="<script>\x0b&"))
    report = diagnostic_report(words)
    body = ElementTree.fromstring(report["text"]["div"])

    assert "{http://www.w3.org/1999/xhtml}div" == body.tag
    told = [paragraph.text for paragraph in body]
    assert report["conclusion"].replace("\x0b", " ").split("\n") == told
    assert {"p"} == {child.tag.rpartition("}")[2] for child in body}


@pytest.mark.parametrize("message", [MESSAGE, NAMELESS, BACK, UNKNOWN])
def test_every_system_is_registered_or_an_object_identifier(message):
    """None is of our own making, and none is empty; a scheme of the house has none."""
    written = json.dumps(diagnostic_report(message))
    systems = set(re.findall(r'"system": "([^"]*)"', written))

    assert "urn:dicomnode" not in written
    assert {s for s in systems if not s.startswith(("http://", "urn:oid:"))} <= {"urn:dicom:uid", "urn:ietf:rfc:3986"}
    assert {s for s in systems if s.startswith("http://")} <= {
        "http://snomed.info/sct",
        "http://dicom.nema.org/resources/ontology/DCM",
        "http://loinc.org",
        "http://radlex.org",
        "http://unitsofmeasure.org",
    } | {f"http://terminology.hl7.org/CodeSystem/{name}" for name in REGISTERED}


def test_no_component_repeats_the_code_of_an_observation_with_a_value():
    """Invariant obs-7 of FHIR R4, which the model classes do not check."""
    for observation in diagnostic_report(MESSAGE)["contained"]:
        if observation["resourceType"] == "Observation":
            assert observation["code"] not in [component["code"] for component in observation["component"]]


def test_a_retraction_is_the_report_in_error():
    """FHIR R4: the identifier of what it takes back, entered-in-error, tagged, without interpretation."""
    report = DiagnosticReport.model_validate(json.loads(json.dumps(diagnostic_report(BACK))))

    told = DiagnosticReport.model_validate(diagnostic_report(NAMELESS))
    assert ("entered-in-error", "CONTROL0000000000001") == (report.status, report.identifier[1].value)
    assert told.identifier == report.identifier
    assert ["nullified"] == [tag.code for tag in report.meta.tag]
    (finding,) = [r for r in report.contained if r.id.startswith("finding")]
    assert ("entered-in-error", None) == (finding.status, finding.interpretation)
    assert "no longer reported as suspected; this does not exclude it" in report.conclusion


def test_the_signature_is_that_of_standard_webhooks():
    """The example of the specification's libraries comes out as there."""
    body = b'{"test": 2432232314}'
    signed = signature("msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", body, "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")

    assert "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=" == signed


def test_a_request_is_signed_with_the_secret_of_the_file(tmp_path):
    """The receiver, which knows the secret, computes the same from what it got."""
    (tmp_path / "secret").write_text("s3cret\n")
    with web_server(202) as server:
        assert "HTTP 202" == send_alert(web_channel(server.server_port, secret_file=tmp_path / "secret"), NAMELESS)
    ((path, headers, body),) = server.got

    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    expected = base64.b64encode(hmac.new(b"s3cret", signed, hashlib.sha256).digest()).decode()
    assert f"v1,{expected}" == headers["webhook-signature"]
    assert ("/hook?room=1", MESSAGE.control_id) == (path, headers["webhook-id"])
    assert "DiagnosticReport" == json.loads(body)["resourceType"]


@pytest.mark.parametrize(
    ("answer", "error", "says"),
    [
        (400, PeerRefusedError, "HTTP 400"),
        (422, PeerRefusedError, "HTTP 422"),
        (401, TransientError, "HTTP 401"),
        (404, TransientError, "HTTP 404"),
        (429, TransientError, "HTTP 429"),
        (500, TransientError, "HTTP 500"),
        (503, TransientError, "HTTP 503"),
        ("hang", TransientError, "did not answer"),
        ("close", TransientError, "did not answer"),
    ],
)
def test_only_a_success_acknowledges_a_webhook(answer, error, says):
    """What is wrong with the request is final, everything else is tried again."""
    with web_server(answer) as server, pytest.raises(error, match=says):
        send_alert(web_channel(server.server_port), NAMELESS)


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_no_redirect_is_followed(status):
    """Neither to another host nor anywhere else: the second server is never called."""
    with web_server(200) as other, web_server(status) as server:
        server.location = f"http://127.0.0.1:{other.server_port}/"
        with pytest.raises(TransientError, match="redirects are not followed"):
            send_alert(web_channel(server.server_port), NAMELESS)

    assert (1, 0) == (len(server.got), len(other.got))


def test_no_proxy_of_the_environment_is_asked(monkeypatch):
    """Alerts go to the configured address and nowhere else."""
    with web_server(200) as proxy, web_server(200) as server:
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "https_proxy"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.server_port}")
        send_alert(web_channel(server.server_port), NAMELESS)

    assert (1, 0) == (len(server.got), len(proxy.got))


def test_https_checks_the_certificate(some_certificates):
    """A server whose authority is not trusted gets nothing."""
    context, _, folder = some_certificates
    with web_server(200, tls=context) as server:
        trusting = web_channel(server.server_port, "https", ca_file=folder / "ca.pem", timeout_s=2)
        assert "HTTP 200" == send_alert(trusting, MESSAGE)
        with pytest.raises(PeerUnreachableError, match="SSLCertVerificationError"):
            send_alert(web_channel(server.server_port, "https", timeout_s=2), MESSAGE)

    assert 1 == len(server.got)


# -- e-mail ----------------------------------------------------------------------------------------


def test_a_mail_says_what_is_suspected_and_that_it_is_unverified():
    """Subject, text, importance, and a Message-ID that is the same at every try."""
    with mail_server() as (server, port):
        assert "SMTP 250 for 2 of 2 recipients" == send_alert(mail_channel(port), NAMELESS)
        send_alert(mail_channel(port), NAMELESS)
    first, second = server.got

    subject = "Intracranial hemorrhage suspected; Opacity & more suspected, but not certain"
    assert f"[AI, unverified] EMERGENT: {subject}" == " ".join(first["Subject"].split())
    assert ("high", "auto-generated") == (first["Importance"], first["Auto-Submitted"])
    assert "<CONTROL0000000000001@hospital.test>" == first["Message-ID"] == second["Message-ID"]
    text = first.get_content()
    assert not re.search(r"\d %", text), "one style of percent"
    for word in ("not for diagnostic use", "probability 93%", "RID49480", "1.2.3.4", "head_ct 0.1.0"):
        assert word in text
    assert "Examination: CT Kopf & Hals, modality CT, 2026-03-01 13:05+01:00" in text
    assert "Study Description" not in text


def test_a_retraction_is_a_mail_in_answer_to_the_first():
    """Its subject says so, and readers show it with the mail that it takes back."""
    with mail_server() as (server, port):
        send_alert(mail_channel(port), NAMELESS)
        send_alert(mail_channel(port), BACK)
    first, back = server.got

    assert "RETRACTED [AI, unverified]: Opacity & more" == back["Subject"].strip()
    assert first["Message-ID"] == back["In-Reply-To"] == back["References"] != back["Message-ID"]
    text = back.get_content()
    assert "A later AI result of the same study replaces it." in text
    assert "suspected, probability" not in text


def test_a_mail_over_starttls_with_a_password(some_certificates, monkeypatch):
    """The patient's name and the password travel only once the connection is encrypted."""
    context, _, folder = some_certificates
    monkeypatch.setenv("MAIL_PASSWORD", "pa55")
    secure = {"starttls": True, "ca_file": folder / "ca.pem", "username": "node", "patient_data": True}
    with mail_server(tls=context, password="pa55") as (server, port):
        channel = mail_channel(port, secret_variable="MAIL_PASSWORD", **secure)
        send_alert(channel, MESSAGE)
        monkeypatch.setenv("MAIL_PASSWORD", "wrong")
        with pytest.raises(TransientError, match="did not accept the mail"):
            send_alert(channel, MESSAGE)

    assert [True] == server.was_encrypted
    assert "Müller|Weiß" in server.got[0].get_content()
    assert "Study Description: Schädel^nativ" in server.got[0].get_content()


def test_a_mail_server_without_starttls_gets_nothing():
    """Encryption that was asked for is never given up."""
    with mail_server() as (server, port), pytest.raises(TransientError, match="SMTPNotSupportedError"):
        send_alert(mail_channel(port, starttls=True), NAMELESS)

    assert [] == server.got


@pytest.mark.parametrize(
    ("answer", "error", "says"),
    [
        ("451 later", TransientError, "SMTP 451"),
        ("554 never", PeerRefusedError, "SMTP 554"),
    ],
)
def test_a_mail_that_is_not_taken_is_not_acknowledged(answer, error, says):
    """4yz may be taken another time, 5yz never."""
    with mail_server(answer) as (_, port), pytest.raises(error, match=says):
        send_alert(mail_channel(port), NAMELESS)


def test_recipients_that_are_unknown_are_counted():
    """One that exists is enough; none is a refusal, which does not name them."""
    with mail_server(refused=("b@x.test",)) as (_, port):
        assert "SMTP 250 for 1 of 2 recipients" == send_alert(mail_channel(port), NAMELESS)
    with mail_server(refused=("a@x.test", "b@x.test")) as (_, port), pytest.raises(PeerRefusedError, match="SMTP 550$"):
        send_alert(mail_channel(port), NAMELESS)


def test_a_mail_server_that_says_nothing_is_given_up():
    """The wait for its greeting ends."""
    listener, port = silent_port()
    with listener, pytest.raises(PeerUnreachableError):
        send_alert(mail_channel(port, host="127.0.0.1", timeout_s=0.2), NAMELESS)


# -- patient data and settings ---------------------------------------------------------------------


def test_without_a_patient_nothing_of_one_is_said():
    """No kind of channel finds the patient anywhere but in the message's own record."""
    with web_server(200) as web, mail_server() as (mail, port):
        send_alert(web_channel(web.server_port), NAMELESS)
        send_alert(mail_channel(port), NAMELESS)
    said = oru_r01(hl7_channel(1), NAMELESS) + web.got[0][2].decode() + mail.got[0].as_string()

    assert "PID" not in oru_r01(hl7_channel(1), NAMELESS)
    assert [] == [secret for secret in SECRETS if secret in said]


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"kind": "webhook", "url": "ftp://x/"}, "https:// or http://"),
        ({"kind": "webhook", "url": "https://user:pw@x/"}, "neither a password"),
        ({"kind": "webhook", "url": "http://x/", "patient_data": True}, "needs an https url"),
        ({"kind": "webhook", "url": "https://x/", "secret_file": "a", "secret_variable": "B"}, "name one"),
        ({"kind": "webhook", "url": "https://x/", "secret_variable": "DICOMNODE_X"}, "such variables are settings"),
        ({"kind": "email", "host": "x", "sender": "a@b", "recipients": []}, "at least 1 item"),
        ({"kind": "email", "host": "x", "sender": "nobody", "recipients": ["a@b"]}, "should match pattern"),
        (
            {"kind": "email", "host": "x", "sender": "a@b", "recipients": ["a@b"], "starttls": False, "username": "u"},
            "need starttls",
        ),
        ({"kind": "email", "host": "x", "sender": "a@b", "recipients": ["a@b"], "username": "u"}, "needs secret_file"),
    ],
)
def test_channels_that_cannot_be_meant_are_refused(values, says):
    """The sentence says what would be right."""
    kind = {"webhook": WebhookChannel, "email": EmailChannel}[values["kind"]]
    with pytest.raises(ValueError, match=says):
        kind(**values)


@pytest.mark.parametrize(
    ("channel", "says"),
    [
        (web_channel(1, secret_file="/nowhere"), "send.alerts.x: secret_file /nowhere cannot be read"),
        (web_channel(1, secret_variable="NOT_SET_ANYWHERE"), "NOT_SET_ANYWHERE, .* is empty or not set"),
        (hl7_channel(1, tls=True, ca_file="/nowhere"), "ca_file /nowhere is not a readable PEM file"),
        (hl7_channel(1, tls=True, certificate_file="/nowhere"), "certificate_file /nowhere holds no certificate"),
    ],
)
def test_files_and_variables_that_are_missing_are_named(channel, says):
    """The check at the start finds them, before the first alert would."""
    with pytest.raises(SettingsError, match=says):
        check_channel("x", channel)


def test_a_secret_that_claims_to_be_base64_and_is_not_is_named(monkeypatch):
    """The check at the start finds that, too."""
    monkeypatch.setenv("HOOK_SECRET", "whsec_***")
    with pytest.raises(SettingsError, match="whsec_"):
        check_channel("x", web_channel(1, secret_variable="HOOK_SECRET"))
