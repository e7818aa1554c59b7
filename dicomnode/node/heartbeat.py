"""Renews a lease while its holder works."""

from __future__ import annotations

import threading
from collections.abc import Callable
from types import TracebackType
from typing import Self

import structlog

from dicomnode.node.frame import Failure, attempt

log = structlog.get_logger()


class Heartbeat:
    """Renews a lease in a thread of its own, from the beginning of a block to its end.

    Does: renew three times a lease; say in the log when the lease is gone; try again when the index does not answer.
    Does not: say whether the work makes progress; the supervisor looks after that.

    Parameters
    ----------
    renew
        Renews the lease and says whether it is still held.
    """

    def __init__(self, renew: Callable[[], bool], *, lease_s: float) -> None:
        self._renew = renew
        self._every_s = lease_s / 3
        self._over = threading.Event()
        self.is_lost = False
        """Whether somebody else holds what this one held."""

    def __enter__(self) -> Self:
        """Begin."""
        threading.Thread(target=self._run, name="heartbeat", daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End."""
        self._over.set()

    def _run(self) -> None:
        while not self._over.wait(self._every_s):
            is_held = attempt(self._renew)
            if isinstance(is_held, Failure):
                is_held.tell("a lease could not be renewed")
            elif not is_held and not self._over.is_set():
                self.is_lost = True
                return
