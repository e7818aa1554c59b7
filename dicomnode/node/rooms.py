"""Builds what the settings describe."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import structlog
from sqlalchemy.engine import Engine

from dicomnode.bundles import shipped_bundle
from dicomnode.errors import NodeError, PermanentError, ServiceRunningError, SettingsError, TransientError
from dicomnode.node.frame import Failure, attempt
from dicomnode.receive.admit import Admission
from dicomnode.records import Arrival
from dicomnode.settings import InferSettings, Settings
from dicomnode.store.alerts import AlertStore
from dicomnode.store.catalogue import Catalogue
from dicomnode.store.corrections import CorrectionStore
from dicomnode.store.denied import sentence
from dicomnode.store.engine import open_engine
from dicomnode.store.files import FileStore
from dicomnode.store.inputs import InputStore
from dicomnode.store.instances import InstanceStore
from dicomnode.store.jobs import JobStore
from dicomnode.store.patients import KEY_FILE, patient_key
from dicomnode.store.priors import PriorRequests
from dicomnode.store.private import make_folder, open_private, tighten
from dicomnode.store.results import ResultStore

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Stores:
    """The store room, open."""

    engine: Engine
    instances: InstanceStore
    inputs: InputStore
    corrections: CorrectionStore
    catalogue: Catalogue
    jobs: JobStore
    results: ResultStore
    alerts: AlertStore
    requests: PriorRequests
    instance_files: FileStore
    result_files: FileStore


def open_stores(settings: Settings, *, is_reader: bool = False) -> Stores:
    """Open database and folders.

    Parameters
    ----------
    is_reader
        Only look: nothing is made, and a database of another release is left as it is.

    Raises
    ------
    SettingsError
        If the database's URL is wrong, or its server does not answer.
    PermanentError
        For a reader: if there is nothing to look into, or it is of another release.
    TransientError
        If the data folder or the database cannot be read or written.
    """
    data_dir = settings.store.data_dir
    if is_reader and not data_dir.is_dir():
        raise PermanentError(f"there is no data folder at {data_dir} (store.data_dir); `dicomnode serve` makes it")
    try:
        if not is_reader:
            make_folder(data_dir)
        instance_files = FileStore(data_dir / "instances", is_reader=is_reader)
        result_files = FileStore(data_dir / "results", is_reader=is_reader)
        key = b"" if is_reader and not (data_dir / KEY_FILE).exists() else patient_key(data_dir)
    except OSError as error:
        raise TransientError(f"store.data_dir cannot be used: {sentence(error)}") from None
    engine = open_engine(settings.store, is_reader=is_reader)
    return Stores(
        engine=engine,
        instances=InstanceStore(engine, instance_files, key),
        inputs=InputStore(engine, instance_files),
        corrections=CorrectionStore(engine, instance_files),
        catalogue=Catalogue(engine, instance_files),
        jobs=JobStore(engine),
        results=ResultStore(engine, result_files),
        alerts=AlertStore(engine),
        requests=PriorRequests(engine, key),
        instance_files=instance_files,
        result_files=result_files,
    )


class FramedAdmission(Admission):
    """The way in, in the outermost frame: what fails unexpectedly is in the log, and the sender may come back."""

    def admit(self, arrival: Arrival) -> bool:
        """Keep an instance, as `Admission.admit`; a defect of ours is an error that may be gone another time."""
        kept = attempt(lambda: Admission.admit(self, arrival))
        if not isinstance(kept, Failure):
            return kept
        if isinstance(kept.error, NodeError | OSError):
            raise kept.error
        kept.tell("an instance was not kept", sop_instance_uid=arrival.sop_instance_uid, peer=arrival.calling_ae_title)
        raise TransientError("the instance could not be kept") from kept.error


def admission(settings: Settings, stores: Stores) -> Admission:
    """The way in, over the store."""
    return FramedAdmission(
        sink=stores.instances,
        data_dir=settings.store.data_dir,
        minimum_free_bytes=settings.receive.minimum_free_bytes,
        requests=stores.requests,
        own_ae_title=settings.send.ae_title,
    )


def bundle_paths(settings: Settings) -> Mapping[str, Path]:
    """Folder of every bundle of the settings, by the name that rules use.

    Raises
    ------
    SettingsError
        If a rule names a bundle that is not loaded.
    """
    paths = {Path(name).name: shipped_bundle(name) or Path(name) for name in settings.infer.bundles}
    for rule in settings.rules:
        if rule.bundle and rule.bundle not in paths:
            known = ", ".join(sorted(paths)) or "none"
            raise SettingsError(f"rules.{rule.name}.bundle names {rule.bundle!r}, not in infer.bundles; known: {known}")
    for name in settings.infer.ensembles:
        if name not in paths:
            known = ", ".join(sorted(paths)) or "none"
            raise SettingsError(f"infer.ensembles names {name!r}, not in infer.bundles; known: {known}")
    return paths


def ensemble_paths(settings: InferSettings) -> Mapping[str, tuple[Path, ...]]:
    """Folders of the bundles that read beside another one, by that one's name."""
    return {
        name: tuple(shipped_bundle(other) or Path(other) for other in others)
        for name, others in settings.ensembles.items()
    }


def default_destinations(settings: Settings) -> tuple[str, ...]:
    """Names of the destinations that get what no rule sends elsewhere."""
    return tuple(name for name, peer in settings.send.destinations.items() if peer.is_default)


@contextmanager
def exclusive(data_dir: Path) -> Iterator[None]:
    """Hold the data folder for one service, closed to other accounts.

    Raises
    ------
    SettingsError
        If it cannot be written, or belongs to another account.
    ServiceRunningError
        If another service holds it.
    """
    try:
        make_folder(data_dir)
        opened = tighten(data_dir)
        lock = open(data_dir / "service.lock", "a+", opener=open_private)  # noqa: PTH123, SIM115  # pathlib takes no opener
    except OSError as error:
        raise SettingsError(f"store.data_dir: {data_dir} cannot be used: {error.strerror}") from None
    if opened:
        log.warning(
            "the data folder was accessible to other accounts; its permissions are restricted now", entries=opened
        )
    with lock as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            message = f"another dicomnode service (process {file.read().strip()}) uses {data_dir}; stop it first"
            raise ServiceRunningError(message) from None
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield
