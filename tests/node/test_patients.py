"""No result is filed under another patient than its source images."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import pytest
from helpers import ROOT
from pydicom import Dataset, dcmread, dcmwrite
from pydicom.uid import generate_uid
from structlog.testing import capture_logs

from dicomnode.dicom.document import document_text
from dicomnode.settings import ScheduleSettings
from dicomnode.store.withdrawals import Withdrawals

STUDY = "1.2.826.0.1.3680043.8.498.4711"
AT_ONCE_SPLIT = ScheduleSettings(quiet_period_s=1e-6, maximum_attempts=3, mixed_patients="split")


@pytest.fixture
def a_film(tmp_path):
    """Write a film of one study; `sample` is what it shows, keyword arguments change its elements."""

    def write(sample: str = "chest-opacity", **elements: object) -> Path:
        (source,) = (ROOT / "sample_dicom" / sample).glob("*.dcm")
        ds = dcmread(source)
        values = {"PatientID": "SYN-A", "PatientName": "Alpha^Synthetic", "PatientBirthDate": "19500101"}
        for keyword, value in (
            values | {"SOPInstanceUID": generate_uid(), "StudyInstanceUID": STUDY} | elements
        ).items():
            setattr(ds, keyword, value)
        ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID
        path = tmp_path / f"{generate_uid()}.dcm"
        dcmwrite(path, ds, enforce_file_format=True)
        return path

    return write


B = {"PatientID": "SYN-B", "PatientName": "Beta^Synthetic", "PatientBirthDate": "19900202"}


def uid_of(path: Path) -> str:
    """SOP Instance UID of a file."""
    return str(dcmread(path, stop_before_pixels=True).SOPInstanceUID)


def results(house) -> list[Dataset]:
    """Every composed object of the house."""
    return [dcmread(r.path) for job in house.stores.jobs.list() for r in house.stores.results.of_job(job["id"])]


def sources_of(ds: Dataset) -> set[str]:
    """SOP Instance UIDs of the images that an object says it was made from or gives as evidence."""
    return {
        str(e.value)
        for e in ds.iterall()
        if e.keyword == "ReferencedSOPInstanceUID"
    }  # fmt: skip


def answered(house, *paths: Path) -> list[dict]:
    """Send, plan and work; the jobs in the order in which they were made."""
    assert all(house.receive(*paths))
    house.plan()
    return sorted(house.work(), key=lambda job: job["id"])


def assert_filed_rightly(house, owners: dict[str, str]) -> None:
    """Every object names no image but those of its own patient."""
    for ds in results(house):
        assert {owners[uid] for uid in sources_of(ds) & owners.keys()} <= {ds.PatientID}


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_two_patients_in_one_study_are_refused_to_each(a_house, a_film, order):
    """Neither is read; each patient gets an answer under the own identity that names nothing of the other."""
    house = a_house()
    films = [a_film(), a_film("chest-small", **B)]
    with capture_logs() as lines:
        jobs = answered(house, *(films[i] for i in order))

    assert [("could_not_run", None)] * 2 == [(job["outcome"], job["bundle"]) for job in jobs]
    assert {("SYN-A", "Alpha^Synthetic"), ("SYN-B", "Beta^Synthetic")} == {
        (ds.PatientID, str(ds.PatientName)) for ds in results(house)
    }
    assert_filed_rightly(house, {uid_of(films[0]): "SYN-A", uid_of(films[1]): "SYN-B"})
    for ds in results(house):
        other = {"SYN-A": ("SYN-B", "Beta", "19900202"), "SYN-B": ("SYN-A", "Alpha", "19500101")}[ds.PatientID]
        said = [str(e.value) for e in ds.iterall() if e.VR not in ("OB", "OW", "SQ")]
        assert [] == [text for text in said if any(word in text for word in other)]
    (line,) = [line for line in lines if line["event"].startswith("images of several patients")]
    assert ("warning", 2, "refuse", STUDY) == (line["log_level"], line["patients"], line["decision"], line["study"])
    assert "SYN-" not in json.dumps(lines, default=str)


def test_the_answer_says_why(a_house, a_film):
    """The reason stands in the report and in the listing, by the elements that contradict."""
    house = a_house()
    jobs = answered(house, a_film(), a_film(**B))

    assert all("images of 2 patients share this Study Instance UID" in job["reason"] for job in jobs)
    assert [2] == [row["patients"] for row in house.stores.instances.summaries()]
    texts = [document_text(ds) for ds in results(house) if ds.Modality == "SR" and "text" in ds.SeriesDescription]
    assert texts
    assert all("Patient ID" in text for text in texts)


@pytest.mark.parametrize("order", [*itertools.permutations(range(3))])
def test_split_reads_each_patient_by_itself(a_house, a_film, order):
    """Whatever the order, a result is made from its own patient's images alone and stands under that patient."""
    house = a_house(schedule=AT_ONCE_SPLIT)
    films = [a_film(), a_film("chest-small", **B), a_film("chest-normal", PatientID="SYN-C", PatientName="Gamma^S")]
    jobs = answered(house, *(films[i] for i in order))

    assert ["chest"] * 3 == [job["bundle"] for job in jobs]
    owners = dict(zip(map(uid_of, films), ("SYN-A", "SYN-B", "SYN-C"), strict=True))
    assert_filed_rightly(house, owners)
    overlays = [ds for ds in results(house) if "heat map" in ds.get("SeriesDescription", "")]
    assert "SYN-A" in {ds.PatientID for ds in overlays}
    assert {"SYN-A", "SYN-B", "SYN-C"} == {ds.PatientID for ds in results(house)}


