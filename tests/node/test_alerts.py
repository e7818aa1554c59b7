"""From a study with an acute finding to a receiver that acknowledges it."""

from __future__ import annotations

import datetime as dt
import json
import time

import hl7
import pytest
import structlog
from alert_peers import mail_server, mllp_server, web_server
from helpers import ROOT, a_data_set
from pydicom import Dataset, dcmread
from pydicom.uid import generate_uid

from dicomnode.errors import ComposeError
from dicomnode.node import doors as doors_module
from dicomnode.node import pipeline as pipeline_module
from dicomnode.node.delivery import Courier
from dicomnode.node.doors import AlertDoor
from dicomnode.settings import AcuitySettings, EmailChannel, HL7Channel, SendSettings, WebhookChannel
from dicomnode.store.alerts import AlertState

SAMPLES = ROOT / "sample_dicom"
PATIENT = {"PatientName": "Zyxwv^Quentin", "PatientID": "PID-99", "AccessionNumber": "ACC-7"}


def hl7_to(port: int, **changes: object) -> HL7Channel:
    """A channel to a receiver on this machine, which is tried again at once."""
    values = {"kind": "hl7", "host": "127.0.0.1", "port": port, "timeout_s": 0.5, "longest_retry_s": 0.001}
    return HL7Channel(**values | changes)


def sends(**channels: object) -> SendSettings:
    """Settings with these alert channels."""
    return SendSettings(alerts=channels)


def alerter(house, channel: str) -> Courier:
    """What sends the alerts of a channel."""
    stores = house.stores
    return Courier("alerter", AlertDoor(channel, house.settings, stores.alerts, stores.results, stores.inputs))


def until_idle(one: Courier, house) -> list[dict]:
    """Run it past its short pauses until nothing waits, and return all alerts."""
    for _ in range(50):
        one.run_once()
        if not house.stores.alerts.list(state=AlertState.WAITING):
            break
        time.sleep(0.005)
    return house.stores.alerts.list()


def a_bleed(folder, a_written, **elements: object):
    """Files of a head CT with a bleed, as another study, of a patient."""
    study, paths = generate_uid(), []
    for path in sorted((SAMPLES / "head-ct-bleed").glob("*.dcm")):
        ds = dcmread(path)
        ds.StudyInstanceUID, ds.SOPInstanceUID = study, generate_uid()
        ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID
        for keyword, value in (PATIENT | elements).items():
            setattr(ds, keyword, value)
        paths.append(a_written(folder, ds))
    return paths


def read(house, *paths) -> dict:
    """Take a study through the node and return its job."""
    house.receive(*paths)
    house.plan()
    return house.work()[0]


def test_a_bleed_is_told_and_its_acknowledgement_kept(a_house, a_written, tmp_path):
    """The receiver gets patient, accession number, study and finding, before any result has been sent."""
    with mllp_server("AA") as server:
        house = a_house(send=sends(ris=hl7_to(server.port)))
        job = read(house, *a_bleed(tmp_path, a_written))
        (alert,) = until_idle(alerter(house, "ris"), house)
    (text,) = server.got
    message = hl7.parse(text)

    assert (AlertState.ACKNOWLEDGED, "AA", 1) == (alert["state"], alert["reason"], alert["attempts"])
    assert alert["created_at"] <= alert["sent_at"] <= alert["acknowledged_at"]
    assert ["Zyxwv^Quentin^^^^^^A", "PID-99"] == [str(message.segment("PID")[5]), str(message["PID.F3.R1.C1"])]
    assert "ACC-7" == str(message.segment("OBR")[3])
    assert job["study_instance_uid"] == str(message.segments("OBX")[0][5])
    assert "1386000^Intracranial hemorrhage^SCT" in text


