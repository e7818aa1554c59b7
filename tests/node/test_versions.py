"""One study, several answers: which one counts, in the archive and for whoever was alerted."""

from __future__ import annotations

import dataclasses
import datetime as dt
import subprocess
from collections.abc import Iterator
from pathlib import Path

import hl7
import numpy as np
import pytest
from alert_peers import mllp_server
from helpers import ROOT, a_data_set, free_port, program
from pydicom import dcmread, dcmwrite
from pydicom.uid import KeyObjectSelectionDocumentStorage, generate_uid

from dicomnode.dicom.document import document_text
from dicomnode.errors import LeaseLostError, PermanentError, UnsupportedImageError
from dicomnode.node.again import reread, resend_results
from dicomnode.node.corrected import withdraw_corrected
from dicomnode.node.delivery import Courier
from dicomnode.node.doors import AlertDoor, ResultDoor
from dicomnode.node.leftovers import give_up_leftovers
from dicomnode.node.sandbox import SandboxPACS
from dicomnode.node.withdrawing import withdraw
from dicomnode.records import JobState, ViewerProfile, WithdrawalReason
from dicomnode.settings import Destination, HL7Channel, ReportSettings, SendSettings
from dicomnode.store.alerts import AlertState
from dicomnode.store.results import DeliveryState
from dicomnode.store.withdrawals import Withdrawals

SAMPLES = ROOT / "sample_dicom"
OPACITY = next((SAMPLES / "chest-opacity").glob("*.dcm"))


@pytest.fixture
def a_pacs(tmp_path: Path) -> Iterator[tuple[SandboxPACS, Destination]]:
    """An archive of our own and how it is called."""
    pacs = SandboxPACS(tmp_path / "pacs", ae_title="PACS")
    yield pacs, Destination(ae_title="PACS", host="127.0.0.1", port=pacs.start())
    pacs.stop()


def sends(destination: Destination | None = None, **more: object) -> SendSettings:
    """Settings with one destination, or none."""
    return SendSettings(destinations={} if destination is None else {"pacs": destination}, **more)


def deliver(house, destination: str = "pacs") -> None:
    """Send what waits for a destination."""
    sender = Courier("sender", ResultDoor(destination, house.settings, house.stores.results))
    while sender.run_once():
        pass


def arrived(pacs: SandboxPACS) -> list:
    """Headers of what the archive got, in order."""
    return [dcmread(path, stop_before_pixels=True) for _, path in pacs.sink.arrivals]


def named_by(note) -> set[str]:
    """Instances that the content of a key object selection names."""
    items = [item for item in note.ContentSequence if "ReferencedSOPSequence" in item]
    return {item.ReferencedSOPSequence[0].ReferencedSOPInstanceUID for item in items}


def read(house, *paths: Path) -> dict:
    """Take instances through the node and return the last job."""
    house.receive(*paths)
    house.plan()
    return max(house.work(), key=lambda job: job["id"])


def another_film(folder: Path, **elements: object) -> Path:
    """A second film for the study of the opacity, after its first answer."""
    ds = dcmread(OPACITY)
    ds.SOPInstanceUID = ds.file_meta.MediaStorageSOPInstanceUID = generate_uid()
    for keyword, value in elements.items():
        setattr(ds, keyword, value)
    path = folder / f"{ds.SOPInstanceUID}.dcm"
    dcmwrite(path, ds, enforce_file_format=True)
    return path


def sees(house, monkeypatch, probability: float, bundle: str = "chest") -> None:
    """Let the model think so of every finding from now on; all else stays real."""
    model = house.pipeline._models.get(bundle)
    true_read = model.read

    def read_as(images, **words):
        reading = true_read(images, **words)
        return dataclasses.replace(reading, probabilities=np.full_like(reading.probabilities, probability))

    monkeypatch.setattr(model, "read", read_as, raising=False)


def answers(house, job: dict) -> list:
    """Answers to a job's study."""
    return Withdrawals(house.stores.results).of_study(job["study_instance_uid"])


