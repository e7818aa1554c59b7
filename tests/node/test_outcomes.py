"""Every study gets an answer, and every failure a name."""

from __future__ import annotations

import datetime as dt
import time

import numpy as np
import pytest
from helpers import ROOT, a_data_set
from pydicom import dcmread
from pydicom.uid import generate_uid

from dicomnode.dicom.document import document_text
from dicomnode.errors import ComposeError, TransientError
from dicomnode.node import pipeline as pipeline_module
from dicomnode.records import Acuity, JobState, Stage, ViewerProfile
from dicomnode.settings import Conditions, Destination, ReportSettings, Rule, ScheduleSettings, SendSettings
from dicomnode.store import files as files_module

SAMPLES = ROOT / "sample_dicom"


def results_of(house, job) -> dict[str, object]:
    """Composed objects of a job by role."""
    return {r.role: dcmread(r.path) for r in house.stores.results.of_job(job["id"])}


def test_a_film_with_an_opacity_has_findings(a_house):
    """The film is graded by its acuity, and its results stand in its own study."""
    house = a_house()
    house.receive(*(SAMPLES / "chest-opacity").glob("*.dcm"))
    house.plan()
    (job,) = house.work()

    assert (JobState.COMPLETED, "findings", Acuity.URGENT) == (job["state"], job["outcome"], job["acuity"])
    results = results_of(house, job)
    assert {"overlay.opacity", "summary", "text-sr.en", "regions-sr", "study-sr", "kos"} == results.keys()
    assert {job["study_instance_uid"]} == {ds.StudyInstanceUID for ds in results.values()}


def test_each_destination_gets_the_objects_of_its_profile(a_house):
    """Results are composed once; a peer that takes pictures only is sent no documents."""
    peers = {
        name: Destination(ae_title=name.upper(), host="127.0.0.1", port=1, profile=profile)
        for name, profile in (("archive", ViewerProfile.STANDARD), ("clinic", ViewerProfile.TEXT_ONLY))
    }
    house = a_house(send=SendSettings(destinations=peers))
    house.receive(*(SAMPLES / "chest-opacity").glob("*.dcm"))
    house.plan()
    (job,) = house.work()

    sent: dict[str, set[str]] = {}
    for delivery in house.stores.results.deliveries_of(job["id"]):
        sent.setdefault(delivery["destination"], set()).add(delivery["role"])
    assert {
        "archive": {"overlay.opacity", "summary", "text-sr.en", "regions-sr", "study-sr", "kos"},
        "clinic": {"overlay.opacity", "summary"},
    } == sent


def white(side: int = 64) -> dict[str, object]:
    """Pixels that are white but for a rim: no chest."""
    pixels = np.full((side, side), 4000, dtype=np.uint16)
    pixels[:2] = 0
    return {"Rows": side, "Columns": side, "PixelData": pixels.tobytes()}


def test_a_film_that_looks_strange_is_not_judged(a_house, a_written, tmp_path, monkeypatch):
    """A film outside of what the model knows is answered with the reason: no finding, no draft, and seen in time."""
    house = a_house()
    house.receive(a_written(tmp_path, a_data_set(**white())))
    house.plan()
    monkeypatch.setattr("dicomnode.infer.model.Model.generate", None)
    (job,) = house.work()

    assert (JobState.COMPLETED, "not_judged") == (job["state"], job["outcome"])
    assert "it may be rotated, inverted, or of another body part" in job["reason"]
    results = results_of(house, job)
    assert {"summary", "text-sr.en", "study-sr"} == results.keys()
    text = document_text(results["text-sr.en"])
    assert "was not assessed by the AI: images unlike those the model was trained on" in text
    assert "opacity" not in text.lower()


def test_a_film_beside_one_that_looks_strange_is_read(a_house, a_written, tmp_path):
    """The report of the one says that the other was not judged."""
    house = a_house()
    film = dcmread(next((SAMPLES / "chest-opacity").glob("*.dcm")))
    house.receive(a_written(tmp_path, film))
    identity = ("StudyInstanceUID", "PatientID", "IssuerOfPatientID", "PatientName", "PatientBirthDate", "PatientSex")
    same = {keyword: film[keyword].value for keyword in identity if keyword in film}
    house.receive(a_written(tmp_path, a_data_set(**same, **white())))
    house.plan()
    (job,) = house.work()

    assert "findings" == job["outcome"]
    assert "One of 2 images was not assessed" in document_text(results_of(house, job)["text-sr.en"])


