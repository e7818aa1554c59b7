"""Every study is answered, whatever its header holds and whatever became of its files."""

from __future__ import annotations

import errno
import time
from pathlib import Path

import pytest
import structlog
from helpers import ROOT, a_data_set
from pydicom import dcmread
from pydicom.config import disable_value_validation
from pydicom.uid import generate_uid
from sqlalchemy.exc import OperationalError

from dicomnode.dicom import reading as reading_module
from dicomnode.dicom.document import document_text
from dicomnode.errors import TransientError
from dicomnode.infer import files as files_module
from dicomnode.node import pipeline as pipeline_module
from dicomnode.node.study import JobStudy
from dicomnode.records import Acuity, JobState, Stage
from dicomnode.settings import ScheduleSettings
from dicomnode.store.instances import InstanceStore

FILM = next((ROOT / "sample_dicom" / "chest-opacity").glob("*.dcm"))
SECRET = "Zyxwv^Quentin"


def a_film(**elements: object):
    """The synthetic film with an opacity, as another study of a patient."""
    ds = dcmread(FILM)
    ds.StudyInstanceUID, ds.SOPInstanceUID = generate_uid(), generate_uid()
    ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID
    ds.PatientName, ds.PatientID = SECRET, "PID-99"
    for keyword, value in elements.items():
        setattr(ds, keyword, value)
    return ds


def work_until_ended(house) -> dict:
    """Run until the one job has ended, past the short pauses of the impatient schedule."""
    for _ in range(100):
        (job, *_) = house.work()
        if job["state"] in (JobState.COMPLETED, JobState.CANCELED):
            return job
        time.sleep(0.01)
    return house.stores.jobs.list()[0]


def results_of(house, job) -> dict[str, object]:
    """Composed objects of a job by role."""
    return {r.role: dcmread(r.path) for r in house.stores.results.of_job(job["id"])}


def kept_files(house) -> list[Path]:
    """The image files that the node keeps."""
    return sorted((house.settings.store.data_dir / "instances").rglob("*.dcm"))


@pytest.mark.parametrize("when", ["before the study is planned", "before it is read", "after triage"])
def test_an_image_file_that_is_gone_is_the_reason_of_the_answer(a_house, a_written, tmp_path, when):
    """Could not run, because the file is missing; filed under the study, and under the patient if anybody knows.

    The worker that triaged the study has the header still.
    """
    house = a_house()
    ds = a_film()
    house.receive(a_written(tmp_path, ds))
    (file,) = kept_files(house)
    if when == "before the study is planned":
        file.unlink()
    house.plan()
    if when == "after triage":
        house.worker.run_once()
    file.unlink(missing_ok=True)
    job = work_until_ended(house)

    assert (JobState.COMPLETED, "could_not_run") == (job["state"], job["outcome"])
    assert f"image file {file.name} is missing" == job["reason"]
    results = results_of(house, job)
    assert {"text-sr.en", "summary", "study-sr"} <= results.keys()
    assert {ds.StudyInstanceUID} == {result.StudyInstanceUID for result in results.values()}
    known = SECRET if when == "after triage" else ""
    assert {known} == {str(result.PatientName) for result in results.values()}
    assert "is missing" in document_text(results["text-sr.en"])


def test_one_of_two_image_files_gone_leaves_the_patient_of_the_other(a_house, a_written, tmp_path):
    """Nothing is read as if it were all, and the answer is filed under the patient whom the other image names."""
    house = a_house()
    ds = a_film()
    house.receive(a_written(tmp_path, ds))
    before = set(kept_files(house))
    house.receive(a_written(tmp_path, a_film(StudyInstanceUID=ds.StudyInstanceUID)))
    house.plan()
    (second,) = set(kept_files(house)) - before
    second.unlink()
    job = work_until_ended(house)

    assert (JobState.COMPLETED, f"image file {second.name} is missing") == (job["state"], job["reason"])
    assert {SECRET} == {str(result.PatientName) for result in results_of(house, job).values()}


