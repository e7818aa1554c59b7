"""Pages of studies, jobs and alerts; the same on SQLite and PostgreSQL."""

from __future__ import annotations

import datetime as dt

import pytest
import sqlalchemy as sa
from helpers import a_data_set, a_told_finding
from store.test_catalogue import keep
from store.test_store import NOW, a_result

from dicomnode.node.rooms import Stores
from dicomnode.records import Acuity, AlertContent, JobState, Outcome, Progress
from dicomnode.store.engine import write
from dicomnode.store.jobs import new_job
from dicomnode.store.listing import Wanted, alert_page, job_page, studies_called, study_page
from dicomnode.store.schema import answers, catalogue_studies, jobs

LATER = NOW + dt.timedelta(hours=1)


def add_job(stores: Stores, study: str, *, destinations=("pacs",), **elements: object) -> int:
    """Keep an image of a study, add a job for it, and return the job's number."""
    keep(stores, a_data_set(StudyInstanceUID=study, **elements))
    (waiting,) = [one for one in stores.instances.waiting() if one.study_instance_uid == study]
    row = new_job(
        key=study, study_instance_uid=study, revision="r", rule="chest", bundle="cxr", destinations=destinations,
        due_at=NOW, now=NOW,
    )  # fmt: skip
    assert stores.jobs.add(row, last_instance_at=waiting.last_instance_at)
    return next(job["id"] for job in stores.jobs.list() if job["key"] == study)


def answer(stores: Stores, study: str, *, destinations=("pacs",), alerts=None, **elements: object) -> int:
    """Add a job and compose two results of it."""
    job_id = add_job(stores, study, destinations=destinations, **elements)
    job = stores.jobs.claim("w", lease_s=60, now=NOW)
    new = [a_result(f"{study}.{part}") for part in "ab"]
    stores.results.keep(
        job, new, acuity=Acuity.URGENT, outcome=Outcome.FINDINGS, reason="", priority=1, now=NOW, alerts=alerts
    )  # fmt: skip
    return job_id


def deliveries(stores: Stores):
    """Claim what is to be sent to the PACS."""
    return stores.results.claim("s", destination="pacs", lease_s=60, now=NOW)


def bring(stores: Stores, progress: Progress) -> None:
    """Bring one job to a state."""
    if progress in (Progress.WAITING, Progress.READING, Progress.CANCELED, Progress.SUPERSEDED, Progress.FAILED):
        job_id = add_job(stores, "1.2.3")
        if progress is Progress.READING:
            stores.jobs.claim("w", lease_s=60, now=NOW)
        reasons = {
            Progress.CANCELED: "CANCELED: by the operator",
            Progress.SUPERSEDED: "SUPERSEDED: the study changed before it was read",
            Progress.FAILED: "QUARANTINED: INTERNAL_ERROR: ZeroDivisionError",
        }
        if progress in reasons:
            stores.jobs.cancel(job_id, reason=reasons[progress], now=NOW)
        return
    job_id = answer(stores, "1.2.3", destinations=() if progress is Progress.NOT_SENT else ("pacs",))
    if progress in (Progress.SENDING, Progress.NOT_SENT):
        return
    first, second = deliveries(stores)
    if progress is Progress.DELIVERY_FAILED:
        stores.results.failed(first, reason="PEER_REFUSED: no", now=NOW)
    else:
        stores.results.held(first, now=NOW)
    if progress in (Progress.DELIVERY_FAILED, Progress.PARTLY_DELIVERED):
        stores.results.failed(second, reason="PEER_REFUSED: no", now=NOW)
    else:
        stores.results.held(second, now=NOW)
    with write(stores.engine) as connection:
        row = {"job_id": job_id, "key": "a", "number": 1, "withdrawn_at": NOW}
        if progress is Progress.REPLACED:
            connection.execute(sa.insert(answers).values(**row, replaced_by=job_id))
        if progress is Progress.WITHDRAWN:
            connection.execute(sa.insert(answers).values(**row))


JOB_STATES = [one for one in Progress if one not in (Progress.RECEIVING, Progress.NO_JOB)]


@pytest.mark.parametrize("progress", JOB_STATES)
def test_a_job_is_found_by_the_word_for_where_it_stands(both_stores, progress):
    """Its row says the word, so does its study's, and a search for any other word does not find it."""
    bring(both_stores, progress)

    assert [progress] == [row["progress"] for row in job_page(both_stores.engine, Wanted()).rows]
    assert [progress] == [row["progress"] for row in study_page(both_stores.engine, Wanted()).rows]
    found = {word: job_page(both_stores.engine, Wanted(state=word)).total for word in JOB_STATES}
    assert {word: int(word is progress) for word in JOB_STATES} == found
    assert 1 == study_page(both_stores.engine, Wanted(state=progress)).total


def test_a_study_whose_images_still_come_is_receiving(both_stores):
    """Until the planner has looked at it; a study that was only fetched has no job."""
    keep(both_stores, a_data_set(StudyInstanceUID="1.2.3"))
    keep(both_stores, a_data_set(StudyInstanceUID="1.2.4"), is_prior=True)

    rows = {row["study_instance_uid"]: row["progress"] for row in study_page(both_stores.engine, Wanted()).rows}
    assert {"1.2.3": Progress.RECEIVING, "1.2.4": Progress.NO_JOB} == rows