def test_a_classifier_answers_without_draft_and_maps(a_house):
    """A bundle that is an encoder alone gives findings, and no picture of where they are."""
    rules = (Rule(name="chest", when=Conditions(body_part=("CHEST",)), bundle="plain"),)
    house = a_house(rules=rules)
    house.receive(*(SAMPLES / "chest-opacity").glob("*.dcm"))
    house.plan()
    (job,) = house.work()

    assert ("findings", Acuity.URGENT) == (job["outcome"], job["acuity"])
    results = results_of(house, job)
    assert {"summary", "text-sr.en", "study-sr"} == results.keys()
    assert "Findings consistent with opacity of lung" in document_text(results["text-sr.en"])


def test_a_gpu_that_is_gone_keeps_the_job_waiting(a_house):
    """Settings that the machine does not meet use up no try, and the job says which."""
    house = a_house()
    house.pipeline._models._settings = house.settings.infer.model_copy(update={"provider": "cuda"})
    house.receive(*(SAMPLES / "chest-opacity").glob("*.dcm"))
    house.plan()
    house.worker.run_once()

    job = house.stores.jobs.get(1)
    assert job.reason.startswith("SETTINGS: infer.provider is 'cuda', but this ONNX Runtime lacks CUDA")
    assert (0, JobState.SCHEDULED) == (job.attempts, job.state)


def test_a_head_ct_with_a_bleed_is_emergent(a_house):
    """The slices make one volume, and what is found is graded as the table says."""
    house = a_house()
    house.receive(*(SAMPLES / "head-ct-bleed").glob("*.dcm"))
    house.plan()
    (job,) = house.work()

    assert ("findings", Acuity.EMERGENT) == (job["outcome"], job["acuity"])


def test_the_most_acute_study_is_read_first(a_house):
    """Triage runs on all before any is read in full, and an emergent study overtakes those that came earlier."""
    house = a_house()
    for folder in ("chest-normal", "chest-opacity", "head-ct-bleed"):
        house.receive(*(SAMPLES / folder).glob("*.dcm"))
        house.plan()
    jobs = house.work()

    first = min(jobs, key=lambda job: job["ended_at"])
    assert Acuity.EMERGENT == first["acuity"]
    assert 3 == len(jobs)


@pytest.mark.parametrize(
    ("elements", "outcome", "why"),
    [
        ({"BodyPartExamined": "FOOT"}, "not_applicable", "outing rule matches"),
        ({"ViewPosition": "LL"}, "not_applicable", "LL"),
        ({"PixelData": None}, "could_not_run", "no pixel data"),
        ({"Rows": 8, "Columns": 8, "PixelData": bytes(range(128))}, "not_applicable", "8"),
        ({"PixelData": bytes(100)}, "could_not_run", "pixel data"),
    ],
)
def test_a_film_that_cannot_be_read_is_answered_with_the_reason(a_house, a_written, tmp_path, elements, outcome, why):
    """Not applicable and could not run are results, too, and say why in one sentence."""
    house = a_house()
    house.receive(a_written(tmp_path, a_data_set(**elements)))
    house.plan()
    (job,) = house.work()

    assert (JobState.COMPLETED, outcome) == (job["state"], job["outcome"])
    assert why in job["reason"]
    assert why in document_text(results_of(house, job)["text-sr.en"])


@pytest.mark.parametrize("rules", [(), (Rule(name="nobody"),)])
@pytest.mark.parametrize(
    ("wanted", "profile", "roles"),
    [
        ("report", "standard", {"text-sr.en"}),
        ("report", "text-only", {"summary"}),
        ("nothing", "standard", set()),
        ("all", "standard", {"text-sr.en", "text-sr.de", "summary"}),
    ],
)
def test_a_study_that_no_rule_matches_gets_what_the_settings_say(a_house, rules, wanted, profile, roles):
    """One report, nothing or everything; the job says in any case that the study was not applicable."""
    peer = Destination(ae_title="PACS", host="127.0.0.1", port=104, profile=profile)
    house = a_house(
        rules=rules,
        schedule=ScheduleSettings(quiet_period_s=1e-6, unmatched_studies=wanted),
        report=ReportSettings(languages=("en", "de")),
        send=SendSettings(destinations={"pacs": peer}),
    )
    house.receive(*(SAMPLES / "chest-opacity").glob("*.dcm"))
    house.plan()
    (job,) = house.work()

    results = results_of(house, job)
    assert "not_applicable" == job["outcome"]
    assert roles == {*results} if wanted != "all" else roles <= {*results}
    sent = house.stores.results.deliveries_of(job["id"])
    assert len(results) == sum(row["destination"] == "pacs" for row in sent)
    assert wanted != "nothing" or JobState.COMPLETED == job["state"]


