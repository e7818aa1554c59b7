"""The rooms put together in this process, with the tiny bundles."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from tiny_bundle import write_tiny_bundle

from dicomnode.node.comparing import priors
from dicomnode.node.models import Models
from dicomnode.node.pipeline import Pipeline
from dicomnode.node.planning import build_planner
from dicomnode.node.rooms import Stores, admission, bundle_paths, open_stores
from dicomnode.node.worker import Worker
from dicomnode.receive.scp import StorageSCP
from dicomnode.schedule.planner import Planner
from dicomnode.send.store_scu import StoreSCU, read_outgoing
from dicomnode.settings import Conditions, Destination, Rule, ScheduleSettings, SendSettings, Settings

AT_ONCE = ScheduleSettings(quiet_period_s=1e-6, first_retry_s=0.001, longest_retry_s=0.001, maximum_attempts=3)
RULES = (
    Rule(name="chest", when=Conditions(body_part=("CHEST",)), bundle="chest"),
    Rule(name="head", when=Conditions(modality=("CT",)), bundle="head"),
)


@dataclass
class House:
    """Receiver, planner and worker over one store, each moved by the test."""

    settings: Settings
    stores: Stores
    planner: Planner
    worker: Worker
    pipeline: Pipeline
    peer: Destination

    def receive(self, *paths: Path) -> list[bool]:
        """Send files to the node; whether each was acknowledged."""
        outcomes = StoreSCU(self.peer, SendSettings(ae_title="TEST")).send([read_outgoing(p) for p in paths])
        return [outcome.is_held for outcome in outcomes]

    def plan(self) -> int:
        """Make jobs of the studies, which are complete at once."""
        return self.planner.tick(dt.datetime.now(dt.UTC))

    def work(self) -> list[dict]:
        """Run jobs until none is due, and return them all."""
        while self.worker.run_once():
            pass
        return self.stores.jobs.list()


@pytest.fixture(scope="session")
def tiny_bundles(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder with the bundles `chest`, `head` and `plain`, which classifies chest films."""
    folder = tmp_path_factory.mktemp("bundles")
    write_tiny_bundle(folder / "chest")
    write_tiny_bundle(folder / "head", kind="ct")
    write_tiny_bundle(folder / "plain", kind="classifier")
    return folder


@pytest.fixture
def a_house(some_settings: Settings, tiny_bundles: Path):
    """Build a house; keyword arguments replace tables of the settings."""
    scps: list[StorageSCP] = []

    def build(**tables: object) -> House:
        infer = some_settings.infer.model_copy(
            update={"bundles": tuple(str(tiny_bundles / name) for name in ("chest", "head", "plain"))}
        )
        settings = some_settings.model_copy(update={"rules": RULES, "infer": infer, "schedule": AT_ONCE, **tables})
        stores = open_stores(settings)
        models = Models(bundle_paths(settings), settings.infer)
        pipeline = Pipeline(settings, models, stores.inputs, stores.results, priors(settings, stores))
        scp = StorageSCP(settings.receive, admission(settings, stores))
        scps.append(scp)
        return House(
            settings=settings,
            stores=stores,
            planner=build_planner(settings, stores),
            worker=Worker("worker", settings, stores.jobs, pipeline),
            pipeline=pipeline,
            peer=Destination(ae_title=settings.receive.ae_title, host="127.0.0.1", port=scp.start()),
        )

    yield build
    for scp in scps:
        scp.stop()


@pytest.fixture
def a_written() -> Callable[..., Path]:
    """Write a data set to disk."""
    from pydicom import dcmwrite

    def write(folder: Path, ds: object) -> Path:
        path = folder / f"{ds.SOPInstanceUID}.dcm"
        dcmwrite(path, ds, enforce_file_format=True)
        return path

    return write
