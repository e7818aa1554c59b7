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
    """Notices that the wall clock was set forward: for a while, leases that seem over are not.

    Their holders renew them within a third of their length, and two thirds are left for it.
    """

    def __init__(self, wall: Callable[[], dt.datetime] = utc_now, monotonic: Callable[[], float] = time.monotonic):
        self._wall = wall
        self._monotonic = monotonic
        self._ahead_s: float | None = None
        self._trusted_from = monotonic()

    def may_take_over(self, lease_s: float) -> bool:
        """Whether a lease that is over by the wall clock is over."""
        elapsed_s = self._monotonic()
        ahead_s = self._wall().timestamp() - elapsed_s
        if self._ahead_s is not None and ahead_s - self._ahead_s > _TOLERANCE_S:
            log.warning("the clock was set forward", seconds=round(ahead_s - self._ahead_s, 1))
            self._trusted_from = elapsed_s + lease_s * 2 / 3
        self._ahead_s = ahead_s
        return elapsed_s >= self._trusted_from