def test_a_series_without_slices_is_answered(a_house, a_written, tmp_path):
    """A CT study that holds a document but no slice could not be read as a volume."""
    house = a_house()
    house.receive(a_written(tmp_path, a_data_set(Modality="CT", BodyPartExamined="HEAD", PixelData=None)))
    house.plan()
    (job,) = house.work()

    assert JobState.COMPLETED == job["state"]
    assert job["outcome"] in ("could_not_run", "not_applicable")


def test_late_instances_make_a_result_that_names_its_predecessor(a_house, a_written, tmp_path):
    """The second revision's text report refers to the first's."""
    house = a_house()
    study = generate_uid()
    for _ in range(2):
        house.receive(a_written(tmp_path, a_data_set(StudyInstanceUID=study)))
        house.plan()
        house.work()

    first, second = sorted(house.stores.jobs.list(), key=lambda job: job["id"])
    old, new = results_of(house, first)["text-sr.en"], results_of(house, second)["text-sr.en"]
    named = new.PredecessorDocumentsSequence[0].ReferencedSeriesSequence[0].ReferencedSOPSequence[0]
    assert old.SOPInstanceUID == named.ReferencedSOPInstanceUID


def test_a_job_run_twice_makes_the_same_bytes(a_house):
    """Composed again from the same job, every object is the same to the byte."""
    house = a_house()
    house.receive(*(SAMPLES / "chest-opacity").glob("*.dcm"))
    house.plan()
    house.worker.run_once()
    job = house.stores.jobs.claim("worker", lease_s=60, now=dt.datetime.now(dt.UTC))
    kept = []
    house.pipeline._results = Recorder(kept)

    house.pipeline.answer(job, lambda _stage: None)
    house.pipeline.answer(job, lambda _stage: None)

    assert kept[0] == kept[1]
    assert kept[0]


class Recorder:
    """Stands for the result store and remembers what it is given."""

    def __init__(self, kept):
        self.kept = kept

    def keep(self, _job, new, **_):
        """Remember."""
        self.kept.append(new)
        return True


def test_a_transient_error_waits_and_is_tried_again(a_house, monkeypatch):
    """The job is postponed with its reason, and answered once the cause is gone."""
    house = a_house()
    house.receive(*(SAMPLES / "chest-opacity").glob("*.dcm"))
    house.plan()
    house.worker.run_once()
    prepare, calls = pipeline_module.prepare, []

    def sometimes(*args):
        calls.append(1)
        if len(calls) == 1:
            raise TransientError("the disk is busy")
        return prepare(*args)

    monkeypatch.setattr(pipeline_module, "prepare", sometimes)
    house.worker.run_once()
    assert "TRANSIENT: the disk is busy" == house.stores.jobs.get(1).reason
    wait_and_work(house)
    assert (JobState.COMPLETED, 2) == (house.stores.jobs.get(1).state, len(calls))


def wait_and_work(house) -> None:
    """Run until nothing is open, past the short pauses of the impatient schedule."""
    for _ in range(50):
        house.work()
        if house.stores.jobs.get(1).state in (JobState.COMPLETED, JobState.CANCELED):
            return
        time.sleep(0.01)


def test_a_defect_is_answered_as_could_not_run_after_its_tries(a_house, monkeypatch):
    """A study that always fails gets an answer that says so, and the queue goes on."""
    house = a_house()
    house.receive(*(SAMPLES / "chest-opacity").glob("*.dcm"))
    house.plan()
    monkeypatch.setattr(pipeline_module, "explain", lambda *_: 1 / 0)
    wait_and_work(house)

    job = house.stores.jobs.list()[0]
    assert (JobState.COMPLETED, "could_not_run") == (job["state"], job["outcome"])
    assert "INTERNAL_ERROR: ZeroDivisionError (3 tries)" == job["reason"]


def test_what_cannot_even_be_answered_goes_into_quarantine(a_house, monkeypatch):
    """When no object can be composed the job is canceled by name, and retry brings it back."""
    house = a_house()
    house.receive(*(SAMPLES / "chest-opacity").glob("*.dcm"))
    house.plan()
    with monkeypatch.context() as patched:
        patched.setattr(pipeline_module, "compose", lambda _request: 1 / 0)
        wait_and_work(house)
    job = house.stores.jobs.get(1)
    assert (JobState.CANCELED, "QUARANTINED: INTERNAL_ERROR: ZeroDivisionError") == (job.state, job.reason)

    house.stores.jobs.retry(1)
    wait_and_work(house)
    assert JobState.COMPLETED == house.stores.jobs.get(1).state