def test_a_missing_file_of_a_study_that_no_rule_matches_is_told_as_well(a_house, a_written, tmp_path):
    """What cannot be looked at is not called not applicable."""
    house = a_house()
    house.receive(a_written(tmp_path, a_data_set(BodyPartExamined="FOOT")))
    house.plan()
    kept_files(house)[0].unlink()
    job = work_until_ended(house)

    assert "could_not_run" == job["outcome"]
    assert "is missing" in job["reason"]


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.EIO, "Input/output error"),
        OSError(errno.ESTALE, "Stale file handle"),
        PermissionError(errno.EACCES, "Permission denied"),
        MemoryError(),
    ],
)
@pytest.mark.parametrize("stage", ["planned", "triaged", "read"])
def test_storage_that_fails_for_a_while_changes_no_answer(a_house, a_written, tmp_path, monkeypatch, stage, error):
    """While the disk, the network file system or memory fail, the study waits; then it is read as ever."""
    house = a_house()
    house.receive(a_written(tmp_path, a_film()))

    def fails(*_args, **_words):
        raise error

    if stage == "planned":
        with monkeypatch.context() as patched:
            patched.setattr(reading_module, "dcmread", fails)
            assert 0 == house.plan()
        assert [] == house.stores.jobs.list()
    assert 1 == house.plan()
    if stage == "read":
        house.worker.run_once()
    if stage != "planned":
        with monkeypatch.context() as patched:
            patched.setattr(reading_module, "dcmread", fails)
            patched.setattr(files_module, "dcmread", fails)
            house.worker.run_once()
        job = house.stores.jobs.get(1)
        # What was decoded for triage is still there, so that a reading may come as far as its results.
        where = (Stage.INFER, Stage.REPORT) if stage == "read" else (Stage.TRIAGE,)
        assert (JobState.SCHEDULED, True) == (job.state, job.stage in where)
        assert job.reason.startswith("STORAGE: ")
    job = work_until_ended(house)

    assert (JobState.COMPLETED, "findings", Acuity.URGENT) == (job["state"], job["outcome"], job["acuity"])


def test_a_file_that_never_can_be_read_is_answered_in_the_end(a_house, a_written, tmp_path, monkeypatch):
    """One bad sector keeps no study without an answer; nothing of the header is needed for it."""
    house = a_house()
    ds = a_film()
    house.receive(a_written(tmp_path, ds))
    house.plan()

    def fails(*_args, **_words):
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(reading_module, "dcmread", fails)
    monkeypatch.setattr(files_module, "dcmread", fails)
    job = work_until_ended(house)

    assert (JobState.COMPLETED, "could_not_run") == (job["state"], job["outcome"])
    assert "Input/output error (3 tries)" in job["reason"]
    assert {ds.StudyInstanceUID} == {r.StudyInstanceUID for r in results_of(house, job).values()}


def test_an_index_that_is_locked_while_a_study_becomes_due_changes_no_answer(a_house, a_written, tmp_path, monkeypatch):
    """The study is planned at a later tick; the other studies of the tick are planned all the same."""
    house = a_house()
    for _ in range(2):
        house.receive(a_written(tmp_path, a_film()))
    in_study, calls = InstanceStore.in_study, []

    def locked_once(store, *args, **words):
        calls.append(1)
        if len(calls) == 1:
            raise OperationalError("SELECT", {"name": SECRET}, Exception("database is locked"))
        return in_study(store, *args, **words)

    monkeypatch.setattr(InstanceStore, "in_study", locked_once)
    with structlog.testing.capture_logs() as events:
        assert 1 == house.plan()
        assert 1 == house.plan()
    assert ["not scheduled, will try again"] == [e["event"] for e in events if e["log_level"] == "warning"]
    assert SECRET not in repr(events)


