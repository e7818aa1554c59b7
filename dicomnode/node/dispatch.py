"""Which kinds of object the answer to a study consists of, and which destination gets which."""

from __future__ import annotations

from collections.abc import Mapping

from dicomnode.compose import kinds_for
from dicomnode.records import Job, ResultKind, ViewerProfile
from dicomnode.settings import Settings


def kinds_by_destination(job: Job, settings: Settings) -> dict[str, frozenset[ResultKind]]:
    """What each of the job's destinations gets; one that is no longer in the settings counts as standard."""
    known = settings.send.destinations
    profiles = {name: known[name].profile if name in known else ViewerProfile.STANDARD for name in job.destinations}
    return {name: _kinds(job, profile, settings) for name, profile in profiles.items()}


def kinds_made(
    job: Job, settings: Settings, by_destination: Mapping[str, frozenset[ResultKind]]
) -> frozenset[ResultKind]:
    """What is composed: what any destination gets; without destinations the results that stay in the data folder."""
    if not by_destination:
        return _kinds(job, ViewerProfile.STANDARD, settings)
    return frozenset(kind for kinds in by_destination.values() for kind in kinds)


def is_unmatched(job: Job) -> bool:
    """Whether no rule matches the study, or one without a bundle does: nobody meant it to be read."""
    return job.bundle is None and not job.refusal


def _kinds(job: Job, profile: ViewerProfile, settings: Settings) -> frozenset[ResultKind]:
    kinds = kinds_for([profile])
    unmatched = settings.schedule.unmatched_studies
    if not is_unmatched(job) or unmatched == "all":
        return kinds
    if unmatched == "nothing":
        return frozenset()
    # One object says that the study was not read: a text report, or a picture where the peer takes no reports.
    return kinds & {ResultKind.TEXT} or kinds & {ResultKind.SUMMARY}
