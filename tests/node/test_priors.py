"""Studies are compared with earlier ones of the same patient, and are read whatever becomes of those."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from pathlib import Path

import pytest
from helpers import ROOT, free_port
from pydicom import Dataset, dcmread
from pydicom.dataset import FileMetaDataset
from pydicom.uid import ComprehensiveSRStorage, ExplicitVRLittleEndian, generate_uid
from sr_trees import ABSENT, FINDING, GROUP, PRESENT, TRACKING, a_code, a_report, an_item

from dicomnode.dicom.patient import patient_of
from dicomnode.dicom.statements import statement_on, statements
from dicomnode.errors import PeerUnreachableError, StorageError
from dicomnode.node import pipeline as pipeline_module
from dicomnode.priors import search as prior_search
from dicomnode.records import Acuity, Change, CodedConcept, JobState, Presence, PriorState, Report
from dicomnode.settings import Destination, PriorsSettings, ScheduleSettings, SendSettings, Settings

EARLIER = ROOT / "sample_dicom" / "chest-earlier" / "DX001.dcm"
FILM = ROOT / "sample_dicom" / "chest-opacity" / "DX001.dcm"
OPACITY = CodedConcept("OPACITY", "99DICOMNODE", "Opacity of lung")
DAY_BEFORE = {"StudyDate": "20260104"}


@pytest.fixture
def reports(monkeypatch) -> list[Report]:
    """Reports in the order in which they were written."""
    written: list[Report] = []
    write = pipeline_module.write_report

    def remember(**arguments: object) -> Report:
        written.append(write(**arguments))
        return written[-1]

    monkeypatch.setattr(pipeline_module, "write_report", remember)
    return written


@pytest.fixture
def a_copy(a_written, tmp_path) -> Callable[..., Path]:
    """Write a film under new UIDs; keyword arguments change elements, None removes one."""

    def copy(source: Path = FILM, **changes: object) -> Path:
        ds = dcmread(source)
        ds.StudyInstanceUID, ds.SeriesInstanceUID, ds.SOPInstanceUID = (generate_uid() for _ in range(3))
        for keyword, value in changes.items():
            if value is None:
                delattr(ds, keyword)
            else:
                setattr(ds, keyword, value)
        ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID
        return a_written(tmp_path, ds)

    return copy


@pytest.fixture
def a_document(a_written, tmp_path) -> Callable[..., Path]:
    """Write a report on the earlier study by another maker; keyword arguments change elements."""

    def write(*items: Dataset, **changes: object) -> Path:
        ds = a_report(*items)
        earlier = dcmread(EARLIER, stop_before_pixels=True)
        ds.file_meta = FileMetaDataset()
        ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        for keyword in ("PatientID", "PatientBirthDate", "PatientSex", "StudyInstanceUID", "StudyDate"):
            setattr(ds, keyword, earlier[keyword].value)
        ds.SOPClassUID, ds.SOPInstanceUID, ds.SeriesInstanceUID = ComprehensiveSRStorage, generate_uid(), generate_uid()
        ds.Modality, ds.Manufacturer, ds.VerificationFlag = "SR", "ACME", "VERIFIED"
        for keyword, value in changes.items():
            setattr(ds, keyword, value)
        ds.file_meta.MediaStorageSOPClassUID = ds.SOPClassUID
        ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID
        return a_written(tmp_path, ds)

    return write


def a_group(presence: CodedConcept, uid: str = "1.2.3.4") -> Dataset:
    """What a measurement report says of the opacity."""
    tracking = an_item("UIDREF", TRACKING, UID=uid)
    return an_item("CONTAINER", GROUP, tracking, a_code(OPACITY, presence))


def read(house, *paths: Path) -> None:
    """Take one study through the house."""
    assert all(house.receive(*paths))
    house.plan()
    assert all(job["state"] == JobState.COMPLETED for job in house.work())


def opacity(report: Report):
    """The finding that the tests look at."""
    return next(finding for finding in report.findings if finding.spec.key == "opacity")


def test_a_film_is_compared_with_an_earlier_one_of_the_patient(a_house, reports):
    """The report names the earlier study and what was looked at; a finding seen in both keeps its tracking UID."""
    house = a_house()
    for path in (EARLIER, FILM):
        read(house, path)
    earlier, film = reports

    assert (PriorState.NONE_FOUND, None) == (earlier.prior_note, earlier.prior)
    assert (PriorState.COMPARED, dt.date(2025, 7, 3)) == (film.prior_note, film.prior.study_date)
    assert dcmread(EARLIER).StudyInstanceUID == film.prior.study_instance_uid
    assert Presence.PRESENT == film.prior.presences["opacity"]
    assert dcmread(EARLIER).SOPInstanceUID in {one.sop_instance_uid for one in film.prior.instances}
    assert not film.prior.is_verified
    assert opacity(film).change in {Change.INCREASED, Change.UNCHANGED, Change.DECREASED}
    jobs = sorted(house.stores.jobs.list(), key=lambda job: job["id"])
    assert 1 == len({_tracking_uid(house, job) for job in jobs})


def _tracking_uid(house, job) -> str:
    """Tracking UID of the opacity in the results of a job."""
    documents = [dcmread(r.path) for r in house.stores.results.of_job(job["id"]) if r.role.endswith("-sr")]
    said = [one for ds in documents for one in statements(ds)]
    return statement_on(OPACITY, [one for one in said if one.tracking_uid]).tracking_uid


def test_a_new_finding_is_tracked_from_now(a_house, reports, a_copy):
    """What was absent in the earlier film is new, and has no UID to take over."""
    house = a_house()
    normal = ROOT / "sample_dicom" / "chest-normal" / "DX001.dcm"
    identity = {k: dcmread(FILM)[k].value for k in ("PatientID", "PatientName")}
    read(house, a_copy(normal, **identity, **DAY_BEFORE))
    read(house, FILM)

    assert (Change.NEW, None) == (opacity(reports[-1]).change, opacity(reports[-1]).tracking_uid)


def test_a_finding_that_is_gone_is_resolved(a_house, reports, a_copy):
    """It keeps the UID under which it was followed."""
    house = a_house()
    normal = ROOT / "sample_dicom" / "chest-normal" / "DX001.dcm"
    identity = {k: dcmread(FILM)[k].value for k in ("PatientID", "PatientName")}
    read(house, FILM)
    read(house, a_copy(normal, **identity, StudyDate="20260201"))

    assert Change.RESOLVED == opacity(reports[-1]).change
    assert opacity(reports[-1]).tracking_uid == _tracking_uid(house, house.stores.jobs.list(state=None)[-1])


def test_a_film_that_was_fetched_is_compared_with_and_not_read_itself(a_house, reports, a_copy):
    """One study, one job, though the earlier film lies in the store too."""
    house = a_house()
    ds = dcmread(EARLIER)
    house.stores.requests.add(ds.StudyInstanceUID, patient_of(ds), now=dt.datetime.now(dt.UTC), timeout_s=60)
    house.pipeline._priors._search._keep(_fetched(EARLIER))
    read(house, FILM)

    assert (1, PriorState.COMPARED) == (len(house.stores.jobs.list()), reports[-1].prior_note)


def _fetched(path: Path) -> prior_search.Fetched:
    meta = dcmread(path, stop_before_pixels=True).file_meta
    return prior_search.Fetched(
        sop_class_uid=str(meta.MediaStorageSOPClassUID),
        sop_instance_uid=str(meta.MediaStorageSOPInstanceUID),
        transfer_syntax_uid=str(meta.TransferSyntaxUID),
        encoded=path.read_bytes(),
    )


@pytest.mark.parametrize(
    ("flag", "maker", "is_new", "is_verified"),
    [
        ("VERIFIED", "ACME", True, True),
        ("UNVERIFIED", "ACME", False, False),
        ("UNVERIFIED", "dicomnode", True, False),
    ],
)
def test_reports_count_by_who_wrote_them(a_house, reports, a_document, flag, maker, is_new, is_verified):
    """A physician's word and our own earlier result stand above the images; a stranger's draft says nothing."""
    house = a_house()
    house.receive(EARLIER, a_document(a_group(ABSENT), VerificationFlag=flag, Manufacturer=maker))
    read_film(house)

    assert is_new == (opacity(reports[-1]).change is Change.NEW)
    assert is_verified == reports[-1].prior.is_verified


def read_film(house) -> None:
    """Read the current film alone: the jobs of other studies are canceled."""
    house.receive(FILM)
    house.plan()
    jobs = [job for job in house.stores.jobs.list() if job["study_instance_uid"] != dcmread(FILM).StudyInstanceUID]
    for job in jobs:
        if job["state"] == JobState.SCHEDULED:
            house.stores.jobs.cancel(job["id"], reason="test", now=dt.datetime.now(dt.UTC))
    house.work()


def test_a_verified_report_stands_above_our_own(a_house, reports, a_document):
    """Whatever is newer: the physician's presence counts, and the tracking UID that the physician kept."""
    house = a_house()
    ours = a_document(a_group(ABSENT), VerificationFlag="UNVERIFIED", Manufacturer="dicomnode", ContentDate="20260101")
    house.receive(EARLIER, ours, a_document(a_group(PRESENT, "1.9.9"), ContentDate="20250801"))
    read_film(house)

    assert "1.9.9" == opacity(reports[-1]).tracking_uid
    assert (Presence.PRESENT, True) == (reports[-1].prior.presences["opacity"], reports[-1].prior.is_verified)


