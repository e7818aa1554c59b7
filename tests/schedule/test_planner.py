"""When a study becomes a job, and its place in the queue."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from io import BytesIO

import pytest
from helpers import a_data_set
from pydicom import Dataset, dcmwrite

from dicomnode.dicom.reading import read_key
from dicomnode.records import Acuity, JobState
from dicomnode.schedule import planner as planner_module
from dicomnode.schedule.planner import Plan, Planner, due_after_triage, job_key
from dicomnode.schedule.retry import backoff_s
from dicomnode.settings import AcuitySettings, Conditions, Rule, ScheduleSettings
from dicomnode.store.digests import revision_of

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

    def make(count=None, rules=(CHEST,), **changes):
        plan = Plan(
            schedule=ScheduleSettings(**changes),
            rules=rules,
            acuity=AcuitySettings(),
            default_destinations=("pacs",),
            bundle_digests={"cxr": "d" * 64},
        )
        return Planner(plan, some_stores.instances, some_stores.jobs, some_stores.corrections, count)

    return make


def uids(kept) -> list[str]:
    """SOP Instance UIDs of instances, in their order."""
    return [one.key.sop_instance_uid for one in kept]


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
    a_planner().tick(after(60))
    keep(some_stores, a_data_set(StudyInstanceUID=first.StudyInstanceUID))
    a_planner().tick(after(120))

    assert 2 == len({job["revision"] for job in some_stores.jobs.list()})
    assert [JobState.CANCELED, JobState.SCHEDULED] == sorted(job["state"] for job in some_stores.jobs.list())


def test_a_request_for_haste_is_heard(a_planner, some_stores):
    """Requested Procedure Priority STAT puts the study ahead of routine ones."""
    keep(some_stores, a_data_set())
    keep(some_stores, a_data_set(RequestedProcedurePriority="STAT"))
    a_planner().tick(after(60))

    due = {job["study_instance_uid"]: job["due_at"] for job in some_stores.jobs.list()}
    assert dt.timedelta(seconds=14_400 - 900) == max(due.values()) - min(due.values())


def test_the_order_of_arrival_does_not_change_a_revision(some_stores):
    """The revision is a digest over the sorted UIDs and contents."""
    keep(some_stores, a_data_set(StudyInstanceUID="1.2.3"))
    keep(some_stores, a_data_set(StudyInstanceUID="1.2.3"))
    one, two = some_stores.instances.in_study("1.2.3")

    assert revision_of([one, two]) == revision_of([two, one]) != revision_of([one])
    assert revision_of([one]) != revision_of([replace(one, digest="other content")])


def test_what_is_read_and_what_reads_it_make_the_key():
    """Another study, other inputs, another bundle or a refusal is other work."""
    words = [("s", "i", "b"), ("t", "i", "b"), ("s", "x", "b"), ("s", "i", "c"), ("s", "i", "b", "refused")]

    assert 5 == len({job_key(*each) for each in words})


def test_what_a_job_reads_is_recorded_with_it(a_planner, some_stores):
    """The instances that the rule matches are read; the study's others are recorded beside them."""
    chest = a_data_set()
    foot = a_data_set(StudyInstanceUID=chest.StudyInstanceUID, BodyPartExamined="FOOT")
    keep(some_stores, foot)
    keep(some_stores, chest)
    a_planner().tick(after(60))
    (job,) = some_stores.jobs.list()

    assert [chest.SOPInstanceUID] == uids(some_stores.inputs.of(job["id"]))
    assert [foot.SOPInstanceUID, chest.SOPInstanceUID] == uids(some_stores.inputs.with_beside(job["id"]))


def test_the_planner_reads_each_header_once(a_planner, some_stores, monkeypatch):
    """Rules and patients go by one read, whatever the number of rules."""
    read: list[object] = []
    header = planner_module.read_header
    monkeypatch.setattr(planner_module, "read_header", lambda path, names: (read.append(path), header(path, names))[1])
    for _ in range(3):
        keep(some_stores, a_data_set(StudyInstanceUID="1.2.3"))
    a_planner(rules=(CHEST, Rule(name="foot", when=Conditions(body_part=("FOOT",)), bundle="cxr"))).tick(after(60))

    assert sorted(one.path for one in some_stores.instances.in_study("1.2.3")) == sorted(read)


def test_an_instance_that_is_not_read_makes_no_new_work(a_planner, some_stores):
    """What comes late and no rule matches leaves the answer that there is: nothing is read twice."""
    chest = a_data_set()
    keep(some_stores, chest)
    a_planner().tick(after(60))
    keep(some_stores, a_data_set(StudyInstanceUID=chest.StudyInstanceUID, BodyPartExamined="FOOT"))

    assert 1 == a_planner().tick(after(120))
    assert [JobState.SCHEDULED] == [job["state"] for job in some_stores.jobs.list()]
    assert [] == some_stores.instances.waiting()


def test_another_rule_makes_other_work_of_the_same_study(a_planner, some_stores):
    """The key follows what is read, so that results of other images never come under the same UIDs."""
    chest = a_data_set()
    lateral = a_data_set(StudyInstanceUID=chest.StudyInstanceUID, ViewPosition="LL")
    keep(some_stores, chest)
    keep(some_stores, lateral)
    a_planner().tick(after(60))
    frontal = Rule(name="chest", when=Conditions(header={"ViewPosition": ("PA",)}), bundle="cxr")
    some_stores.instances.read_again(chest.StudyInstanceUID)
    a_planner(rules=(frontal,)).tick(after(120))

    read = [uids(some_stores.inputs.of(job["id"])) for job in sorted(some_stores.jobs.list(), key=lambda j: j["id"])]
    assert [[chest.SOPInstanceUID, lateral.SOPInstanceUID], [chest.SOPInstanceUID]] == read
    assert 2 == len({job["key"] for job in some_stores.jobs.list()})


def test_what_was_superseded_is_read_after_all_once_the_study_is_again_as_it_was(a_planner, some_stores):
    """A study that changes and changes back before it is read is not left without an answer."""
    keep(some_stores, chest := a_data_set())
    both, none = a_planner(), a_planner(rules=())
    for planner, seconds in ((both, 60), (none, 120), (both, 180)):
        some_stores.instances.read_again(chest.StudyInstanceUID)
        planner.tick(after(seconds))

    open_jobs = [job for job in some_stores.jobs.list() if job["state"] == JobState.SCHEDULED]
    assert ["cxr"] == [job["bundle"] for job in open_jobs]
    assert [chest.SOPInstanceUID] == uids(some_stores.inputs.of(open_jobs[0]["id"]))


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
