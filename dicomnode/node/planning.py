"""Builds the planner that the settings describe."""

from __future__ import annotations

import structlog

from dicomnode.errors import NodeError
from dicomnode.infer.bundle import load_bundle
from dicomnode.node.rooms import Stores, bundle_paths, default_destinations
from dicomnode.schedule.completeness import ArchiveCount
from dicomnode.schedule.planner import Plan, Planner
from dicomnode.send.find import study_instance_count
from dicomnode.settings import Settings

log = structlog.get_logger()


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
        rules=settings.rules,
        acuity=settings.acuity,
        default_destinations=default_destinations(settings),
        bundle_digests={name: load_bundle(path).identity.digest for name, path in bundle_paths(settings).items()},
    )
    return Planner(plan, stores.instances, stores.jobs, _archive_count(settings))


def _archive_count(settings: Settings) -> ArchiveCount | None:
    if not settings.schedule.archive:
        return None
    archive = settings.send.destinations[settings.schedule.archive]

    def count(study_instance_uid: str) -> int | None:
        try:
            return study_instance_count(archive, settings.send, study_instance_uid)
        except NodeError as error:  # the quiet timer decides alone
            log.warning("the archive did not count", study=study_instance_uid, why=str(error))
            return None

    return count