def test_a_later_answer_withdraws_the_former_where_it_is_held(a_house, a_pacs, tmp_path, monkeypatch):
    """The archive gets a rejection note of all that it holds of the old set before the new one, and of nothing else."""
    pacs, peer = a_pacs
    house = a_house(send=sends(peer))
    first = read(house, OPACITY)
    deliver(house)
    old = {ds.SOPInstanceUID for ds in arrived(pacs)}
    sees(house, monkeypatch, 0.01)
    second = read(house, another_film(tmp_path))
    deliver(house)

    note, *new = arrived(pacs)[len(old) :]
    assert KeyObjectSelectionDocumentStorage == note.SOPClassUID
    title = note.ConceptNameCodeSequence[0]
    assert ("113037", "DCM") == (title.CodeValue, title.CodingSchemeDesignator)
    (study,) = note.CurrentRequestedProcedureEvidenceSequence
    named = {
        sop.ReferencedSOPInstanceUID for one in study.ReferencedSeriesSequence for sop in one.ReferencedSOPSequence
    }
    shown = named_by(note)
    assert old == named == shown
    assert first["study_instance_uid"] == study.StudyInstanceUID == note.StudyInstanceUID
    assert not old & {ds.SOPInstanceUID for ds in new}
    jobs = {job["id"]: job for job in house.stores.jobs.list()}
    assert {JobState.COMPLETED} == {job["state"] for job in jobs.values()}
    assert [False, True] == [answer.stands for answer in answers(house, first)]
    assert second["id"] == answers(house, first)[0].replaced_by
    assert jobs[first["id"]]["reason"].startswith("WITHDRAWN: A later AI result of the same study replaces it.")


def test_numbers_and_descriptions_tell_which_answer_counts(a_house, tmp_path):
    """Series Number, Series Description, summary and text of the second answer differ from the first's, and say so."""
    house = a_house(report=ReportSettings(languages=("en", "de", "zh")))
    first, second = (read(house, path) for path in (OPACITY, another_film(tmp_path)))
    old, new = ({r.role: dcmread(r.path) for r in house.stores.results.of_job(job["id"])} for job in (first, second))

    assert old.keys() == new.keys()
    for role, ds in new.items():
        assert "rev 2" in ds.SeriesDescription
        assert "rev" not in old[role].SeriesDescription
        assert old[role].SeriesNumber + 1000 == ds.SeriesNumber
        assert ds.SeriesInstanceUID != old[role].SeriesInstanceUID
    assert 2 == new["summary"].InstanceNumber
    assert "This is revision 2 of the AI result. It replaces the result of" in document_text(new["text-sr.en"])
    assert "Dies ist Revision 2 des KI-Ergebnisses" in document_text(new["text-sr.de"])
    assert "第 2 版" in document_text(new["text-sr.zh"])
    assert "evision" not in document_text(old["text-sr.en"])


def test_what_still_waits_is_not_sent_any_more(a_house, a_pacs, tmp_path):
    """Where the archive was away, it gets the new answer alone and no note, for it holds nothing of the old one."""
    pacs, peer = a_pacs
    house = a_house(send=sends(peer))
    first, second = read(house, OPACITY), read(house, another_film(tmp_path))
    deliver(house)

    new = {r.sop_instance_uid for r in house.stores.results.of_job(second["id"])}
    assert new == {ds.SOPInstanceUID for ds in arrived(pacs)}
    assert {DeliveryState.CANCELED} == {d["state"] for d in house.stores.results.deliveries_of(first["id"])}
    assert JobState.CANCELED == house.stores.jobs.get(first["id"]).state


def test_only_destinations_that_hold_results_and_are_told_get_a_note(a_house, a_pacs, tmp_path):
    """Each note names what its destination holds, by its profile; `withdraws = false` gets none."""
    pacs, peer = a_pacs
    peers = {
        "pacs": peer,
        "clinic": peer.model_copy(update={"profile": ViewerProfile.TEXT_ONLY}),
        "quiet": peer.model_copy(update={"withdraws": False}),
        "away": peer.model_copy(update={"port": free_port()}),
    }
    house = a_house(send=SendSettings(destinations=peers))
    first = read(house, OPACITY)
    for name in ("pacs", "clinic", "quiet"):
        deliver(house, name)
    read(house, another_film(tmp_path))

    notes = [d for d in house.stores.results.deliveries_of(first["id"]) if d["role"].startswith("rejection")]
    assert ["clinic", "pacs"] == sorted(d["destination"] for d in notes)
    named = {}
    for result in house.stores.results.of_job(first["id"]):
        if result.role.startswith("rejection"):
            items = dcmread(result.path).ContentSequence
            named[result.role] = sum("ReferencedSOPSequence" in item for item in items)
    held = {"pacs": 6, "clinic": 2}
    assert held == {d["destination"]: named[d["role"]] for d in notes}