def test_order_and_examination_come_from_the_headers(a_house, a_written, tmp_path):
    """Procedure, placer number, issuers and the time of the study in its own zone, whatever the zone of the machine."""
    code, order, issuer, qualifiers = Dataset(), Dataset(), Dataset(), Dataset()
    code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning = "CTSKULL", "99HOSP", "CT skull"
    order.RequestedProcedureID = "RP-3"
    issuer.LocalNamespaceEntityID = "RIS"
    qualifiers.UniversalEntityID, qualifiers.UniversalEntityIDType = "1.2.40.0.34", "ISO"
    elements = {
        "StudyDate": "20260301",
        "StudyTime": "2305",
        "TimezoneOffsetFromUTC": "-0330",
        "ProcedureCodeSequence": [code],
        "RequestAttributesSequence": [order],
        "PlacerOrderNumberImagingServiceRequest": "PL-1",
        "IssuerOfAccessionNumberSequence": [issuer],
        "IssuerOfPatientID": "HOSP",
        "IssuerOfPatientIDQualifiersSequence": [qualifiers],
        "AdmissionID": "V-5",
    }
    with mllp_server("AA") as server, web_server(200) as web:
        url = f"http://127.0.0.1:{web.server_port}/"
        house = a_house(send=sends(ris=hl7_to(server.port), chat=WebhookChannel(kind="webhook", url=url)))
        read(house, *a_bleed(tmp_path, a_written, **elements))
        until_idle(alerter(house, "ris"), house)
        until_idle(alerter(house, "chat"), house)
    message, report = hl7.parse(server.got[0]), json.loads(web.got[0][2])

    assert "PID-99^^^HOSP&1.2.40.0.34&ISO^MR" == str(message.segment("PID")[3])
    assert "V-5^^^^VN" == str(message.segment("PV1")[19])
    obr = message.segment("OBR")
    assert ["PL-1", "ACC-7^RIS", "20260301230500-0330", "RP-3"] == [str(obr[n]) for n in (2, 3, 7, 19)]
    assert "CTSKULL^CT skull^99HOSP^^CT HEAD WITHOUT CONTRAST, synthetic sample, no patient^L" == str(obr[4])
    assert ("2026-03-01T23:05:00-03:30", "CTSKULL") == (
        report["effectiveDateTime"],
        report["code"]["coding"][0]["code"],
    )
    assert not any(secret in web.got[0][2].decode() for secret in ("ACC-7", "PL-1", "PID-99", "V-5", "no patient^"))


def test_a_study_without_a_date_is_dated_by_its_images(a_house, a_written, tmp_path):
    """The date of the acquisition, never that of the reading, which results have as their Content Date."""
    undated = {"StudyDate": "", "StudyTime": "", "SeriesDate": "", "AcquisitionDate": "20260302", "AcquisitionTime": ""}
    with mllp_server("AA") as server:
        house = a_house(send=sends(ris=hl7_to(server.port)))
        read(house, *a_bleed(tmp_path, a_written, **undated))
        until_idle(alerter(house, "ris"), house)

    assert "20260302" == str(hl7.parse(server.got[0]).segment("OBR")[7])


def test_the_procedure_is_that_of_the_structured_report(a_house, a_written, tmp_path):
    """Where the house names none, message and report have the same code for it."""
    with mllp_server("AA") as server:
        house = a_house(send=sends(ris=hl7_to(server.port)))
        job = read(house, *a_bleed(tmp_path, a_written))
        until_idle(alerter(house, "ris"), house)
    results = house.stores.results.of_job(job["id"])
    reports = [dcmread(one.path) for one in results if one.role.startswith("text-sr")]
    reported = {
        item.ConceptCodeSequence[0].CodeValue
        for ds in reports
        for item in ds.ContentSequence
        if item.ConceptNameCodeSequence[0].CodeValue == "121058"
    }

    assert reported == {str(hl7.parse(server.got[0]).segment("OBR")[4]).split("^")[0]}


def test_an_alert_of_lost_images_is_told_all_the_same(a_house, a_written, tmp_path):
    """What the results know of the examination is enough; the modality stands in the index."""
    with mllp_server("AA") as server:
        house = a_house(send=sends(ris=hl7_to(server.port)))
        job = read(house, *a_bleed(tmp_path, a_written))
        for instance in house.stores.inputs.with_beside(job["id"]):
            instance.path.unlink()
        (alert,) = until_idle(alerter(house, "ris"), house)
    message = hl7.parse(server.got[0])

    assert AlertState.ACKNOWLEDGED == alert["state"]
    assert "20260105101500" == str(message.segment("OBR")[7])[:14]
    assert "CT^Computed Tomography^DCM" in [str(s[5]) for s in message.segments("OBX")]


