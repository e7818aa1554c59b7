"""What the service must never do."""

from __future__ import annotations

from pydicom import dcmread
from pydicom.uid import generate_uid

from dicomnode.records import JobState

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


def test_the_service_stops_in_good_order(a_service):
    """SIGTERM ends every process, with status 0."""
    a_service.start()
    children = a_service.children()

    assert 0 == a_service.stop()
    assert len(children) >= 4
    assert "stopped" in a_service.log_text