def test_an_object_that_was_on_its_way_is_withdrawn_too(a_house, a_pacs, tmp_path):
    """What left without an answer may be there: a note of its own names it, and what is held is named for sure."""
    pacs, peer = a_pacs
    house = a_house(send=sends(peer))
    first = read(house, OPACITY)
    now = dt.datetime.now(dt.UTC)
    group = house.stores.results.claim("sender", destination="pacs", lease_s=60, now=now)
    house.stores.results.held(group[0], now=now)
    house.stores.results.postpone(group[1], not_before=now, reason="no answer to the C-STORE")
    house.stores.results.failed(group[2], reason="C-STORE status 0x0122 (Failure)", now=now)
    read(house, another_film(tmp_path))
    house.stores.results.held(group[3], now=now)  # its answer comes after the withdrawal

    notes = [r for r in house.stores.results.of_job(first["id"]) if r.role.startswith("rejection")]
    named = [named_by(dcmread(note.path)) for note in notes]
    uids = [delivery.result.sop_instance_uid for delivery in group]
    assert [{uids[0]}, {uids[1], *uids[3:]}] == named
    states = {d["sop_instance_uid"]: d["state"] for d in house.stores.results.deliveries_of(first["id"])}
    assert (DeliveryState.HELD, DeliveryState.CANCELED) == (states[uids[3]], states[uids[4]])


def test_a_silent_answer_takes_no_finding_away(a_house, a_pacs, tmp_path, monkeypatch):
    """One that could not run does not withdraw findings, and says that they still count; a negative one it does."""
    house = a_house(send=sends(a_pacs[1]))
    first = read(house, OPACITY)
    with monkeypatch.context() as patched:
        fails(patched, house)
        second = read(house, another_film(tmp_path))
    assert ("findings", "could_not_run") == (first["outcome"], second["outcome"])
    assert [True, True] == [answer.stands for answer in answers(house, first)]
    text = {r.role: dcmread(r.path) for r in house.stores.results.of_job(second["id"])}["text-sr.en"]
    assert "remains valid" in document_text(text)
    assert "PredecessorDocumentsSequence" not in text

    sees(house, monkeypatch, 0.01)
    read(house, another_film(tmp_path))
    fails(monkeypatch, house)
    read(house, another_film(tmp_path))
    assert [False, False, False, True] == [answer.stands for answer in answers(house, first)]


def fails(monkeypatch, house) -> None:
    """Let no pixels be read from now on."""

    def unreadable(*_):
        raise UnsupportedImageError("the pixels cannot be read")

    monkeypatch.setattr("dicomnode.node.pipeline.prepare", unreadable)


def test_another_patient_under_the_same_study_is_not_withdrawn(a_house, a_pacs, tmp_path, a_written):
    """An answer about one patient leaves that about another as it is, and is numbered by itself."""
    house = a_house(send=sends(a_pacs[1]))
    study = generate_uid()
    one = read(house, a_written(tmp_path, a_data_set(StudyInstanceUID=study, PatientID="A1")))
    read(house, a_written(tmp_path, a_data_set(StudyInstanceUID=study, PatientID="B2")))

    # The images of two are refused: the first patient's answer of before still counts, each gets one that says so.
    first, second, other = answers(house, one)
    assert [1, 2, 1] == [answer.number for answer in (first, second, other)]
    assert first.stands
    assert other.stands


def test_what_was_filed_under_another_patient_is_withdrawn_there(a_house, a_pacs, tmp_path):
    """A corrected Patient ID: the note goes under the old patient, the new answer under the right one, as the first."""
    pacs, peer = a_pacs
    house = a_house(send=sends(peer))
    first = read(house, OPACITY)
    deliver(house)
    held = len(arrived(pacs))
    corrected = dcmread(OPACITY)
    corrected.PatientID = "RIGHT-1"
    dcmwrite(tmp_path / "corrected.dcm", corrected, enforce_file_format=True)
    second = read(house, tmp_path / "corrected.dcm")
    assert 1 == withdraw_corrected(house.settings, house.stores.results)
    assert 0 == withdraw_corrected(house.settings, house.stores.results)
    deliver(house)

    patients = {ds.SeriesDescription: ds.PatientID for ds in arrived(pacs)[held:]}
    wrong = dcmread(OPACITY).PatientID
    assert wrong == patients.pop("AI rev 1 withdrawn RESEARCH not for diagnostic use")
    assert {"RIGHT-1"} == set(patients.values())
    assert first["id"] != second["id"]
    assert [False, True] == [a.stands for a in Withdrawals(house.stores.results).of_study(first["study_instance_uid"])]