def test_what_is_not_acute_is_told_nobody(a_house, a_written, tmp_path):
    """An urgent opacity calls no channel by default, nor does a normal film, nor one that could not be read."""
    house = a_house(send=sends(ris=hl7_to(1)))
    read(house, *(SAMPLES / "chest-opacity").glob("*.dcm"))
    read(house, *(SAMPLES / "chest-normal").glob("*.dcm"))
    read(house, a_written(tmp_path, a_data_set(PixelData=None)))

    assert 3 == len(house.stores.jobs.list())
    assert [] == house.stores.alerts.list()


@pytest.mark.parametrize(
    ("table", "channels"),
    [
        ({}, ["mail", "ris"]),
        ({"levels": {"emergent": {"alerts": ["ris"]}}}, ["ris"]),
        ({"levels": {"emergent": {"alerts": []}}}, []),
        ({"alerts": {"intracranial_hemorrhage": ["mail"]}}, ["mail"]),
        ({"alerts": {"intracranial_hemorrhage": []}}, []),
        ({"findings": {"intracranial_hemorrhage": "urgent"}}, []),
        ({"findings": {"intracranial_hemorrhage": "urgent"}, "levels": {"urgent": {"alerts": ["ris"]}}}, ["ris"]),
    ],
)
def test_one_table_says_who_is_told(a_house, table, channels):
    """A finding's category names the channels, unless the finding has its own."""
    mail = EmailChannel(kind="email", host="127.0.0.1", sender="a@b", recipients=("a@b",))
    acuity = AcuitySettings.model_validate(table)
    house = a_house(send=sends(ris=hl7_to(1), mail=mail), acuity=acuity)
    read(house, *(SAMPLES / "head-ct-bleed").glob("*.dcm"))

    assert channels == sorted(row["channel"] for row in house.stores.alerts.list())


def test_a_receiver_that_fails_first_is_told_later_under_the_same_name(a_house, a_written, tmp_path):
    """Silence, garbage, a rejection and a closed connection are tried again; the control ID stays."""
    with mllp_server("garbage", "close", "AR", "silence", "other", "AA") as server:
        house = a_house(send=sends(ris=hl7_to(server.port)))
        read(house, *a_bleed(tmp_path, a_written))
        (alert,) = until_idle(alerter(house, "ris"), house)

    assert (AlertState.ACKNOWLEDGED, 6) == (alert["state"], alert["attempts"])
    assert {alert["control_id"]} == {str(hl7.parse(text).segment("MSH")[10]) for text in server.got}


def test_a_refusal_is_final_until_an_operator_asks(a_house, a_written, tmp_path):
    """An application error stops the tries; retry sends the same message again."""
    with mllp_server("AE", "AA") as server:
        house = a_house(send=sends(ris=hl7_to(server.port)))
        read(house, *a_bleed(tmp_path, a_written))
        (alert,) = until_idle(alerter(house, "ris"), house)
        assert (AlertState.FAILED, 1) == (alert["state"], alert["attempts"])
        assert "PEER_REFUSED: the receiver refused the message: MSA-1 is AE" == alert["reason"]

        house.stores.alerts.retry(alert["id"], now=dt.datetime.now(dt.UTC))
        (alert,) = until_idle(alerter(house, "ris"), house)
    assert AlertState.ACKNOWLEDGED == alert["state"]


def test_an_alert_is_given_up_in_the_end(a_house):
    """A channel that cannot deliver for too long loses it, after several tries, and the listing says why."""
    house = a_house(send=sends(ris=hl7_to(1, give_up_after_s=1e-6)))
    read(house, *(SAMPLES / "head-ct-bleed").glob("*.dcm"))
    (alert,) = until_idle(alerter(house, "ris"), house)

    assert (AlertState.FAILED, None) == (alert["state"], alert["acknowledged_at"])
    assert alert["attempts"] == house.settings.schedule.maximum_attempts == 3
    assert "PEER_UNREACHABLE: there is no answer at 127.0.0.1:1" == alert["reason"]


