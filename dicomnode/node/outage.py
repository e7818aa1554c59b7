"""One way out that does not work now, told once and not for every object and try."""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Over:
    """An outage that has ended."""

    seconds: float
    """From the first failure to the first success."""
    waited: int
    """Objects that could not be sent at once."""


class Outage:
    """Remembers since when a peer takes nothing, why, and what waits for it.

    Does: say which failures are news; one whose reason was told already is none.
    Does not: outlive its process; a new one tells of the outage once more.
    """

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._since_s: float | None = None
        self._told: set[str] = set()
        self._waiting: set[Hashable] = set()

    def note(self, item: Hashable, why: str) -> bool:
        """Note a failure, and say whether it is news."""
        if self._since_s is None:
            self._since_s = self._monotonic()
        self._waiting.add(item)
        is_news = why not in self._told
        self._told.add(why)
        return is_news

    def end(self) -> Over | None:
        """Note a success; what has ended with it, or None."""
        if self._since_s is None:
            return None
        over = Over(seconds=round(self._monotonic() - self._since_s, 1), waited=len(self._waiting))
        self._since_s = None
        self._told.clear()
        self._waiting.clear()
        return over
