"""Which content counts under a SOP Instance UID, the same on SQLite and PostgreSQL."""

from __future__ import annotations

import datetime as dt
import threading
from io import BytesIO

import pytest
from helpers import a_data_set, a_told_finding
from pydicom import Dataset, dcmwrite

from dicomnode.dicom.reading import read_key
from dicomnode.errors import PermanentError
from dicomnode.records import Acuity, AlertContent, ContentState, JobState, Outcome
from dicomnode.store.inputs import JobInputs
from dicomnode.store.jobs import new_job
from dicomnode.store.listing import corrections_of
from dicomnode.store.results import NewResult

NOW = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)
UID, STUDY, OTHER = "1.2.826.1", "1.2.826.2", "1.2.826.3"


def an_image(**changes: object) -> Dataset:
    """An image with a UID that comes again."""
    return a_data_set(**{"SOPInstanceUID": UID, "StudyInstanceUID": STUDY, "SeriesInstanceUID": "1.2.826.4"} | changes)


def keep(stores, ds: Dataset, *, peer: str = "PACS") -> bool:
    """Keep a data set as the receiver would."""
    file = BytesIO()
    dcmwrite(file, ds, enforce_file_format=True)
    key = read_key(
        file.getvalue(),
        sop_class_uid=ds.SOPClassUID,
        sop_instance_uid=ds.SOPInstanceUID,
        transfer_syntax_uid=ds.file_meta.TransferSyntaxUID,
    )
    return stores.instances.keep(key, file.getvalue(), calling_ae_title=peer)


def read_by_a_job(stores, study: str = STUDY) -> int:
    """Add a job that reads what a study has now, and return its number."""
    (waiting,) = [one for one in stores.instances.waiting() if one.study_instance_uid == study]
    read = stores.instances.in_study(study)
    row = new_job(
        key=f"{study} {len(stores.jobs.list())}", study_instance_uid=study, revision="r", rule="", bundle="cxr",
        destinations=("pacs",), due_at=NOW, now=NOW,
    )  # fmt: skip
    inputs = {row["key"]: JobInputs(read=read)}
    assert stores.jobs.add(row, last_instance_at=waiting.last_instance_at, inputs=inputs)
    return next(job["id"] for job in stores.jobs.list() if job["key"] == row["key"])


def states(stores) -> list[ContentState]:
    """What the contents of the UID are, in order of arrival."""
    return [one.content_state for study in (STUDY, OTHER) for one, _ in stores.instances.all_in_study(study)]


def test_a_correction_takes_the_place_of_what_it_corrects(both_stores):
    """Both studies wait again, the job that read the older content is withdrawn, and a row says so."""
    keep(both_stores, an_image())
    job_id = read_by_a_job(both_stores)
    keep(both_stores, an_image(StudyInstanceUID=OTHER))

    assert 1 == both_stores.corrections.settle(OTHER, accepts=True)
    assert [ContentState.SUPERSEDED, ContentState.CURRENT] == states(both_stores)
    assert {STUDY, OTHER} == {study.study_instance_uid for study in both_stores.instances.waiting()}
    assert [job_id] == [job.id for job in both_stores.jobs.withdrawn()]
    assert 1 == len(corrections_of(both_stores.engine, STUDY))
    assert 0 == both_stores.corrections.settle(OTHER, accepts=True)


def test_withdrawn_results_are_not_sent_told_or_compared_with(both_stores):
    """What waits stops; no earlier study is read from them, also where a PACS sent them back."""
    keep(both_stores, an_image())
    job_id = read_by_a_job(both_stores)
    job = both_stores.jobs.claim("w", lease_s=60, now=NOW)
    result = NewResult(
        role="text-sr.en", sop_instance_uid="1.2.9", sop_class_uid="1.2", series_instance_uid="1.2.8", encoded=b"x"
    )
    finding = a_told_finding("f")
    alert = AlertContent(findings=(finding,), model="m", model_version="1")
    both_stores.results.keep(
        job, [result], acuity=Acuity.EMERGENT, outcome=Outcome.FINDINGS, reason="", priority=1, now=NOW,
        alerts={"ris": alert},
    )  # fmt: skip
    keep(both_stores, an_image(PatientID="SYN-2"))
    both_stores.corrections.settle(STUDY, accepts=True)

    keep(both_stores, an_image(SOPInstanceUID="1.2.9"))
    assert [] == both_stores.results.of_study(STUDY)
    assert [UID] == [one.key.sop_instance_uid for one in both_stores.instances.known_of_study(STUDY)]
    assert [] == both_stores.results.claim("s", destination="pacs", lease_s=60, now=NOW)
    assert both_stores.alerts.claim("a", channel="ris", lease_s=60, now=NOW) is None
    stopped = both_stores.jobs.get(job_id)
    assert (JobState.CANCELED, True) == (stopped.state, bool(stopped.withdrawal))
    with pytest.raises(PermanentError, match=f"job {job_id} cannot be retried: an image that was read"):
        both_stores.jobs.retry(job_id)


