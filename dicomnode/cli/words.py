"""What has become of jobs and alerts, in words."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping
from typing import Any

from dicomnode.errors import NodeError
from dicomnode.records import Outcome, Progress

_PARTLY = "PARTLY DELIVERED: "


def _codes(of: type[NodeError]) -> set[str]:
    return {of.code}.union(*(_codes(below) for below in of.__subclasses__()))


_WORDS = {"QUARANTINED", "CANCELED", "SUPERSEDED", "WITHDRAWN", "INTERNAL_ERROR"}
_NAMES = _codes(NodeError) | _WORDS
_FIRST = re.compile(rf"(?:(?:{'|'.join(sorted(_NAMES))}): )+")
"""Names of reasons, which are for programs."""
_FURTHER = re.compile(rf"(?<=: )(?:{'|'.join(sorted(name for name in _NAMES if '_' in name))}): ")
"""Those that cannot well be the name of a destination."""
_READ = (Progress.DELIVERED, Progress.PARTLY_DELIVERED, Progress.SENDING, Progress.NOT_SENT)
"""Where a job stands whose reason is what the reading said."""
_DELIVERIES = {"WAITING": "waiting", "HELD": "delivered", "FAILED": "failed", "CANCELED": "canceled"}
_OUTCOMES = {
    Outcome.FINDINGS: "findings",
    Outcome.NOTHING_FOUND: "nothing found",
    Outcome.UNDETERMINED: "undetermined",
    Outcome.NOT_APPLICABLE: "not applicable",
    Outcome.NOT_JUDGED: "not judged",
    Outcome.COULD_NOT_RUN: "could not run",
}


def without_codes(reason: str) -> str:
    """A reason as a sentence: `QUARANTINED: pacs: PEER_UNREACHABLE: no answer` reads `pacs: no answer`."""
    first = _FIRST.match(reason)
    return _FURTHER.sub("", reason[first.end() :] if first else reason)


def state_of(job: Mapping[str, Any], *, now: dt.datetime) -> str:
    """Where a job stands, and why it waits or what went wrong."""
    progress: Progress = job["progress"]
    why = _why(job, progress, now)
    return f"{progress.words}: {why}" if why else progress.words


def _why(job: Mapping[str, Any], progress: Progress, now: dt.datetime) -> str:
    reason: str = job["reason"]
    if progress is Progress.SENDING:
        return "; ".join(_held_up(one, now) for one in job["waits_for"] if one["reason"])
    if progress is Progress.WAITING:
        return _with_next(without_codes(reason), job["not_before"], now)
    if progress is Progress.PARTLY_DELIVERED:
        return without_codes(reason.partition(_PARTLY)[2])
    if progress is Progress.REPLACED:
        return f"by job {job['replaced_by']}"
    if progress is Progress.WITHDRAWN:
        return str(job["withdrawal"])
    if progress in (Progress.DELIVERED, Progress.READING, Progress.NOT_SENT):
        return ""
    return without_codes(reason)


def _held_up(waiting: Mapping[str, Any], now: dt.datetime) -> str:
    return f"{waiting['destination']}: {_with_next(without_codes(waiting['reason']), waiting['not_before'], now)}"


def _with_next(reason: str, not_before: dt.datetime, now: dt.datetime) -> str:
    if not_before <= now:
        return reason
    at = f"next attempt {not_before.astimezone():%H:%M:%S}"
    return f"{reason}; {at}" if reason else at


def result_of(job: Mapping[str, Any]) -> str:
    """What came of a job, how urgent it is, and why there is no finding."""
    if not job["outcome"]:
        return (job["acuity"] or "").replace("_", " ")
    outcome = Outcome(job["outcome"])
    told = _OUTCOMES[outcome]
    if outcome is Outcome.FINDINGS and job["acuity"]:
        return f"{told}, {job['acuity'].replace('_', ' ')}"
    why = without_codes(job["reason"].partition(_PARTLY)[0].removesuffix("; "))
    return f"{told}: {why}" if why and job["progress"] in _READ else told


def delivery_of(row: Mapping[str, Any], *, is_canceled: bool = False) -> dict[str, Any]:
    """One result at one destination: HELD of the index means that the destination holds it.

    What is kept as waiting does not wait once its job is canceled; `jobs retry` sends it.
    """
    if is_canceled and row["state"] == "WAITING":
        return {**row, "state": _DELIVERIES["CANCELED"]}
    state = _DELIVERIES.get(row["state"] or "", "no destination")
    why = without_codes(row["reason"] or "")
    return {**row, "state": f"{state}: {why}" if why else state}


def alert_of(row: Mapping[str, Any]) -> str:
    """Where an alert stands, and why it waits or was given up."""
    state = str(row["state"]).lower()
    why = without_codes(row["reason"])
    return f"{state}: {why}" if why else state