def test_a_pacs_that_is_down_gives_its_reason(both_stores):
    """The row of the job says which destination waits, why, and until when."""
    answer(both_stores, "1.2.3")
    for delivery in deliveries(both_stores):
        both_stores.results.postpone(delivery, not_before=LATER, reason="PEER_UNREACHABLE: no answer")

    ((waits,),) = [row["waits_for"] for row in job_page(both_stores.engine, Wanted()).rows]
    assert ("pacs", 2, "PEER_UNREACHABLE: no answer", LATER) == tuple(
        waits[name] for name in ("destination", "results", "reason", "not_before")
    )


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        (Wanted(), 3),
        (Wanted(accession="A_1"), 1),
        (Wanted(accession="A*"), 2),
        (Wanted(accession="A%"), 0),
        (Wanted(accession="A__*"), 0),
        (Wanted(modality="ct"), 1),
        (Wanted(modality="MR"), 0),
        (Wanted(patient="TAVO"), 1),
        (Wanted(patient="%"), 0),
        (Wanted(patient="P2"), 1),
        (Wanted(since=NOW), 3),
        (Wanted(until=NOW), 0),
        (Wanted(since=NOW, until=LATER, modality="DX"), 2),
    ],
)
def test_filters_choose_rows_of_every_listing(both_stores, wanted, found):
    """By what the catalogue and the images say; what stands in a search for itself is no wildcard."""
    finding = AlertContent(findings=(a_told_finding(),), model="m", model_version="1")
    for number, (accession, name, modality) in enumerate(
        (("A_1", "Távora", "DX"), ("A12", "Two", "CT"), ("B", "X", "DX"))
    ):
        study = f"1.2.{number}"
        add_job(
            both_stores, study, AccessionNumber=accession, PatientName=name, PatientID=f"P{number}", Modality=modality
        )
        job = both_stores.jobs.claim("w", lease_s=60, now=NOW)
        both_stores.results.keep(
            job, [a_result(study)], acuity=Acuity.URGENT, outcome=Outcome.FINDINGS, reason="", priority=1, now=NOW,
            alerts={"ward": finding},
        )  # fmt: skip
    with write(both_stores.engine) as connection:
        connection.execute(sa.update(catalogue_studies).values(last_received_at=NOW))

    pages = [page(both_stores.engine, wanted) for page in (study_page, job_page, alert_page)]
    assert [found] * 3 == [page.total for page in pages]
    assert [found] * 3 == [len(page.rows) for page in pages]


def test_a_limit_says_how_many_rows_there_are(both_stores):
    """Open jobs come in the order of the queue, an emergent one first; then those that ended, the last first."""
    ids = [add_job(both_stores, f"1.2.{number}") for number in range(6)]
    with write(both_stores.engine) as connection:
        connection.execute(sa.update(jobs).where(jobs.c.id == ids[2]).values(acuity=Acuity.EMERGENT))
        for number, hours in ((0, 1), (1, 2)):
            ended = {"state": JobState.COMPLETED, "ended_at": NOW + dt.timedelta(hours=hours)}
            connection.execute(sa.update(jobs).where(jobs.c.id == ids[number]).values(**ended))

    order = [ids[2], ids[3], ids[4], ids[5], ids[1], ids[0]]
    for limit in (0, 2, 4, 5, 50):
        page = job_page(both_stores.engine, Wanted(limit=limit))
        assert (order[: limit or None], 6) == ([row["id"] for row in page.rows], page.total)
    assert (2, 6) == ((page := study_page(both_stores.engine, Wanted(limit=2))) and len(page.rows), page.total)


def test_all_of_very_many_rows_can_be_listed(both_stores, monkeypatch):
    """A statement holds so many values and no more; rows are told the same beyond that number."""
    for number in range(3):
        answer(both_stores, f"1.2.{number}")
    pages = [(page(both_stores.engine, Wanted(limit=0)).rows) for page in (study_page, job_page, alert_page)]
    monkeypatch.setattr("dicomnode.store.listing._MOST_VALUES", 2)

    assert pages == [(page(both_stores.engine, Wanted(limit=0)).rows) for page in (study_page, job_page, alert_page)]
    assert [1, 2] == [len(pages[1][0]["waits_for"]), pages[1][0]["waits_for"][0]["results"]]


def test_studies_are_called_by_uid_or_accession_number(both_stores):
    """An empty accession number calls none, and several studies may have the same."""
    for study, accession in (("1.2.3", "A1"), ("1.2.4", "A1"), ("1.2.5", "")):
        keep(both_stores, a_data_set(StudyInstanceUID=study, AccessionNumber=accession))

    called = [sorted(studies_called(both_stores.engine, name)) for name in ("A1", "1.2.5", "", "none")]
    assert [["1.2.3", "1.2.4"], ["1.2.5"], [], []] == called
