"""What an operator asks for once more: results sent again, a study read again."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any

from dicomnode.compose import is_for
from dicomnode.errors import PermanentError, SettingsError
from dicomnode.node.planning import build_planner
from dicomnode.node.rooms import Stores
from dicomnode.records import JobState, Stage
from dicomnode.settings import Settings
from dicomnode.store.resending import resend
from dicomnode.store.withdrawals import Withdrawals


def resend_results(
    settings: Settings, stores: Stores, job_id: int, destinations: Sequence[str], *, is_trial: bool
) -> list[dict[str, Any]]:
    """Send the results of a job again, the same objects under the same UIDs.

    Parameters
    ----------
    destinations
        Names; none: all that the job has sent to. One that it never sent to gets what its profile asks for, as far as
        it was composed.

    Returns
    -------
    list[dict[str, Any]]
        For each destination its name and how many results it gets.

    Raises
    ------
    SettingsError
        If a destination is not in the settings.
    PermanentError
        If the job has nothing to send.
    """
    known = settings.send.destinations
    for name in destinations:
        if name not in known:
            raise SettingsError(f"{name!r} is not a destination; known: {', '.join(sorted(known)) or 'none'}")
    counts = resend(
        stores.results,
        job_id,
        destinations or _destinations_still_known(settings, stores, job_id),
        lambda name, role: is_for(role, known[name].profile),
        now=dt.datetime.now(dt.UTC),
        is_trial=is_trial,
    )
    if not counts:
        raise PermanentError(f"job {job_id} was not sent anywhere; name a destination with --destination")
    return [{"destination": name, "results": count} for name, count in counts.items()]


def _destinations_still_known(settings: Settings, stores: Stores, job_id: int) -> Sequence[str]:
    """Where a job has sent to, without what is no longer in the settings: nobody would take anything there."""
    sent_to = {row["destination"] for row in stores.results.deliveries_of(job_id)} - {None}
    still = sorted(sent_to & settings.send.destinations.keys())
    if sent_to and not still:
        gone = ", ".join(sorted(sent_to))
        what = f"job {job_id} was sent only to what is no longer in the settings ({gone})"
        raise PermanentError(f"{what}; name another destination with --destination")
    return still


def reread(settings: Settings, stores: Stores, target: str, *, is_trial: bool) -> dict[str, Any]:
    """Add a job that reads a study again, with the rules and bundles as they are now.

    Its answer takes the place of the one that stands, which is withdrawn when the new one is kept, not before.

    Parameters
    ----------
    target
        Number of a job, or Study Instance UID.

    Returns
    -------
    dict[str, Any]
        `study_instance_uid`, `jobs`, one for each patient whose images the study holds (none in a trial), and
        `replaces`, the jobs whose answers stand now.

    Raises
    ------
    PermanentError
        If there is no such job or study, it is being read, or its images still arrive.
    """
    study = _study(stores, target)
    rows = stores.jobs.list(study_instance_uid=study)
    for row in rows:
        is_open = row["state"] in (JobState.SCHEDULED, JobState.IN_PROGRESS) and row["stage"] != Stage.SEND
        if is_open:
            raise PermanentError(f"the study is being read already, by job {row['id']}")
    kept = stores.instances.study(study)
    if kept is None or not stores.instances.in_study(study):
        raise PermanentError(f"no images of study {study} are kept")
    if kept.is_waiting:
        raise PermanentError("images of the study are still arriving; it will be read when it is complete")
    standing = [a.job_id for a in Withdrawals(stores.results).of_study(study) if a.stands]
    done: dict[str, Any] = {"study_instance_uid": study, "jobs": [], "replaces": standing}
    if is_trial:
        return done
    before = {row["id"] for row in rows}
    build_planner(settings, stores).plan_again(kept, after_job=max(before, default=0), now=dt.datetime.now(dt.UTC))
    new = [row["id"] for row in stores.jobs.list(study_instance_uid=study) if row["id"] not in before]
    if not new:
        raise PermanentError("images of the study have just arrived; it will be read when it is complete")
    return done | {"jobs": sorted(new)}


def _study(stores: Stores, target: str) -> str:
    """Study Instance UID of a job's number, or the UID itself."""
    if not target.isdecimal() or len(target) > 9:
        return target
    job = stores.jobs.get(int(target))
    if job is None:
        raise PermanentError(f"there is no job {target}; `dicomnode jobs list` lists the jobs")
    answer = Withdrawals(stores.results).of_job(job.id)
    if answer is not None and answer.replaced_by is not None:
        raise PermanentError(f"job {target} was replaced by job {answer.replaced_by}; reread that one, or the study")
    return job.study_instance_uid