def test_an_image_that_may_be_of_either_is_not_read(a_house, a_film):
    """Without an identity of its own it is answered for itself, also where patients are split."""
    house = a_house(schedule=AT_ONCE_SPLIT)
    nobody = a_film(PatientID="", PatientName="", PatientBirthDate="")
    jobs = answered(house, a_film(), nobody, a_film(**B))

    assert [True, False, True] == [job["outcome"] != "could_not_run" for job in jobs]
    assert {""} == {ds.PatientID for ds in results(house) if uid_of(nobody) in sources_of(ds)}


@pytest.mark.parametrize(
    "same",
    [{"PatientID": "syn-a "}, {"PatientName": "ALPHA SYNTHETIC"}, {"PatientBirthDate": ""}, {"PatientSex": "O"}],
)
def test_one_patient_written_in_two_ways_is_one(a_house, a_film, same):
    """Formatting and gaps do not part a study."""
    house = a_house()
    (job,) = answered(house, a_film(), a_film(**same))

    assert "could_not_run" != job["outcome"]
    assert 2 == len(house.stores.inputs.of(job["id"]))


@pytest.mark.parametrize("numbers", [("1", "2"), ("2", "1")])
def test_a_result_goes_under_the_identity_that_is_known(a_house, a_film, numbers):
    """Where one image has no Patient ID and the other has, the results have that, whichever of the two is read."""
    house = a_house()
    unnamed, named = (f"{STUDY}.{number}" for number in numbers)
    answered(
        house,
        a_film(PatientID="", PatientName="", PatientBirthDate="", SOPInstanceUID=unnamed),
        a_film(SOPInstanceUID=named),
    )

    assert {"SYN-A"} == {ds.PatientID for ds in results(house)}
    assert {"Alpha^Synthetic"} == {str(ds.PatientName) for ds in results(house)}


def test_another_patients_image_that_comes_late_leaves_the_answer_as_it_is(a_house, a_film):
    """Nothing is read any more, but what was found still counts: its patient is told so, the other one nothing."""
    house = a_house()
    (first,) = answered(house, a_film())
    jobs = answered(house, a_film("chest-small", **B))

    assert ["findings", "could_not_run", "could_not_run"] == [job["outcome"] for job in jobs]
    answers = Withdrawals(house.stores.results).of_study(STUDY)
    assert [(True, 1), (True, 2), (True, 1)] == [(answer.stands, answer.number) for answer in answers]
    older = {r.sop_instance_uid for r in house.stores.results.of_job(first["id"])}
    documents = [ds for job in jobs[1:] for ds in text_documents(house, job)]
    assert {"SYN-A", "SYN-B"} == {ds.PatientID for ds in documents}
    for ds in documents:
        assert (ds.PatientID == "SYN-A") == ("remains valid" in document_text(ds))
        assert not older & {str(e.value) for e in ds.iterall() if e.keyword == "ReferencedSOPInstanceUID"}


