"""Builds the planner that the settings describe."""

from __future__ import annotations

import time
from collections.abc import Callable

import structlog

from dicomnode.errors import NodeError
from dicomnode.infer.bundle import load_bundle
from dicomnode.node.frame import Failure, attempt
from dicomnode.node.rooms import Stores, bundle_paths, default_destinations
from dicomnode.schedule.completeness import ArchiveCount
from dicomnode.schedule.planner import Plan, Planner
from dicomnode.send.find import study_instance_count
from dicomnode.settings import Settings

log = structlog.get_logger()

SILENCE_S = 60.0
"""So long an archive that did not answer is not asked again."""


def build_planner(settings: Settings, stores: Stores) -> Planner:
    """Planner over the store, with the digests of the bundles as they are now.

    Raises
    ------
    SettingsError
        If a rule names an unknown bundle.
    BundleError
        If a bundle cannot be read.
    """
    plan = Plan(
        schedule=settings.schedule,
        accepts_corrections=settings.receive.corrections == "accept",
        rules=settings.rules,
        acuity=settings.acuity,
        default_destinations=default_destinations(settings),
        bundle_digests={name: load_bundle(path).identity.digest for name, path in bundle_paths(settings).items()},
    )
    return Planner(plan, stores.instances, stores.jobs, stores.corrections, _archive_count(settings), guard=_guarded)


def _guarded(study_instance_uid: str, plan: Callable[[], bool]) -> bool:
    """Plan one study in the outermost frame: what is wrong with it must not keep the others waiting."""
    added = attempt(plan)
    if isinstance(added, Failure):
        added.tell("not scheduled, will try again", study=study_instance_uid)
        return False
    return added


def _archive_count(settings: Settings) -> ArchiveCount | None:
    return ArchiveCounter(settings) if settings.schedule.archive else None


class ArchiveCounter:
    """Asks the archive how many instances a study has.

    Does: ask at most once a study in `archive_quiet_s`, and leave an archive in peace that does not answer.
    Does not: decide anything; the quiet timer rings without it.
    """

    def __init__(self, settings: Settings) -> None:
        self._archive = settings.send.destinations[settings.schedule.archive]
        self._send = settings.send
        self._pause_s = settings.schedule.archive_quiet_s
        self._asked: dict[str, float] = {}
        self._silent_until = 0.0

    def __call__(self, study_instance_uid: str) -> int | None:
        """Number of Study Related Instances, None where the archive was not asked or did not say."""
        now = time.monotonic()
        self._asked = {uid: at for uid, at in self._asked.items() if now - at < self._pause_s}
        if now < self._silent_until or study_instance_uid in self._asked:
            return None
        self._asked[study_instance_uid] = now
        try:
            return study_instance_count(self._archive, self._send, study_instance_uid)
        except NodeError as error:
            self._silent_until = time.monotonic() + SILENCE_S
            log.warning("the archive did not report the number of instances", study=study_instance_uid, why=str(error))
            return None