def test_a_document_that_was_replaced_says_nothing(a_house, reports, a_document):
    """The verified successor of a verified report counts alone, even if its date is missing."""
    house = a_house()
    first = a_document(a_group(ABSENT), ContentDate="20260101")
    sop, series, study = Dataset(), Dataset(), Dataset()
    sop.ReferencedSOPInstanceUID = dcmread(first).SOPInstanceUID
    sop.ReferencedSOPClassUID = ComprehensiveSRStorage
    series.ReferencedSOPSequence, series.SeriesInstanceUID = [sop], "1.2.3"
    study.ReferencedSeriesSequence, study.StudyInstanceUID = [series], "1.2.4"
    house.receive(EARLIER, first, a_document(a_code(FINDING, OPACITY), PredecessorDocumentsSequence=[study]))
    read_film(house)

    assert Presence.PRESENT == reports[-1].prior.presences["opacity"]


def test_a_report_alone_is_enough_to_say_what_is_new(a_house, reports, a_document, a_copy):
    """The earlier images cannot be read, but a physician said that the lungs were clear."""
    house = a_house()
    lateral = dcmread(EARLIER)
    study = {"StudyInstanceUID": lateral.StudyInstanceUID}
    house.receive(a_copy(EARLIER, ViewPosition="LATERAL", **study), a_document(a_group(ABSENT)))
    read_film(house)

    assert (Change.NEW, True) == (opacity(reports[-1]).change, reports[-1].prior.is_verified)


def test_a_broken_report_stops_nothing(a_house, reports, a_document):
    """The images are compared all the same."""
    house = a_house()
    path = a_document(a_group(ABSENT))
    path.write_bytes(path.read_bytes()[:-40])
    house.receive(EARLIER, path)
    read_film(house)

    assert PriorState.COMPARED == reports[-1].prior_note


@pytest.mark.parametrize(
    "changes",
    [
        {"PatientID": "SOMEBODY-ELSE"},
        {"PatientBirthDate": "19700101"},
        {"StudyDate": "20270101"},
        {"StudyDate": "19990101"},
        {"ViewPosition": "LATERAL", "ViewCodeSequence": None},
        {"BodyPartExamined": "ABDOMEN"},
    ],
)
def test_another_study_is_not_compared_with(a_house, reports, a_copy, changes):
    """Neither another patient's, nor a later, an old or a different one."""
    house = a_house()
    house.receive(a_copy(EARLIER, **changes))
    read_film(house)

    assert (PriorState.NONE_FOUND, None) == (reports[-1].prior_note, reports[-1].prior)
    assert {None} == {finding.change for finding in reports[-1].findings}


def test_an_instance_of_another_patient_in_the_earlier_study_is_dropped(a_house, reports, a_copy, capsys):
    """A film that was filed wrongly is not compared with; the log says why, not whose it is."""
    house = a_house()
    study = {"StudyInstanceUID": dcmread(EARLIER).StudyInstanceUID}
    stray = a_copy(FILM, PatientBirthDate="19700101", **study)
    house.receive(EARLIER, stray)
    read_film(house)

    looked_at = {one.sop_instance_uid for one in reports[-1].prior.instances}
    assert PriorState.COMPARED == reports[-1].prior_note
    assert dcmread(stray).SOPInstanceUID not in looked_at
    told = capsys.readouterr().out
    assert "it may be of another patient: Patient's Birth Date" in told
    assert "19700101" not in told
    assert "SYNTHETIC-CHEST" not in told