@pytest.mark.parametrize("broken", [(pipeline_module, "examination"), (JobStudy, "_readable")])
def test_an_answer_that_cannot_be_composed_is_given_with_less_of_the_header(
    a_house, a_written, tmp_path, monkeypatch, broken
):
    """What fails over the header is left out, the patient and the study are not; the log says where it failed."""
    house = a_house()
    ds = a_film(PixelData=b"\0\0")
    house.receive(a_written(tmp_path, ds))
    house.plan()

    def fails(*_args):
        raise AttributeError(SECRET)

    monkeypatch.setattr(*broken, fails)
    with structlog.testing.capture_logs() as events:
        job = work_until_ended(house)

    assert (JobState.COMPLETED, "could_not_run") == (job["state"], job["outcome"])
    assert "pixel data" in job["reason"].lower()
    results = results_of(house, job)
    assert {(ds.StudyInstanceUID, SECRET)} == {(r.StudyInstanceUID, str(r.PatientName)) for r in results.values()}
    assert "AttributeError" in {event.get("error") for event in events}
    assert SECRET not in repr(events)


def test_an_answer_is_given_from_the_index_alone_where_no_header_serves(a_house, a_written, tmp_path, monkeypatch):
    """Where even the patient's elements cannot be taken over, the study still has its answer."""
    house = a_house()
    ds = a_film(PixelData=b"\0\0")
    house.receive(a_written(tmp_path, ds))
    house.plan()
    compose = pipeline_module.compose

    def only_without_patient(request):
        if any(source.get("PatientID") for source in request.sources):
            raise RecursionError
        return compose(request)

    monkeypatch.setattr(pipeline_module, "compose", only_without_patient)
    job = work_until_ended(house)

    assert (JobState.COMPLETED, "could_not_run") == (job["state"], job["outcome"])
    assert {ds.StudyInstanceUID} == {r.StudyInstanceUID for r in results_of(house, job).values()}


@pytest.mark.parametrize(
    "elements",
    [
        {"SliceThickness": "5mm"},
        {"SliceThickness": "5,0"},
        {"PixelSpacing": "0.4"},
        {"StudyDate": "yesterday"},
        {"StudyTime": "noon"},
        {"PatientBirthDate": "19"},
        {"PatientAge": "forty"},
        {"SeriesNumber": "first"},
    ],
)
@pytest.mark.parametrize("has_pixels", [True, False])
def test_a_wrong_value_keeps_no_study_without_an_answer(a_house, a_written, tmp_path, elements, has_pixels):
    """Read or not, the study is answered."""
    import warnings

    from pydicom.dataelem import RawDataElement
    from pydicom.tag import Tag

    house = a_house()
    ds = a_film() if has_pixels else a_film(PixelData=b"\0\0")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for keyword, value in elements.items():
            vr = {"SliceThickness": "DS", "PixelSpacing": "DS", "SeriesNumber": "IS", "PatientAge": "AS"}
            raw = value.encode() + b" " * (len(value) % 2)
            kind = vr.get(keyword, "DA" if keyword.endswith("Date") else "TM")
            tag = Tag(keyword)
            ds._dict[tag] = RawDataElement(tag, kind, len(raw), raw, 0, is_implicit_VR=False, is_little_endian=True)
        house.receive(a_written(tmp_path, ds))
    house.plan()
    job = work_until_ended(house)

    assert JobState.COMPLETED == job["state"]
    assert job["outcome"] in (("findings", "could_not_run") if has_pixels else ("could_not_run",))
    assert {"text-sr.en"} <= results_of(house, job).keys()


