"""When a study becomes a job, and its place in the queue."""

from __future__ import annotations

import datetime as dt
from io import BytesIO

import pytest
from helpers import a_data_set
from pydicom import Dataset, dcmwrite

from dicomnode.dicom.reading import read_key
from dicomnode.records import Acuity, JobState
from dicomnode.schedule.planner import Plan, Planner, due_after_triage, job_key
from dicomnode.schedule.retry import backoff_s
from dicomnode.settings import AcuitySettings, Conditions, Rule, ScheduleSettings
from dicomnode.store.instances import revision_of

CHEST = Rule(name="chest", when=Conditions(body_part=("CHEST",)), bundle="cxr")


def keep(stores, ds: Dataset) -> None:
    """Keep a data set as the receiver would."""
    file = BytesIO()
    dcmwrite(file, ds, enforce_file_format=True)
    key = read_key(
        file.getvalue(),
        sop_class_uid=ds.SOPClassUID,
        sop_instance_uid=ds.SOPInstanceUID,
        transfer_syntax_uid=ds.file_meta.TransferSyntaxUID,
    )
    stores.instances.keep(key, file.getvalue(), calling_ae_title="CT1")


@pytest.fixture
def a_planner(some_stores):
    """A planner over the store; keyword arguments change the schedule, `count` answers for the archive."""

    def make(count=None, **changes):
        plan = Plan(
            schedule=ScheduleSettings(**changes),
            rules=(CHEST,),
            acuity=AcuitySettings(),
            default_destinations=("pacs",),
            bundle_digests={"cxr": "d" * 64},
        )
        return Planner(plan, some_stores.instances, some_stores.jobs, count)

    return make


def after(seconds: float) -> dt.datetime:
    """A time from now."""
    return dt.datetime.now(dt.UTC) + dt.timedelta(seconds=seconds)


def test_a_quiet_study_becomes_a_job(a_planner, some_stores):
    """Not before the quiet period is over, once after it, and never again."""
    keep(some_stores, a_data_set())

    assert [0, 1, 0] == [a_planner(quiet_period_s=30).tick(after(s)) for s in (29, 31, 90)]
    (job,) = some_stores.jobs.list()
    assert ("chest", "cxr", ["pacs"]) == (job["rule"], job["bundle"], job["destinations"])


def test_a_study_that_never_gets_quiet_is_read_after_the_longest_wait(a_planner, some_stores):
    """The longest wait counts from the first instance."""
    keep(some_stores, a_data_set())

    assert 1 == a_planner(quiet_period_s=3600, longest_wait_s=60).tick(after(61))


@pytest.mark.parametrize(("count", "seconds", "jobs"), [(1, 6, 1), (1, 4, 0), (2, 6, 0), (None, 6, 0)])
def test_an_archive_that_agrees_ends_the_wait(a_planner, some_stores, count, seconds, jobs):
    """Agreement counts once neither side grows any more; disagreement or silence changes nothing."""
    keep(some_stores, a_data_set())

    assert jobs == a_planner(lambda _uid: count, quiet_period_s=60, archive_quiet_s=5).tick(after(seconds))


def test_a_study_that_no_rule_wants_gets_a_job_without_a_bundle(a_planner, some_stores):
    """It is answered as not applicable: silence never means negative."""
    keep(some_stores, a_data_set(BodyPartExamined="FOOT"))
    a_planner().tick(after(60))

    (job,) = some_stores.jobs.list()
    assert (None, "") == (job["bundle"], job["rule"])


def test_late_instances_make_a_new_revision(a_planner, some_stores):
    """The same study with one instance more is another job."""
    first = a_data_set()
    keep(some_stores, first)
    planner = a_planner()
    planner.tick(after(60))
    keep(some_stores, a_data_set(StudyInstanceUID=first.StudyInstanceUID))
    planner.tick(after(120))

    assert 2 == len({job["revision"] for job in some_stores.jobs.list()})
    assert [JobState.CANCELED, JobState.SCHEDULED] == sorted(job["state"] for job in some_stores.jobs.list())


def test_a_request_for_haste_is_heard(a_planner, some_stores):
    """Requested Procedure Priority STAT puts the study ahead of routine ones."""
    keep(some_stores, a_data_set())
    keep(some_stores, a_data_set(RequestedProcedurePriority="STAT"))
    a_planner().tick(after(60))

    due = {job["study_instance_uid"]: job["due_at"] for job in some_stores.jobs.list()}
    assert dt.timedelta(seconds=14_400 - 900) == max(due.values()) - min(due.values())


def test_the_order_of_arrival_does_not_change_a_revision():
    """The revision is a digest over the sorted UIDs."""
    assert revision_of(["1.2", "1.1"]) == revision_of(["1.1", "1.2"]) != revision_of(["1.1"])


def test_what_is_read_and_what_reads_it_make_the_key():
    """Another study, revision or bundle is other work."""
    assert 4 == len({job_key(*words) for words in (("s", "r", "b"), ("t", "r", "b"), ("s", "x", "b"), ("s", "r", "c"))})


@pytest.mark.parametrize(
    ("acuity", "seconds"), [(Acuity.EMERGENT, 0), (Acuity.URGENT, 900), (Acuity.NON_ACTIONABLE, 28_800)]
)
def test_triage_sets_the_place_in_the_queue(a_planner, some_stores, acuity, seconds):
    """Due times count from the creation, so that a job that has waited long overtakes more acute younger ones."""
    keep(some_stores, a_data_set())
    a_planner().tick(after(60))
    job = some_stores.jobs.get(1)

    assert dt.timedelta(seconds=seconds) == due_after_triage(job, acuity, AcuitySettings()) - job.created_at


def test_waits_double_and_are_bounded():
    """Each wait is at most twice the one before, spread by a quarter, never beyond the longest."""
    settings = ScheduleSettings(first_retry_s=10, longest_retry_s=60)
    waits = [backoff_s(n, settings) for n in (1, 2, 3, 4, 50)]

    for wait, bound in zip(waits, (10, 20, 40, 60, 60), strict=True):
        assert 0.75 * bound <= wait <= bound
