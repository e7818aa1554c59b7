"""A corrected or moved image: no study without an answer, no result under the wrong patient."""

from __future__ import annotations

from pathlib import Path

import pytest
from helpers import ROOT
from pydicom import Dataset, dcmread, dcmwrite
from pydicom.uid import JPEGLSLossless, generate_uid
from structlog.testing import capture_logs

from dicomnode.records import ContentState, JobState
from dicomnode.send.store_scu import StoreSCU, read_outgoing
from dicomnode.settings import ReceiveSettings, SendSettings
from dicomnode.store.listing import corrections_of

FROM, TO = "1.2.826.0.1.3680043.8.498.1", "1.2.826.0.1.3680043.8.498.2"
UID = "1.2.826.0.1.3680043.8.498.3"
B = {"PatientID": "SYN-B", "PatientName": "Beta^Synthetic", "PatientBirthDate": "19900202"}
HOLD = ReceiveSettings(host="127.0.0.1", port=0, minimum_free_bytes=0, corrections="hold")


@pytest.fixture
def a_film(tmp_path):
    """Write a film with the SOP Instance UID `UID`; keyword arguments change its elements."""

    def write(sample: str = "chest-opacity", **elements: object) -> Path:
        (source,) = (ROOT / "sample_dicom" / sample).glob("*.dcm")
        ds = dcmread(source)
        values = {"PatientID": "SYN-A", "PatientName": "Alpha^Synthetic", "PatientBirthDate": "19500101"}
        for keyword, value in (values | {"SOPInstanceUID": UID, "StudyInstanceUID": FROM} | elements).items():
            setattr(ds, keyword, value)
        ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID
        path = tmp_path / f"{generate_uid()}.dcm"
        dcmwrite(path, ds, enforce_file_format=True)
        return path

    return write


def send(house, *paths: Path, peer: str = "PACS") -> None:
    """Send files to the node as a peer, plan and work."""
    scu = StoreSCU(house.peer, SendSettings(ae_title=peer))
    assert all(outcome.is_held for outcome in scu.send([read_outgoing(path) for path in paths]))
    settle(house)


def settle(house) -> None:
    """Plan until nothing waits, and work."""
    while house.stores.instances.waiting():
        house.plan()
    house.work()


def valid_results(house) -> list[Dataset]:
    """Composed objects of the jobs whose results are valid."""
    rows = [job for job in house.stores.jobs.list() if not job["withdrawal"]]
    return [dcmread(r.path) for job in rows for r in house.stores.results.of_job(job["id"])]


def owners(house) -> set[tuple[str, str]]:
    """Patient ID and study under which valid results are filed."""
    return {(ds.PatientID, ds.StudyInstanceUID) for ds in valid_results(house)}


def test_a_corrected_patient_id_makes_the_results_anew(a_house, a_film):
    """The job under the wrong patient is withdrawn, and the same image is read again under the right one."""
    house = a_house()
    send(house, a_film())
    with capture_logs() as lines:
        send(house, a_film(**B))

    assert {("SYN-B", FROM)} == owners(house)
    assert [True, False] == [bool(job["withdrawal"]) for job in sorted(house.stores.jobs.list(), key=lambda j: j["id"])]
    (line,) = [line for line in lines if line["event"].startswith("correction accepted")]
    assert ("warning", UID, "PACS", [1]) == (
        line["log_level"], line["sop_instance_uid"], line["source"], line["jobs_withdrawn"],
    )  # fmt: skip
    assert not any(word in str(lines) for word in ("SYN-", "Alpha", "Beta"))
    (row,) = corrections_of(house.stores.engine, FROM)
    assert ("PACS", UID) == (row["source"], row["sop_instance_uid"])
    assert [ContentState.SUPERSEDED, ContentState.CURRENT] == [
        one.content_state for one, _ in house.stores.instances.all_in_study(FROM)
    ]


@pytest.mark.parametrize("patient", [{}, B])
def test_an_image_that_is_moved_to_another_study_leaves_the_old_one(a_house, a_film, patient):
    """The new study is answered; the old one has nothing left, so its results are withdrawn and no job is made."""
    house = a_house()
    send(house, a_film())
    send(house, a_film(StudyInstanceUID=TO, SeriesInstanceUID=TO + ".1", **patient))

    assert {(patient.get("PatientID", "SYN-A"), TO)} == owners(house)
    assert [] == house.stores.instances.in_study(FROM)
    assert [] == house.stores.instances.waiting()
    assert [1] == [job.id for job in house.stores.jobs.withdrawn()]


def test_one_image_of_two_that_is_moved_leaves_the_other(a_house, a_film):
    """The old study is read again without it: its first results were made from an image that is not its own."""
    house = a_house()
    other = a_film("chest-normal", SOPInstanceUID=UID + ".9")
    send(house, a_film(), other)
    send(house, a_film(StudyInstanceUID=TO, **B))

    assert {("SYN-A", FROM), ("SYN-B", TO)} == owners(house)
    left = {str(e.value) for ds in valid_results(house) if ds.StudyInstanceUID == FROM for e in ds.iterall()}
    assert UID not in left
    assert UID + ".9" in left