def test_a_full_disk_keeps_the_job_waiting(a_house, monkeypatch):
    """Results that cannot be written wait with one clear sentence, use up no tries, and are kept once there is room."""
    house = a_house()
    house.receive(*(SAMPLES / "chest-opacity").glob("*.dcm"))
    house.plan()
    with monkeypatch.context() as patched:
        patched.setattr(files_module, "_write_durably", no_space)
        for _ in range(6):
            house.worker.run_once()
            time.sleep(0.005)
    job = house.stores.jobs.get(1)
    assert "TRANSIENT: the results cannot be written: No space left on device" == job.reason
    assert job.attempts <= 1

    wait_and_work(house)
    assert "findings" == house.stores.jobs.list()[0]["outcome"]


def no_space(_path, _content):
    """A disk without room."""
    raise OSError(28, "No space left on device")


def test_an_object_that_cannot_be_composed_leaves_an_answer(a_house, monkeypatch):
    """Where the results of a reading cannot be built, the study is answered that it could not be read."""
    house = a_house()
    house.receive(*(SAMPLES / "chest-opacity").glob("*.dcm"))
    house.plan()
    compose = pipeline_module.compose

    def without_overlays(request):
        if request.report.findings:
            raise ComposeError("the overlay cannot be built")
        return compose(request)

    monkeypatch.setattr(pipeline_module, "compose", without_overlays)
    (job,) = house.work()
    assert (JobState.COMPLETED, "could_not_run", "the overlay cannot be built") == (
        job["state"], job["outcome"], job["reason"],
    )  # fmt: skip


def test_rules_that_change_after_planning_change_nothing_for_the_job(a_house):
    """A job reads the instances that it was made for: its key, and so the UIDs of its results, stand for them."""
    house = a_house()
    house.receive(*(SAMPLES / "chest-opacity").glob("*.dcm"))
    house.plan()
    house.pipeline._settings = house.settings.model_copy(update={"rules": ()})
    wait_and_work(house)

    (job,) = house.stores.jobs.list()
    assert ("findings", "chest") == (job["outcome"], job["rule"])


def test_a_bundle_that_left_the_settings_is_named(a_house):
    """A job whose bundle is no longer configured says which one and what there is."""
    house = a_house()
    house.receive(*(SAMPLES / "chest-opacity").glob("*.dcm"))
    house.plan()
    house.pipeline._models._paths = {"head": house.pipeline._models._paths["head"]}
    wait_and_work(house)

    job = house.stores.jobs.list()[0]
    assert "could_not_run" == job["outcome"]
    assert "'chest' is not in infer.bundles any more; known: head" in job["reason"]


def test_an_unreachable_pacs_keeps_the_results_waiting(a_house):
    """Nothing is lost while the PACS is away, and the job says why it waits."""
    from helpers import free_port

    from dicomnode.node.delivery import Courier
    from dicomnode.node.doors import ResultDoor
    from dicomnode.node.sandbox import SandboxPACS

    port = free_port()
    pacs = Destination(ae_title="PACS", host="127.0.0.1", port=port)
    house = a_house(send=SendSettings(destinations={"pacs": pacs}, connect_timeout_s=1))
    house.receive(*(SAMPLES / "chest-normal").glob("*.dcm"))
    house.plan()
    house.work()
    sender = Courier("sender", ResultDoor("pacs", house.settings, house.stores.results))
    sender.run_once()

    job = house.stores.jobs.get(1)
    assert (JobState.IN_PROGRESS, Stage.SEND) == (job.state, job.stage)
    assert {"WAITING"} == {row["state"] for row in house.stores.results.deliveries_of(1)}
    assert "no DICOM peer answers as PACS" in house.stores.results.deliveries_of(1)[0]["reason"]

    back = SandboxPACS(house.settings.store.data_dir / "pacs", ae_title="PACS")
    back._scp._settings = back._scp._settings.model_copy(update={"port": port})
    back.start()
    try:
        while house.stores.jobs.get(1).state is JobState.IN_PROGRESS:
            sender.run_once()
    finally:
        back.stop()
    assert JobState.COMPLETED == house.stores.jobs.get(1).state


def test_results_that_are_routed_back_are_not_read(a_house):
    """Our objects, returned by a PACS, make no new job."""
    house = a_house()
    house.receive(*(SAMPLES / "chest-opacity").glob("*.dcm"))
    house.plan()
    house.work()
    own = [r.path for r in house.stores.results.of_job(1)]

    assert all(house.receive(*own))
    assert 0 == house.plan()
    assert 1 == len(house.stores.jobs.list())
