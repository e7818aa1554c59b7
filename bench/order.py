"""What the order of work costs: planning, triage and reading of a film, and the wait of the last of many.

    python bench/order.py [STUDIES] [BUNDLE]

Films are copies of a synthetic one, each read as a study of its own by one worker at one thread. CPU time of this
process, which does nothing else, so that what else the machine does counts for little.
"""

from __future__ import annotations

import datetime as dt
import sys
import tempfile
import time
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import structlog
from pydicom import dcmread, dcmwrite
from pydicom.uid import generate_uid

from dicomnode import logs
from dicomnode.dicom.reading import read_key
from dicomnode.node.models import Models
from dicomnode.node.pipeline import Pipeline
from dicomnode.node.planning import build_planner
from dicomnode.node.rooms import Stores, bundle_paths, open_stores
from dicomnode.node.worker import Worker
from dicomnode.settings import Conditions, InferSettings, Rule, ScheduleSettings, Settings, StoreSettings

SAMPLES = Path(__file__).parent.parent / "sample_dicom"
READ = 10


def main(studies: int, bundle: str) -> None:
    """Print the table."""
    logs.configure(level="error", output="json")
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(
            store=StoreSettings(data_dir=Path(folder)),
            infer=InferSettings(bundles=(bundle,)),
            schedule=ScheduleSettings(quiet_period_s=1e-6),
            rules=(Rule(name="film", when=Conditions(body_part=("CHEST",)), bundle=Path(bundle).name),),
        )
        stores = open_stores(settings)
        _keep_films(stores, studies + 1)
        models = Models(bundle_paths(settings), settings.infer)
        worker = Worker("w", settings, stores.jobs, Pipeline(settings, models, stores.inputs, stores.results))
        planner = build_planner(settings, stores)
        plan_s = _cpu_s(lambda: planner.tick(dt.datetime.now(dt.UTC))) / (studies + 1)
        worker.run_once()  # loads the bundle
        triage_s = _cpu_s(lambda: [worker.run_once() for _ in range(studies)]) / studies
        read_s = _cpu_s(lambda: [worker.run_once() for _ in range(READ)]) / READ
    print(f"plan   {1000 * plan_s:8.1f} ms CPU a study\ntriage {1000 * triage_s:8.1f}\nread   {1000 * read_s:8.1f}")
    print(f"the last of {studies} that come at once waits {studies * (plan_s + triage_s):.1f} s,")
    print(f"as long as {studies * (plan_s + triage_s) / read_s:.0f} readings; without triage it would be {studies}")


def _cpu_s(action: Callable[[], object]) -> float:
    begin = time.process_time()
    action()
    return time.process_time() - begin


def _keep_films(stores: Stores, count: int) -> None:
    ds = dcmread(next((SAMPLES / "chest-normal").glob("*.dcm")))
    for _ in range(count):
        ds.StudyInstanceUID, ds.SOPInstanceUID = generate_uid(), generate_uid()
        ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID
        file = BytesIO()
        dcmwrite(file, ds)
        key = read_key(
            file.getvalue(),
            sop_class_uid=ds.SOPClassUID,
            sop_instance_uid=ds.SOPInstanceUID,
            transfer_syntax_uid=ds.file_meta.TransferSyntaxUID,
        )
        stores.instances.keep(key, file.getvalue(), calling_ae_title="CT1")


if __name__ == "__main__":
    structlog.reset_defaults()
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 200, sys.argv[2] if len(sys.argv) > 2 else "cxr")