def test_an_image_of_nobody_leaves_the_answers_of_the_patients_alone(a_house, a_film):
    """In a split study neither replaces the other's answer, whichever is given first, nor is one left without."""
    house = a_house(schedule=AT_ONCE_SPLIT)
    (before,) = answered(house, a_film())
    nobody = {"PatientID": "", "PatientName": "", "PatientBirthDate": ""}
    answered(house, a_film("chest-small", **B), a_film(**nobody))
    house.receive(a_film(**nobody))
    house.plan()
    jobs = sorted(house.work(), key=lambda job: job["id"])

    assert {"COMPLETED"} == {job["state"] for job in jobs}
    answers = Withdrawals(house.stores.results).of_study(STUDY)
    standing = {answer.job_id for answer in answers if answer.stands}
    assert before["id"] in standing
    filed = {dcmread(house.stores.results.of_job(job_id)[0].path).PatientID for job_id in standing}
    assert {"SYN-A", "SYN-B", ""} == filed
    assert len(standing) == 3


def text_documents(house, job: dict) -> list[Dataset]:
    """The text reports of a job."""
    return [dcmread(r.path) for r in house.stores.results.of_job(job["id"]) if r.role.startswith("text-sr")]


def test_split_reads_only_the_newcomer_that_comes_late(a_house, a_film):
    """What was read of the first patient still counts: the key follows the images that are read."""
    house = a_house(schedule=AT_ONCE_SPLIT)
    answered(house, a_film())
    jobs = answered(house, a_film("chest-small", **B))

    assert 2 == len(jobs)
    assert [1, 1] == [len(house.stores.inputs.of(job["id"])) for job in jobs]


def test_a_lost_file_is_not_taken_for_another_patient(a_house, a_film):
    """The index knows whose it was; the study is answered with the true reason."""
    house = a_house()
    lost = a_film()
    assert all(house.receive(a_film(), lost))
    (kept,) = [one for one in house.stores.instances.in_study(STUDY) if one.key.sop_instance_uid == uid_of(lost)]
    kept.path.unlink()
    house.plan()
    (job,) = house.work()

    assert "could_not_run" == job["outcome"]
    assert 2 == len(house.stores.inputs.of(job["id"]))
    assert {"SYN-A"} == {ds.PatientID for ds in results(house)}


def test_a_lost_file_of_a_second_patient_does_not_hide_in_the_first(a_house, a_film):
    """What was received under another Patient ID is answered without a patient: the index does not know the name."""
    house = a_house()
    lost = a_film(**B)
    assert all(house.receive(a_film(), lost))
    (kept,) = [one for one in house.stores.instances.in_study(STUDY) if one.key.sop_instance_uid == uid_of(lost)]
    kept.path.unlink()
    house.plan()
    house.work()

    assert {"SYN-A", ""} == {ds.PatientID for ds in results(house)}
    assert {""} == {ds.PatientID for ds in results(house) if uid_of(lost) in sources_of(ds)}
    assert all(job["outcome"] != "findings" for job in house.stores.jobs.list())


def test_own_results_and_fetched_images_count_for_nobody(a_house, a_film):
    """A result that comes back with another patient's name in it makes no study mixed."""
    house = a_house()
    answered(house, a_film())
    back = results(house)[0]
    back.PatientID, back.PatientName = "SYN-B", "Beta^Synthetic"
    path = a_film()
    dcmwrite(path, back, enforce_file_format=True)
    (job,) = answered(house, path)

    assert "findings" == job["outcome"]
