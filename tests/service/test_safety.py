"""What the service must never do."""

from __future__ import annotations

import time

from pydicom import dcmread
from pydicom.uid import generate_uid
from pynetdicom import AE
from pynetdicom.sop_class import Verification
from service_process import service

from dicomnode.records import JobState
from dicomnode.send.echo import echo
from dicomnode.settings import SendSettings

NAME = "Zyxwv^Quentin"


def test_no_connection_but_to_the_destination(a_service, a_pacs, a_film):
    """From start to stop no process of the service connects to any address but the configured one."""
    a_service.start()
    a_service.send(a_film)
    (job,) = a_service.wait_for_jobs()
    a_service.stop()

    assert JobState.COMPLETED == job["state"]
    peer = a_pacs[1]
    assert {str((peer.host, peer.port))} == set(a_service.connect_log.read_text().splitlines())


def test_no_patient_data_in_the_log(a_service, a_film, tmp_path):
    """Neither a study that is read nor one that fails leaves the patient's name, number or birth date in the log."""
    for number, broken in enumerate((False, True)):
        ds = dcmread(a_film)
        ds.PatientName, ds.PatientID, ds.PatientBirthDate = NAME, "PID-99-SECRET", "19121212"
        ds.StudyInstanceUID, ds.SOPInstanceUID = generate_uid(), generate_uid()
        ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID
        if broken:
            ds.PixelData = ds.PixelData[:100]
            ds.PatientSex = "not a code at all, and far too long"
        ds.save_as(tmp_path / f"{number}.dcm")
    a_service.start()
    a_service.send(tmp_path / "0.dcm", tmp_path / "1.dcm")
    jobs = a_service.wait_for_jobs(2)
    a_service.stop()

    assert {"findings", "could_not_run"} == {job["outcome"] for job in jobs}
    for secret in ("Zyxwv", "Quentin", "PID-99-SECRET", "19121212", "not a code"):
        assert secret not in a_service.log_text
        assert secret not in " ".join(job["reason"] for job in jobs)
    assert "Traceback" not in a_service.log_text


def test_a_peer_that_sends_nonsense_stops_nobody(a_service):
    """After malformed messages on an association the receiver is still the same process, and answers."""
    a_service.start()
    before = a_service.children()
    peer = a_service.peer
    for nonsense in (
        b"\x04\x00\x00\x00\x00\x08\x00\x00\x00\x04\x63\x03\xff\xff",
        b"\x04\x00\x00\x00\x00\x06\x00\x00\x00\x02\x01\x03",
    ):
        ae = AE()
        ae.add_requested_context(Verification)
        assoc = ae.associate(peer.host, peer.port, ae_title=peer.ae_title)
        assert assoc.is_established
        assoc.dul.socket.socket.sendall(nonsense)
        assoc.abort()
    time.sleep(1)

    echo(peer, SendSettings())
    assert before == a_service.children()
    assert "process failed" not in a_service.log_text


def test_without_destinations_results_stay_in_the_data_folder(tmp_path, a_film):
    """A node that knows no destination reads its studies in peace."""
    with service(tmp_path / "alone") as node:
        node.start()
        node.send(a_film)
        (job,) = node.wait_for_jobs()
        assert 3 == len(node.children())
        node.stop()

    assert (JobState.COMPLETED, "findings") == (job["state"], job["outcome"])
    assert "process died" not in node.log_text


def test_the_service_stops_in_good_order(a_service):
    """SIGTERM ends every process, with status 0."""
    a_service.start()
    children = a_service.children()

    assert 0 == a_service.stop()
    assert len(children) >= 4
    assert "stopped" in a_service.log_text