def test_the_same_work_after_a_withdrawal_has_another_key(both_stores):
    """UIDs of results derive from the key, and those of withdrawn results are spent."""
    keep(both_stores, an_image())
    first = both_stores.jobs.get(read_by_a_job(both_stores))
    keep(both_stores, an_image(PatientID="SYN-2"))
    both_stores.corrections.settle(STUDY, accepts=True)
    (waiting,) = both_stores.instances.waiting()
    row = new_job(
        key=first.key, study_instance_uid=STUDY, revision="r", rule="", bundle="cxr", destinations=(), due_at=NOW,
        now=NOW,
    )  # fmt: skip

    assert both_stores.jobs.add(row, last_instance_at=waiting.last_instance_at)
    assert 2 == len({job["key"] for job in both_stores.jobs.list()})


def test_several_corrections_of_one_image_count_in_order(both_stores):
    """The last one stands, and each is written down."""
    for number in ("SYN-1", "SYN-2", "SYN-3"):
        keep(both_stores, an_image(PatientID=number))

    assert 2 == both_stores.corrections.settle(STUDY, accepts=True)
    assert [ContentState.SUPERSEDED, ContentState.SUPERSEDED, ContentState.CURRENT] == states(both_stores)
    assert 2 == len(corrections_of(both_stores.engine, STUDY))


def test_two_who_let_different_contents_count_at_once_leave_one(both_stores):
    """Whoever comes second finds that what it holds against does not count any more."""
    for number in ("SYN-1", "SYN-2", "SYN-3"):
        keep(both_stores, an_image(PatientID=number))
    contests = both_stores.corrections.beside(STUDY)
    done: list[int] = []
    threads = [
        threading.Thread(target=lambda c=c: done.append(both_stores.corrections.accept([c], source="operator")))
        for c in contests
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert [0, 1] == sorted(done)
    assert 1 == states(both_stores).count(ContentState.CURRENT)


@pytest.mark.parametrize(
    ("changes", "state"),
    [
        ({"PatientID": "SYN-2"}, ContentState.HELD),
        ({"AccessionNumber": "A-2"}, ContentState.HELD),
        ({"StudyInstanceUID": OTHER}, ContentState.HELD),
        ({"PatientID": ""}, ContentState.CONFLICT),
        ({"PatientName": "SYNTHETIC PATIENT"}, ContentState.CONFLICT),
        ({"StudyDescription": "EDITED"}, ContentState.CONFLICT),
        ({"PatientID": "SYN-2", "RescaleSlope": "2"}, ContentState.CONFLICT),
        ({"PatientID": "SYN-2", "PixelData": b"\x07" * 51200}, ContentState.CONFLICT),
        ({"PatientID": "SYN-2", "PixelData": None}, ContentState.CONFLICT),
    ],
)
def test_a_correction_is_told_from_a_conflict_by_what_the_files_hold(some_stores, changes, state):
    """The same image under another identity is a correction; anything else is not."""
    keep(some_stores, an_image(AccessionNumber="A-1"))
    keep(
        some_stores,
        an_image(AccessionNumber="A-1") if not changes else an_image(**{"AccessionNumber": "A-1"} | changes),
    )
    some_stores.corrections.settle(changes.get("StudyInstanceUID", STUDY), accepts=False)

    assert [ContentState.CURRENT, state] == states(some_stores)


def test_a_lost_file_is_no_evidence(some_stores):
    """Where one of the two cannot be read, the other does not take its place by itself."""
    keep(some_stores, an_image())
    some_stores.instances.in_study(STUDY)[0].path.unlink()
    keep(some_stores, an_image(PatientID="SYN-2"))
    some_stores.corrections.settle(STUDY, accepts=True)

    assert [ContentState.CURRENT, ContentState.CONFLICT] == states(some_stores)


def test_only_who_corrected_undoes_it(both_stores):
    """A content from before comes again: from the corrector it is looked at, from anybody else it is not."""
    keep(both_stores, an_image(), peer="CT1")
    keep(both_stores, an_image(PatientID="SYN-2"), peer="PACS")
    both_stores.corrections.settle(STUDY, accepts=True)

    assert not keep(both_stores, an_image(), peer="CT1")
    assert [ContentState.SUPERSEDED, ContentState.CURRENT] == states(both_stores)
    assert keep(both_stores, an_image(), peer="PACS")
    assert 1 == both_stores.corrections.settle(STUDY, accepts=True)
    assert [ContentState.CURRENT, ContentState.SUPERSEDED] == states(both_stores)


def test_a_copy_from_before_that_is_not_quite_the_same_waits(both_stores):
    """A modality that writes its image anew says again what was corrected: that is for the operator."""
    keep(both_stores, an_image(), peer="CT1")
    keep(both_stores, an_image(PatientID="SYN-2"), peer="PACS")
    both_stores.corrections.settle(STUDY, accepts=True)
    keep(both_stores, an_image(InstanceCreationTime="120000"), peer="CT1")

    assert 0 == both_stores.corrections.settle(STUDY, accepts=True)
    assert [ContentState.SUPERSEDED, ContentState.CURRENT, ContentState.HELD] == states(both_stores)