def test_a_correction_that_is_undone_by_its_maker_is_undone(a_house, a_film):
    """A PACS that moves an image back is believed again, and the results get UIDs that were never used."""
    house = a_house()
    send(house, a_film(), peer="CT1")
    first = {ds.SOPInstanceUID for ds in valid_results(house)}
    send(house, a_film(**B))
    send(house, a_film())

    assert {("SYN-A", FROM)} == owners(house)
    assert not first & {ds.SOPInstanceUID for ds in valid_results(house)}
    assert 2 == len(house.stores.jobs.withdrawn())


def test_a_copy_from_before_the_correction_undoes_nothing(a_house, a_film):
    """A modality that sends its image once more does not know what the PACS has put right."""
    house = a_house()
    send(house, a_film(), peer="CT1")
    send(house, a_film(**B), peer="PACS")
    send(house, a_film(), peer="CT1")

    assert {("SYN-B", FROM)} == owners(house)


def test_a_correction_compressed_without_loss_is_one(a_house, a_film):
    """The pixels are compared as they are shown, not as they are coded."""
    house = a_house()
    send(house, a_film())
    ds = dcmread(a_film(**B))
    ds.compress(JPEGLSLossless, generate_instance_uid=False)
    path = a_film()
    dcmwrite(path, ds, enforce_file_format=True)
    send(house, path)

    assert {("SYN-B", FROM)} == owners(house)


@pytest.mark.parametrize("study", [FROM, TO])
def test_another_image_under_a_known_uid_is_no_correction(a_house, a_film, study):
    """It stays a conflict that is not read; where its study has nothing else, that is answered as it is."""
    house = a_house()
    send(house, a_film())
    send(house, a_film("chest-normal", StudyInstanceUID=study, **B))

    assert {("SYN-A", FROM), *([("SYN-B", TO)] if study == TO else [])} == owners(house)
    assert [] == house.stores.jobs.withdrawn()
    outcomes = {job["study_instance_uid"]: job["outcome"] for job in house.stores.jobs.list()}
    assert "findings" == outcomes[FROM]
    assert outcomes.get(TO, "could_not_run") == "could_not_run"
    (contest,) = house.stores.corrections.beside(study)
    assert not contest.is_same_image


def test_what_a_pacs_rewrites_without_another_identity_changes_nothing(a_house, a_film):
    """A second copy with another description, spelling or no identity at all is kept beside, and nothing is read."""
    house = a_house()
    send(house, a_film())
    send(house, a_film(StudyDescription="EDITED", PatientName="ALPHA SYNTHETIC"))
    send(house, a_film(PatientID="", PatientName="", PatientBirthDate=""))

    assert 1 == len(house.stores.jobs.list())
    assert {("SYN-A", FROM)} == owners(house)


def test_a_patient_who_becomes_known_is_a_correction(a_house, a_film):
    """Results of an unknown patient are made anew under the number once there is one."""
    house = a_house()
    send(house, a_film(PatientID="UNKNOWN", PatientName="Unknown", PatientBirthDate=""))
    send(house, a_film())

    assert {("SYN-A", FROM)} == owners(house)


def test_a_patient_id_that_is_written_otherwise_is_a_correction(a_house, a_film):
    """An archive files 00123 apart from 123: results follow, though both are one patient within a study."""
    house = a_house()
    send(house, a_film(PatientID="123"))
    send(house, a_film(PatientID="00123"))

    assert {("00123", FROM)} == owners(house)


def test_a_mixed_study_that_is_put_right_is_read(a_house, a_film):
    """Two patients under one study are refused; once one image is moved, both studies are read."""
    house = a_house()
    send(house, a_film("chest-normal", SOPInstanceUID=UID + ".9"), a_film(**B))
    assert {"could_not_run"} == {job["outcome"] for job in house.stores.jobs.list()}
    send(house, a_film(StudyInstanceUID=TO, **B))

    last = {
        job["study_instance_uid"]: job["outcome"] for job in sorted(house.stores.jobs.list(), key=lambda j: j["id"])
    }
    assert {"could_not_run"}.isdisjoint(last.values())
    assert {FROM, TO} == last.keys()


def test_results_that_wait_are_not_sent_once_they_are_wrong(a_house, a_film):
    """A job whose results still wait for a peer is stopped, and cannot be retried."""
    house = a_house()
    send(house, a_film())
    with house.stores.engine.begin() as connection:
        from sqlalchemy import text

        connection.execute(text("UPDATE jobs SET state = 'IN PROGRESS', ended_at = NULL"))
    send(house, a_film(**B))

    stopped = house.stores.jobs.get(1)
    assert (JobState.CANCELED, True) == (stopped.state, stopped.reason.startswith("WITHDRAWN"))


def test_corrections_can_wait_for_an_operator(a_house, a_film):
    """Held ones change nothing; the study that has nothing else is answered; the operator's word makes them count."""
    house = a_house(receive=HOLD)
    send(house, a_film())
    send(house, a_film(StudyInstanceUID=TO, **B))

    assert {("SYN-A", FROM), ("SYN-B", TO)} == owners(house)
    assert ["findings", "could_not_run"] == [
        job["outcome"] for job in sorted(house.stores.jobs.list(), key=lambda j: j["id"])
    ]
    contests = house.stores.corrections.beside(TO)
    assert [True] == [contest.is_correction for contest in contests]
    assert 1 == house.stores.corrections.accept(contests, source="operator")
    settle(house)

    assert {("SYN-B", TO)} == owners(house)
    assert [1] == [job.id for job in house.stores.jobs.withdrawn()]