def test_a_withdrawal_can_be_repeated_and_survives_a_crash(a_house, a_pacs, monkeypatch):
    """It happens whole or not at all: a failure in its middle leaves everything as it was; the second one does it."""
    pacs, peer = a_pacs
    house = a_house(send=sends(peer))
    job = read(house, OPACITY)
    deliver(house)
    results = house.stores.results
    before = results.deliveries_of(job["id"]), house.stores.jobs.get(job["id"])
    with monkeypatch.context() as patched:
        patched.setattr("dicomnode.store.withdrawals._reopen_or_finish", lambda *_, **__: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            withdraw(house.settings, results, job["id"], WithdrawalReason.CORRECTED)
    assert before == (results.deliveries_of(job["id"]), house.stores.jobs.get(job["id"]))

    told = [withdraw(house.settings, results, job["id"], WithdrawalReason.CORRECTED) for _ in range(3)]
    deliver(house)
    assert [True, False, False] == told
    assert 1 == sum("withdrawn" in ds.SeriesDescription for ds in arrived(pacs))
    assert JobState.COMPLETED == house.stores.jobs.get(job["id"]).state
    assert not withdraw(house.settings, results, 999, WithdrawalReason.BY_OPERATOR)


def test_the_rejection_note_is_valid(a_house, a_pacs, tmp_path):
    """The validators of other makers find no error in the note of a whole answer."""
    house = a_house(send=sends(a_pacs[1].model_copy(update={"profile": ViewerProfile.WEASIS})))
    job = read(house, OPACITY)
    deliver(house)
    withdraw(house.settings, house.stores.results, job["id"], WithdrawalReason.CORRECTED)
    (note,) = [r for r in house.stores.results.of_job(job["id"]) if r.role.startswith("rejection")]

    lines = said(program("dciodvfy", "dicom3tools"), "-new", note.path).splitlines()
    assert [] == [line for line in lines if line.startswith("Error")]
    dump = said(program("dsrdump", "dcmtk"), "+Pt", "+Pc", note.path)
    assert '<CONTAINER:(113037,DCM,"Rejected for Patient Safety Reasons")' in dump
    assert 8 <= sum(kind in line for line in dump.splitlines() for kind in ("contains IMAGE", "contains COMPOSITE"))


def said(*command: object) -> str:
    """What a program says on both streams."""
    done = subprocess.run([str(word) for word in command], capture_output=True, check=False)
    return (done.stdout + done.stderr).decode("utf-8", errors="replace")


def hl7_to(port: int) -> HL7Channel:
    """A channel to a receiver on this machine."""
    return HL7Channel(kind="hl7", host="127.0.0.1", port=port, timeout_s=2)


def tell(house) -> None:
    """Send all alerts that wait."""
    stores = house.stores
    alerter = Courier("alerter", AlertDoor("ris", house.settings, stores.alerts, stores.results, stores.inputs))
    while alerter.run_once():
        pass


def a_bleed_in_two_parts(folder: Path) -> tuple[list[Path], list[Path]]:
    """A head CT with a bleed, and one more instance of its study that comes later."""
    paths = sorted((SAMPLES / "head-ct-bleed").glob("*.dcm"))
    return paths[:-1], paths[-1:]


def test_an_alert_that_was_told_is_retracted_when_the_finding_is_gone(a_house, tmp_path, monkeypatch):
    """The channel that was told gets a correction of the very observations, once; a later finding alerts anew."""
    with mllp_server("AA") as server:
        house = a_house(send=SendSettings(alerts={"ris": hl7_to(server.port)}))
        early, late = a_bleed_in_two_parts(tmp_path)
        read(house, *early)
        tell(house)
        with monkeypatch.context() as patched:
            sees(house, patched, 0.01, "head")
            second = read(house, *late)
            tell(house)
        reread(house.settings, house.stores, str(second["id"]), is_trial=False)
        house.work()
        tell(house)

    alert, back, again = (hl7.parse(text) for text in server.got)
    assert "C" == str(back.segment("OBR")[25])
    assert "R" == str(alert.segment("OBR")[25]) == str(again.segment("OBR")[25])
    assert str(alert.segment("OBR")[3]) == str(back.segment("OBR")[3])
    finding = [s for s in back.segments("OBX") if str(s[3]).startswith("121071")]
    assert [("W", "")] * len(finding) == [(str(s[11]), str(s[8])) for s in finding]
    assert finding
    told = {(str(s[4]), str(s[5])) for s in alert.segments("OBX") if str(s[3]).startswith("121071")}
    assert told == {(str(s[4]), str(s[5])) for s in finding}
    assert "RETRACTION of the alert" in server.got[1]
    rows = {row["id"]: row for row in house.stores.alerts.list()}
    assert [None, 1, None] == [rows[i]["retracts"] for i in sorted(rows)]
    assert {AlertState.ACKNOWLEDGED} == {row["state"] for row in rows.values()}


def test_an_alert_that_nobody_got_yet_is_canceled(a_house, tmp_path, monkeypatch):
    """The finding is gone before the channel was asked: it is told nothing."""
    house = a_house(send=SendSettings(alerts={"ris": hl7_to(free_port())}))
    job = read(house, *(SAMPLES / "head-ct-bleed").glob("*.dcm"))
    withdraw(house.settings, house.stores.results, job["id"], WithdrawalReason.CORRECTED)

    (row,) = house.stores.alerts.list()
    assert AlertState.CANCELED == row["state"]
    with pytest.raises(PermanentError, match="has not failed: it is CANCELED"):
        house.stores.alerts.retry(row["id"], now=dt.datetime.now(dt.UTC))


def test_results_can_be_sent_again(a_house, a_pacs):
    """An archive that has lost them gets the same objects; one that is new gets those of its profile."""
    pacs, peer = a_pacs
    clinic = peer.model_copy(update={"profile": ViewerProfile.TEXT_ONLY, "is_default": False})
    house = a_house(send=SendSettings(destinations={"pacs": peer, "clinic": clinic}))
    job = read(house, OPACITY)
    deliver(house)
    first = [ds.SOPInstanceUID for ds in arrived(pacs)]
    trial = resend_results(house.settings, house.stores, job["id"], (), is_trial=True)
    deliver(house)
    assert len(first) == len(arrived(pacs)), "a trial changes nothing"
    assert trial == resend_results(house.settings, house.stores, job["id"], (), is_trial=False)
    deliver(house)
    assert [*first, *first] == [ds.SOPInstanceUID for ds in arrived(pacs)]
    assert JobState.COMPLETED == house.stores.jobs.get(job["id"]).state

    done = resend_results(house.settings, house.stores, job["id"], ("clinic",), is_trial=False)
    deliver(house, "clinic")
    assert [{"destination": "clinic", "results": 2}] == done
    assert len(first) * 2 + 2 == len(arrived(pacs))


def test_what_is_sent_again_keeps_what_the_reading_said(a_house, a_pacs, a_written, tmp_path):
    """The reason of a study that could not be read stands in the listing before, during and after."""
    _, peer = a_pacs
    house = a_house(send=sends(peer))
    ds = dcmread(OPACITY)
    ds.PixelData = ds.PixelData[:100]
    job = read(house, a_written(tmp_path, ds))
    deliver(house)
    assert "could_not_run" == job["outcome"]
    resend_results(house.settings, house.stores, job["id"], (), is_trial=False)
    assert (JobState.IN_PROGRESS, job["reason"]) == _state_and_reason(house, job["id"])
    deliver(house)
    assert (JobState.COMPLETED, job["reason"]) == _state_and_reason(house, job["id"])


def _state_and_reason(house, job_id: int) -> tuple[JobState, str]:
    job = house.stores.jobs.get(job_id)
    return job.state, job.reason


def test_nothing_waits_for_a_destination_that_is_gone(a_house, a_pacs):
    """Results are not sent again to one; an answer that is planned for one is given up, and its job ends."""
    _, peer = a_pacs
    house = a_house(send=SendSettings(destinations={"pacs": peer, "old": peer}))
    job = read(house, OPACITY)
    deliver(house, "pacs")
    deliver(house, "old")
    settings = house.settings.model_copy(update={"send": sends(peer)})
    (row,) = resend_results(settings, house.stores, job["id"], (), is_trial=True)
    assert "pacs" == row["destination"]
    without = house.settings.model_copy(update={"send": sends()})
    with pytest.raises(PermanentError, match=r"job 1 was sent only to what is no longer in the settings \(old, pacs\)"):
        resend_results(without, house.stores, job["id"], (), is_trial=False)
    assert JobState.COMPLETED == house.stores.jobs.get(job["id"]).state

    reread(house.settings, house.stores, "1", is_trial=False)
    house.work()
    assert JobState.IN_PROGRESS == house.stores.jobs.get(2).state
    assert give_up_leftovers(without, house.stores) > 0
    assert JobState.CANCELED == house.stores.jobs.get(2).state
    assert "no longer in the settings" in house.stores.jobs.get(2).reason
    assert 0 == give_up_leftovers(without, house.stores)


def test_a_study_can_be_read_again(a_house, a_pacs):
    """The new answer has other UIDs and withdraws the former one when it is there, not before."""
    pacs, peer = a_pacs
    house = a_house(send=sends(peer))
    job = read(house, OPACITY)
    deliver(house)
    old = {ds.SOPInstanceUID for ds in arrived(pacs)}
    study = job["study_instance_uid"]
    trial = reread(house.settings, house.stores, study, is_trial=True)
    assert {"study_instance_uid": study, "jobs": [], "replaces": [job["id"]]} == trial
    assert 1 == len(house.stores.jobs.list())

    again = reread(house.settings, house.stores, study, is_trial=False)
    assert answers(house, job)[0].stands
    with pytest.raises(PermanentError, match=f"being read already, by job {again['jobs'][0]}"):
        reread(house.settings, house.stores, study, is_trial=False)
    house.work()
    deliver(house)

    new = {r.sop_instance_uid for r in house.stores.results.of_job(again["jobs"][0])}
    assert not old & new
    assert new <= {ds.SOPInstanceUID for ds in arrived(pacs)}
    assert [False, True] == [answer.stands for answer in answers(house, job)]


def test_what_cannot_be_sent_or_read_again_is_said_in_a_sentence(a_house, tmp_path):
    """Unknown, unfinished and withdrawn ones are refused for their reason."""
    house = a_house()
    with pytest.raises(PermanentError, match="there is no job 7"):
        resend_results(house.settings, house.stores, 7, (), is_trial=False)
    with pytest.raises(PermanentError, match="there is no job 7"):
        reread(house.settings, house.stores, "7", is_trial=False)
    with pytest.raises(PermanentError, match=r"no images of study 1\.2\.3 are kept"):
        reread(house.settings, house.stores, "1.2.3", is_trial=False)
    house.receive(OPACITY)
    study = house.stores.instances.waiting()[0].study_instance_uid
    with pytest.raises(PermanentError, match="images of the study are still arriving"):
        reread(house.settings, house.stores, study, is_trial=False)
    house.plan()
    with pytest.raises(PermanentError, match="job 1 has no results to send: it is SCHEDULED"):
        resend_results(house.settings, house.stores, 1, (), is_trial=False)
    house.work()
    with pytest.raises(PermanentError, match="job 1 was not sent anywhere"):
        resend_results(house.settings, house.stores, 1, (), is_trial=False)
    second = read(house, another_film(tmp_path))
    with pytest.raises(PermanentError, match=f"job {second['id']} took its place"):
        resend_results(house.settings, house.stores, 1, (), is_trial=False)
    with pytest.raises(PermanentError, match=f"job 1 was replaced by job {second['id']}"):
        reread(house.settings, house.stores, "1", is_trial=False)


def test_a_reading_that_a_later_one_has_overtaken_keeps_nothing(a_house, tmp_path):
    """Two workers, the older revision ends last: its answer is not kept, and the newer one stands."""
    house = a_house()
    house.receive(OPACITY)
    house.plan()
    house.worker.run_once()  # triage
    now = dt.datetime.now(dt.UTC)
    slow = house.stores.jobs.claim("slow worker", lease_s=60, now=now)
    newer = read(house, another_film(tmp_path))
    with pytest.raises(LeaseLostError):
        house.pipeline.answer(slow, lambda _stage: None)

    old = house.stores.jobs.get(slow.id)
    assert (JobState.CANCELED, True) == (old.state, old.reason.startswith("SUPERSEDED"))
    assert [newer["id"]] == [a.job_id for a in answers(house, newer) if a.stands]
    assert [] == house.stores.results.of_job(slow.id)


def test_a_withdrawn_study_that_comes_again_is_read_again(a_house):
    """After a withdrawal without a successor the same work may be done anew, under other UIDs."""
    house = a_house()
    job = read(house, OPACITY)
    withdraw(house.settings, house.stores.results, job["id"], WithdrawalReason.CORRECTED)
    again = reread(house.settings, house.stores, job["study_instance_uid"], is_trial=False)
    house.work()

    uids = [{r.sop_instance_uid for r in house.stores.results.of_job(i)} for i in (job["id"], again["jobs"][0])]
    assert not uids[0] & uids[1]
    assert [False, True] == [a.stands for a in answers(house, job)]