@pytest.mark.parametrize(("maximum", "expected"), [(1, PriorState.NONE_FOUND), (2, PriorState.COMPARED)])
def test_the_next_is_tried_where_the_newest_cannot_be_read(a_house, reports, a_copy, maximum, expected):
    """Until one can be compared with, or `priors.maximum` were tried."""
    house = a_house(priors=PriorsSettings(maximum=maximum))
    house.receive(EARLIER, a_copy(EARLIER, ViewPosition="LATERAL", ViewCodeSequence=None, **DAY_BEFORE))
    read_film(house)

    assert expected == reports[-1].prior_note


@pytest.mark.parametrize("patient_id", ["", "UNKNOWN"])
def test_a_study_of_nobody_is_compared_with_nothing(a_house, reports, a_copy, patient_id):
    """Where the header does not say who the patient is, nothing is looked for."""
    house = a_house()
    house.receive(a_copy(EARLIER, PatientID=patient_id))
    house.receive(a_copy(FILM, PatientID=patient_id))
    house.plan()
    house.work()

    assert {PriorState.NOT_LOOKED_FOR} == {report.prior_note for report in reports}


def test_comparison_can_be_switched_off(a_house, reports):
    """With `priors.is_enabled = false` nothing is looked for."""
    house = a_house(priors=PriorsSettings(is_enabled=False))
    house.receive(EARLIER, FILM)
    house.plan()
    house.work()

    assert {PriorState.NOT_LOOKED_FOR} == {report.prior_note for report in reports}


class Archive:
    """An archive that fails as the test wants; it counts how often it was asked."""

    def __init__(self, *answers: Exception | list) -> None:
        self.answers = list(answers)
        self.asked = 0

    def studies(self, patient, deadline) -> list:
        """The next answer; the last one is given again and again."""
        self.asked += 1
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer


DEAD = PeerUnreachableError("no DICOM peer answers as PACS at 192.0.2.10:104")


@pytest.mark.parametrize(
    ("answers", "attempts", "expected", "asked"),
    [
        ([DEAD], 3, PriorState.UNREACHABLE, 3),
        ([DEAD, []], 3, PriorState.NONE_FOUND, 2),
        ([DEAD, []], 1, PriorState.UNREACHABLE, 1),
    ],
)
def test_an_archive_is_asked_again_but_not_for_ever(a_house, reports, monkeypatch, answers, attempts, expected, asked):
    """A study whose archive stays silent is read without, and its report says so."""
    monkeypatch.setattr(prior_search, "PAUSE_S", 0.001)
    house = a_house(priors=PriorsSettings(attempts=attempts))
    archive = house.pipeline._priors._search._archive = Archive(*answers)
    read(house, FILM)

    assert (expected, asked) == (reports[-1].prior_note, archive.asked)