@pytest.mark.parametrize("keyword", ["ViewPosition", "BodyPartExamined", "Modality"])
def test_a_value_longer_than_any_sentence_is_answered_with_its_true_reason(a_house, a_written, tmp_path, keyword):
    """A code of 60,000 letters is no code: the answer says that the study is not read, and quotes none of it."""
    house = a_house()
    ds = a_film()
    with disable_value_validation():
        setattr(ds, keyword, "A" * 60_000)
        house.receive(a_written(tmp_path, ds))
    house.plan()
    job = work_until_ended(house)

    assert (JobState.COMPLETED, "not_applicable") == (job["state"], job["outcome"])
    text = document_text(results_of(house, job)["text-sr.en"])
    assert "AAAA" not in job["reason"] + text


def test_pauses_grow_while_the_surroundings_fail(a_house, monkeypatch):
    """A job that is put off uses up no try and waits longer each time, up to the longest wait; success starts anew."""
    house = a_house(schedule=ScheduleSettings(quiet_period_s=1e-6, first_retry_s=8, longest_retry_s=60))
    house.receive(FILM)
    house.plan()
    with monkeypatch.context() as patched:
        patched.setattr(pipeline_module, "prepare", lambda *_: _raise(TransientError("the disk is busy")))
        waits = []
        for _ in range(6):
            with structlog.testing.capture_logs() as events:
                assert house.worker.run_once()
            waits += [event["wait_s"] for event in events if event["event"] == "postponed"]
            _let_it_be_due(house)
    for wait, bound in zip(waits, (8, 16, 32, 60, 60, 60), strict=True):
        assert 0.7 * bound <= wait <= bound
    assert (0, 6) == (house.stores.jobs.get(1).attempts, house.stores.jobs.get(1).deferrals)
    house.worker.run_once()
    assert (Stage.INFER, 0) == (house.stores.jobs.get(1).stage, house.stores.jobs.get(1).deferrals)


def _raise(error: Exception) -> None:
    raise error


def _let_it_be_due(house) -> None:
    import sqlalchemy as sa

    from dicomnode.store.engine import write
    from dicomnode.store.leases import AT_ONCE
    from dicomnode.store.schema import jobs

    with write(house.stores.engine) as connection:
        connection.execute(sa.update(jobs).values(not_before=AT_ONCE))


def test_a_worker_that_lost_its_job_says_so(a_house, monkeypatch):
    """It does not say that it answered, and keeps nothing; the job is its new holder's."""
    house = a_house()
    house.receive(FILM)
    house.plan()
    house.worker.run_once()
    write_report = pipeline_module.write_report

    def stolen(**words):
        assert house.stores.jobs.release_leases("worker")
        import datetime as dt

        assert house.stores.jobs.claim("another", lease_s=60, now=dt.datetime.now(dt.UTC)) is not None
        return write_report(**words)

    monkeypatch.setattr(pipeline_module, "write_report", stolen)
    with structlog.testing.capture_logs() as events:
        house.worker.run_once()

    assert [] == house.stores.results.of_job(1)
    assert "another" == house.stores.jobs.get(1).lease_owner
    assert "answered" not in {event["event"] for event in events}
    assert ["the job was canceled, or another worker has it"] == [e["why"] for e in events if e["event"] == "not kept"]


def test_a_job_that_takes_longer_than_its_lease_keeps_it(a_house, monkeypatch):
    """The worker renews its lease while it works: nobody else gets the job, and its results are kept."""
    import datetime as dt

    house = a_house(schedule=ScheduleSettings(quiet_period_s=1e-6, lease_s=1.5))
    house.receive(FILM)
    house.plan()
    house.worker.run_once()
    prepare, taken = pipeline_module.prepare, []

    def slow(*args):
        for _ in range(8):
            time.sleep(0.5)
            taken.append(house.stores.jobs.claim("another", lease_s=60, now=dt.datetime.now(dt.UTC)))
        return prepare(*args)

    monkeypatch.setattr(pipeline_module, "prepare", slow)
    house.worker.run_once()

    assert [None] * 8 == taken
    assert (JobState.COMPLETED, "findings") == tuple(house.stores.jobs.list()[0][key] for key in ("state", "outcome"))
