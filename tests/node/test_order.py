"""Which study's results leave first: planner, worker and sender over a real Storage SCP, counted in studies."""

from __future__ import annotations

import datetime as dt
import shutil
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import pytest
import sqlalchemy as sa
from helpers import ROOT, a_data_set
from node.conftest import AT_ONCE, RULES
from pydicom import Dataset, dcmread, dcmwrite
from pydicom.uid import generate_uid

from dicomnode.dicom.reading import read_key
from dicomnode.node import pipeline as pipeline_module
from dicomnode.node.delivery import Courier
from dicomnode.node.doors import ResultDoor
from dicomnode.node.models import Models
from dicomnode.node.pipeline import Pipeline
from dicomnode.node.planning import build_planner
from dicomnode.node.rooms import bundle_paths, open_stores
from dicomnode.node.sandbox import SandboxPACS
from dicomnode.node.worker import Worker
from dicomnode.records import Acuity, Stage
from dicomnode.settings import Destination, InferSettings, SendSettings, Settings, StoreSettings
from dicomnode.store.schema import jobs

BLEED = sorted((ROOT / "sample_dicom" / "head-ct-bleed").glob("*.dcm"))
MANY = 200
DARK = b"\x00\x08" * (2 * 32) + bytes(2 * 30 * 32)


class Road:
    """A house with a PACS behind it, and one emergent study that arrives when the test says.

    Worker and sender take turns: after each step of the worker all that waits is sent, which is the order in which
    most other results can leave.
    """

    def __init__(self, house, pacs: SandboxPACS) -> None:
        self.house, self.pacs = house, pacs
        self.sender = Courier("sender", ResultDoor("pacs", house.settings, house.stores.results))
        self.emergent = ""
        self._arrivals_before = 0

    def forget_triage(self) -> None:
        """Put all that wait back to where they stood when they had just arrived."""
        self._change(stage=Stage.TRIAGE, acuity=None)

    def receive_emergent(self) -> None:
        """Let the emergent study arrive and be complete."""
        assert all(self.house.receive(*BLEED))
        self.house.plan()
        self.emergent = next(job for job in self.house.stores.jobs.list() if job["rule"] == "head")[
            "study_instance_uid"
        ]
        self._arrivals_before = len(self.pacs.sink.arrivals)

    def run(self) -> list[str]:
        """Work and send until the emergent study's results are at the PACS; studies whose results came in between."""
        for _ in range(3 * MANY):
            while self.sender.run_once():
                pass
            if self.has_left() or len(self._others()) > 5:
                break
            self.house.worker.run_once()
        return self._others()

    def _others(self) -> list[str]:
        """Studies of which results came before the last of the emergent study's."""
        studies = [key.study_instance_uid for key, _ in self.pacs.sink.arrivals[self._arrivals_before :]]
        last = max((i for i, uid in enumerate(studies) if uid == self.emergent), default=len(studies))
        return list(dict.fromkeys(uid for uid in studies[:last] if uid != self.emergent))

    def has_left(self) -> bool:
        """Whether the PACS holds all results of the emergent study."""
        job = next((j for j in self.house.stores.jobs.list() if j["study_instance_uid"] == self.emergent), None)
        if job is None:
            return False
        states = [row["state"] for row in self.house.stores.results.deliveries_of(job["id"])]
        return bool(states) and set(states) == {"HELD"}

    def age(self, hours: float) -> None:
        """Let all jobs have waited so long."""
        overdue = dt.datetime.now(dt.UTC) + dt.timedelta(hours=4 - hours)
        self._change(due_at=overdue)

    def _change(self, **values: object) -> None:
        with self.house.stores.engine.begin() as connection:
            connection.execute(sa.update(jobs).values(**values))


@pytest.fixture(scope="module")
def a_queue(tmp_path_factory, tiny_bundles) -> Path:
    """Data folder of a node where two hundred routine studies wait, each a small film that has been graded."""
    data_dir = tmp_path_factory.mktemp("queue") / "data"
    settings = Settings(
        store=StoreSettings(data_dir=data_dir),
        infer=InferSettings(bundles=tuple(str(tiny_bundles / name) for name in ("chest", "head", "plain"))),
        rules=RULES,
        schedule=AT_ONCE,
        send=SendSettings(destinations={"pacs": Destination(ae_title="PACS", host="127.0.0.1", port=1)}),
    )
    stores = open_stores(settings)
    for _ in range(MANY):
        keep(stores, a_data_set(StudyInstanceUID=generate_uid(), Rows=32, Columns=32, PixelData=DARK))
    assert MANY == build_planner(settings, stores).tick(dt.datetime.now(dt.UTC))
    pipeline = Pipeline(settings, Models(bundle_paths(settings), settings.infer), stores.inputs, stores.results)
    worker = Worker("worker", settings, stores.jobs, pipeline)
    for _ in range(MANY):
        worker.run_once()
    assert {(Stage.INFER, Acuity.NON_ACTIONABLE)} == {(job["stage"], job["acuity"]) for job in stores.jobs.list()}
    stores.engine.dispose()
    return data_dir


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
def a_road(a_house, tmp_path):
    """The road of an emergent study, with the studies of a queue waiting where one is given."""
    pacs = SandboxPACS(tmp_path / "pacs", ae_title="PACS")
    destination = Destination(ae_title="PACS", host="127.0.0.1", port=pacs.start())

    def build(queue: Path | None = None) -> Road:
        if queue is not None:
            shutil.copytree(queue, tmp_path / "data")
        return Road(a_house(send=SendSettings(destinations={"pacs": destination})), pacs)

    yield build
    pacs.stop()


def once(action: Callable[[], None]) -> Callable[[], None]:
    """Do something at the first call only."""
    calls: list[int] = []

    def act() -> None:
        calls.append(1)
        if len(calls) == 1:
            action()

    return act