def test_a_silent_archive_is_left_in_peace_for_a_while(a_house, reports, a_copy):
    """The next study does not wait for it again, and its report says that it was not reached."""
    house = a_house(priors=PriorsSettings(attempts=1))
    archive = house.pipeline._priors._search._archive = Archive(DEAD)
    for path in (FILM, a_copy(FILM, PatientID="ANOTHER-1")):
        read(house, path)

    assert (1, [PriorState.UNREACHABLE] * 2) == (archive.asked, [report.prior_note for report in reports])


def test_the_own_store_answers_where_the_archive_is_silent(a_house, reports):
    """An earlier film that the node keeps is compared with all the same."""
    house = a_house(priors=PriorsSettings(attempts=1))
    house.pipeline._priors._search._archive = Archive(DEAD)
    for path in (EARLIER, FILM):
        read(house, path)

    assert [PriorState.UNREACHABLE, PriorState.COMPARED] == [report.prior_note for report in reports]


@pytest.mark.parametrize("settings", ["archive", "dicomweb"])
def test_nobody_listens_where_the_archive_should_be(a_house, reports, settings):
    """A dead port, over DICOM or HTTP: the study is read, and the report says that the archive was not reached."""
    port = free_port()
    peer = Destination(ae_title="PACS", host="127.0.0.1", port=port, is_default=False)
    priors = {"archive": "pacs"} if settings == "archive" else {"dicomweb": f"http://127.0.0.1:{port}/dicom-web"}
    house = a_house(send=SendSettings(destinations={"pacs": peer}), priors=PriorsSettings(attempts=1, **priors))
    read(house, FILM)

    assert (PriorState.UNREACHABLE, None) == (reports[-1].prior_note, reports[-1].prior)


def test_an_emergent_study_waits_neither_long_nor_twice():
    """Its limit of time is its own, and the archive is asked once; no limit outlasts the lease of the job."""
    settings = PriorsSettings(timeout_s=60, emergent_timeout_s=5, attempts=4)
    usual, emergent = (prior_search.patience_of(Settings(priors=settings), is_emergent=one) for one in (False, True))
    short = Settings(priors=settings, schedule=ScheduleSettings(quiet_period_s=1e-6, lease_s=20))

    assert (4, 1) == (usual.attempts, emergent.attempts)
    assert 55 < usual.deadline.left_s <= 60
    assert 4 < emergent.deadline.left_s <= 5
    assert prior_search.patience_of(short, is_emergent=False).deadline.left_s <= 10


def test_the_acuity_of_triage_decides_how_long_the_archive_may_take(a_house, reports, monkeypatch):
    """A head CT with blood is emergent before it is read in full."""
    house = a_house()
    asked = []

    def remember(settings: Settings, *, is_emergent: bool) -> prior_search.Patience:
        asked.append(is_emergent)
        return prior_search.patience_of(settings, is_emergent=is_emergent)

    monkeypatch.setattr("dicomnode.priors.compare.patience_of", remember)
    read(house, *(ROOT / "sample_dicom" / "head-ct-bleed").glob("*.dcm"))

    assert ([True], Acuity.EMERGENT) == (asked, reports[-1].acuity)


@pytest.mark.parametrize("error", [StorageError("image file x cannot be read: Input/output error"), KeyError("Zyxwv")])
def test_trouble_with_an_earlier_study_costs_the_new_one_nothing(a_house, reports, monkeypatch, error):
    """A bad sector under an earlier film, or a defect over its header: the film is read, and told to be uncompared."""
    house = a_house()
    read(house, EARLIER)
    monkeypatch.setattr(prior_search, "read_header", _failing(error))
    read(house, FILM)

    assert [PriorState.NONE_FOUND, PriorState.UNREACHABLE] == [report.prior_note for report in reports]
    assert {(JobState.COMPLETED, "findings")} == {(j["state"], j["outcome"]) for j in house.stores.jobs.list()}


def _failing(error: Exception) -> Callable[..., Dataset]:
    def read_header(*_: object) -> Dataset:
        raise error

    return read_header
