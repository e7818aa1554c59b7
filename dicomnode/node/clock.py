"""The wall clock, and whether it was set."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Callable

import structlog

log = structlog.get_logger()

_TOLERANCE_S = 2.0
"""By so much the wall clock may run ahead of the monotonic one between two looks; time servers shift it by less."""


def utc_now() -> dt.datetime:
    """Now, aware."""
    return dt.datetime.now(dt.UTC)


class ClockWatch:
    """Notices that the wall clock was set forward, so that nothing is over only because of that.

    For a while, leases that seem over are not: their holders renew them within a third of their length, and two thirds
    are left for it. The time that was skipped does not count as waiting either.
    """

    def __init__(self, wall: Callable[[], dt.datetime] = utc_now, monotonic: Callable[[], float] = time.monotonic):
        self._wall = wall
        self._monotonic = monotonic
        self._ahead_s: float | None = None
        self._set_at_s: float | None = None
        self._skipped: list[tuple[dt.datetime, float]] = []
        """What the clock said before it was set forward, and by how many seconds it was."""

    def may_take_over(self, lease_s: float) -> bool:
        """Whether a lease that is over by the wall clock is over."""
        self._look()
        return self._set_at_s is None or self._monotonic() >= self._set_at_s + lease_s * 2 / 3

    def seconds_since(self, moment: dt.datetime) -> float:
        """How long ago a moment was, without what the clock has skipped since, as far as it was watched."""
        now = self._look()
        skipped_s = sum(seconds for before, seconds in self._skipped if moment <= before)
        return (now - moment).total_seconds() - skipped_s

    def _look(self) -> dt.datetime:
        """The wall clock now; whether it was set forward since the last look is noted."""
        elapsed_s, now = self._monotonic(), self._wall()
        ahead_s = now.timestamp() - elapsed_s
        by_s = 0.0 if self._ahead_s is None else ahead_s - self._ahead_s
        self._ahead_s = ahead_s
        if by_s > _TOLERANCE_S:
            log.warning("the clock was set forward", seconds=round(by_s, 1))
            self._skipped.append((now - dt.timedelta(seconds=by_s), by_s))
            self._set_at_s = elapsed_s
        return now