@pytest.mark.parametrize("hours", [0, 9])
@pytest.mark.parametrize(
    ("moment", "others"),
    [("between two studies", 0), ("while a study is read", 1), ("while a study is sent", 1)],
)
def test_an_emergent_study_passes_two_hundred_that_wait(a_road, a_queue, monkeypatch, moment, others, hours):
    """At most the study in hand leaves before it, whether the others have waited for minutes or are overdue."""
    road = a_road(a_queue)
    road.age(hours)
    arrive = once(road.receive_emergent)
    if moment == "between two studies":
        arrive()
    elif moment == "while a study is read":
        write = pipeline_module.write_report
        monkeypatch.setattr(pipeline_module, "write_report", lambda **words: (arrive(), write(**words))[1])
        road.house.worker.run_once()
    else:
        keep = road.pacs.sink.keep
        monkeypatch.setattr(road.pacs.sink, "keep", lambda *a, **k: (keep(*a, **k), arrive())[0])
        road.house.worker.run_once()
        road.sender.run_once()

    before = road.run()

    assert len(before) <= others
    waiting = [job for job in road.house.stores.jobs.list() if job["stage"] == Stage.INFER]
    assert len(waiting) >= MANY - 2, "the others still wait"


def test_the_last_of_two_hundred_that_arrive_at_once_leaves_first(a_road, a_queue):
    """Before any study is read all are graded, so that no other result leaves before the emergent one's."""
    road = a_road(a_queue)
    road.forget_triage()
    road.receive_emergent()

    assert [] == road.run()
    assert {Acuity.EMERGENT} == {job["acuity"] for job in road.house.stores.jobs.list() if job["stage"] == Stage.SEND}


def test_the_first_of_two_hundred_does_not_wait_for_their_triage(a_road, a_queue):
    """A study that is known to be emergent is read before the others are graded."""
    road = a_road(a_queue)
    road.receive_emergent()
    road.house.worker.run_once()
    graded = road.house.stores.jobs.list()
    assert [road.emergent] == [job["study_instance_uid"] for job in graded if job["acuity"] == Acuity.EMERGENT]
    with road.house.stores.engine.begin() as connection:
        others = jobs.c.study_instance_uid != road.emergent
        connection.execute(sa.update(jobs).where(others).values(stage=Stage.TRIAGE, acuity=None))

    assert [] == road.run()
    stages = [job["stage"] for job in road.house.stores.jobs.list()]
    assert MANY == stages.count(Stage.TRIAGE)


def test_two_workers_let_no_more_than_two_pass(a_road, a_queue):
    """With two workers busy, each ends the study in hand; then the first takes the emergent one."""
    road = a_road(a_queue)
    in_hand = [road.house.stores.jobs.claim(f"w{n}", lease_s=60, now=dt.datetime.now(dt.UTC)) for n in range(2)]
    road.receive_emergent()
    for job in in_hand:
        road.house.pipeline.answer(job, lambda _stage: None)

    assert len(road.run()) <= 2


def test_results_that_wait_for_their_destination_are_passed(a_road, a_queue):
    """However many results a PACS that was away is owed, urgent and overdue ones too, the emergent one's go first."""
    road = a_road(a_queue)
    urgent = sorted((ROOT / "sample_dicom" / "chest-opacity").glob("*.dcm"))
    road.house.receive(*urgent)
    road.house.plan()
    for _ in range(20):
        road.house.worker.run_once()
    road.age(9)
    road.receive_emergent()
    for _ in range(2):
        road.house.worker.run_once()

    assert [] == road.run()
    assert {Acuity.URGENT} < {job["acuity"] for job in road.house.stores.jobs.list()}


def test_a_study_with_many_objects_gives_way_in_the_middle(a_road, monkeypatch):
    """The sender goes on with it afterwards, and every object arrives once."""
    road = a_road()
    road.house.receive(*sorted((ROOT / "sample_dicom" / "chest-opacity").glob("*.dcm")))
    road.house.plan()
    (large,) = road.house.work()

    def arrive() -> None:
        road.receive_emergent()
        road.house.work()

    keep, arrive_once = road.pacs.sink.keep, once(arrive)
    monkeypatch.setattr(road.pacs.sink, "keep", lambda *a, **k: (keep(*a, **k), arrive_once())[0])
    while road.sender.run_once():
        pass

    arrived = [key.study_instance_uid for key, _ in road.pacs.sink.arrivals]
    runs = [uid for i, uid in enumerate(arrived) if i == 0 or arrived[i - 1] != uid]
    assert [large["study_instance_uid"], road.emergent, large["study_instance_uid"]] == runs
    assert 1 == arrived.index(road.emergent)
    uids = [key.sop_instance_uid for key, _ in road.pacs.sink.arrivals]
    assert len(uids) == len(set(uids))
    attempts = {row["attempts"] for row in road.house.stores.results.deliveries_of(large["id"])}
    assert {1} == attempts


def test_two_emergent_studies_do_not_interrupt_each_other(a_road, monkeypatch, a_written, tmp_path):
    """What is on its way stays together where the next is no more acute."""
    road = a_road()
    road.receive_emergent()
    study = generate_uid()
    for path in BLEED:
        ds = dcmread(path)
        ds.StudyInstanceUID, ds.SOPInstanceUID = study, generate_uid()
        ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID
        road.house.receive(a_written(tmp_path, ds))
    road.house.plan()
    road.house.work()
    while road.sender.run_once():
        pass

    arrived = [key.study_instance_uid for key, _ in road.pacs.sink.arrivals]
    assert 2 == len([uid for i, uid in enumerate(arrived) if i == 0 or arrived[i - 1] != uid])