def test_what_the_channel_may_not_know_is_not_sent_nor_logged(a_house, a_written, tmp_path):
    """By default webhook and e-mail name study and finding only, and no log ever names the patient."""
    with mllp_server("AA") as ris, web_server(500, 200) as web, mail_server() as (mail, port), _captured() as events:
        house = a_house(
            send=sends(
                ris=hl7_to(ris.port),
                web=WebhookChannel(kind="webhook", url=f"http://127.0.0.1:{web.server_port}/", longest_retry_s=0.001),
                mail=EmailChannel(
                    kind="email", host="127.0.0.1", port=port, sender="a@b", recipients=("c@d",), starttls=False
                ),
            )
        )
        read(house, *a_bleed(tmp_path, a_written))
        for channel in ("ris", "web", "mail"):
            until_idle(alerter(house, channel), house)

    assert {AlertState.ACKNOWLEDGED} == {row["state"] for row in house.stores.alerts.list()}
    outside = web.got[1][2].decode() + mail.got[0].as_string() + repr(events) + repr(house.stores.alerts.list())
    assert [] == [secret for secret in ("Zyxwv", "Quentin", *PATIENT.values()) if secret in outside]
    assert all(secret in ris.got[0] for secret in ("Zyxwv", "PID-99", "ACC-7"))


def _captured():
    return structlog.testing.capture_logs()


def test_a_revision_that_is_not_more_acute_is_told_nobody(a_house, a_written, tmp_path):
    """Late instances make a second result, but no second alert."""
    paths = a_bleed(tmp_path, a_written)
    house = a_house(send=sends(ris=hl7_to(1)))
    read(house, *paths[:-1])
    read(house, paths[-1])

    outcomes = [job["outcome"] for job in house.stores.jobs.list()]
    assert ["findings", "findings"] == outcomes
    assert 1 == len(house.stores.alerts.list())


def test_a_finding_that_cannot_be_written_down_is_told_all_the_same(a_house, monkeypatch):
    """Where no object could be composed, the answer is "could not run", but somebody knows."""
    house = a_house(send=sends(ris=hl7_to(1)))
    compose, calls = pipeline_module.compose, []

    def fails_once(request):
        calls.append(1)
        if len(calls) == 1:
            raise ComposeError("no")
        return compose(request)

    monkeypatch.setattr(pipeline_module, "compose", fails_once)
    job = read(house, *(SAMPLES / "head-ct-bleed").glob("*.dcm"))

    assert "could_not_run" == job["outcome"]
    assert ["intracranial_hemorrhage"] == house.stores.alerts.list()[0]["findings"]


def test_a_result_that_is_gone_does_not_stop_the_alert(a_house):
    """Without a header to read the patient from, the study and the finding go out."""
    with mllp_server("AA") as server:
        house = a_house(send=sends(ris=hl7_to(server.port)))
        job = read(house, *(SAMPLES / "head-ct-bleed").glob("*.dcm"))
        for result in house.stores.results.of_job(job["id"]):
            result.path.unlink()
        (alert,) = until_idle(alerter(house, "ris"), house)

    assert AlertState.ACKNOWLEDGED == alert["state"]
    assert "PID|" not in server.got[0]


def test_one_alert_that_fails_unexpectedly_does_not_stop_the_others(a_house, a_written, tmp_path, monkeypatch):
    """A defect of ours is a reason to try again, not to fall silent."""
    with mllp_server("AA") as server:
        house = a_house(send=sends(ris=hl7_to(server.port)))
        for name in ("one", "two"):
            (tmp_path / name).mkdir()
            read(house, *a_bleed(tmp_path / name, a_written))
        send, calls = doors_module.send_alert, []

        def fails_once(*args):
            calls.append(1)
            return 1 / 0 if len(calls) == 1 else send(*args)

        monkeypatch.setattr(doors_module, "send_alert", fails_once)
        alerts = until_idle(alerter(house, "ris"), house)

    assert {AlertState.ACKNOWLEDGED} == {row["state"] for row in alerts}
    assert [1, 2] == sorted(row["attempts"] for row in alerts)
