"""Whether all of a study has arrived: DICOM has no message that says so."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass

from dicomnode.settings import ScheduleSettings
from dicomnode.store.instances import WaitingStudy

ArchiveCount = Callable[[str], int | None]
"""Study Instance UID to Number of Study Related Instances (0020,1208); None: the archive did not say."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Waited:
    """How long a study has waited."""

    quiet_s: float
    """Since its newest instance."""
    waited_s: float
    """Since its first."""


@dataclass(frozen=True, slots=True)
class _Seen:
    """A time of a study as it was seen first: from then on a clock counts that nobody sets."""

    time: dt.datetime
    ago_s: float
    """What the wall clock said then; never less than nothing, nor more than could be."""
    at_s: float
    """Monotonic clock."""


class Stopwatch:
    """Measures how long studies wait; the wall clock, which may be set back or forward meanwhile, counts once only.

    Does: take from the wall clock how long ago something was when it is seen first, and count on from there. What the
    look before has not seen came after it, whatever the wall clock says.
    Does not: outlive its process. After a start, what was waiting waits no longer than its whole time once more.
    """

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._seen: dict[tuple[str, str], _Seen] = {}
        self._looks_s: tuple[float | None, float | None] = (None, None)  # the one before, and the last

    def waited(self, study: WaitingStudy, now: dt.datetime) -> Waited:
        """How long a study has waited by now."""
        uid = study.study_instance_uid
        return Waited(
            quiet_s=self._since(("last", uid), study.last_instance_at, now),
            waited_s=self._since(("first", uid), study.waiting_since, now),
        )

    def look(self, waiting: Collection[WaitingStudy]) -> None:
        """Take note of all studies that wait now, before any is asked for, and forget the others."""
        uids = {study.study_instance_uid for study in waiting}
        self._seen = {key: seen for key, seen in self._seen.items() if key[1] in uids}
        self._looks_s = (self._looks_s[1], self._monotonic())

    def _since(self, key: tuple[str, str], moment: dt.datetime, now: dt.datetime) -> float:
        at_s = self._monotonic()
        seen = self._seen.get(key)
        if seen is None or seen.time != moment:
            ago_s = max(0.0, (now - moment).total_seconds())
            before_s, _ = self._looks_s
            if before_s is not None:
                ago_s = min(ago_s, at_s - before_s)
            seen = self._seen[key] = _Seen(moment, ago_s, at_s)
        return seen.ago_s + at_s - seen.at_s


def is_complete(
    study: WaitingStudy,
    *,
    kept: Callable[[], int],
    archive_count: ArchiveCount | None,
    settings: ScheduleSettings,
    waited: Waited,
) -> bool:
    """Say whether the study should be read now.

    It should when its quiet timer has rung, when it has waited the longest time allowed, or when the
    archive holds just as many instances as the node and neither is still growing.
    """
    if waited.quiet_s >= settings.quiet_period_s or waited.waited_s >= settings.longest_wait_s:
        return True
    if archive_count is None or waited.quiet_s < settings.archive_quiet_s:
        return False
    return archive_count(study.study_instance_uid) == kept()
