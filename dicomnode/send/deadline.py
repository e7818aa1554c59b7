"""A limit of time over several questions to a peer."""

from __future__ import annotations

import time

from dicomnode.errors import PeerUnreachableError
from dicomnode.settings import SendSettings


class Deadline:
    """So much time from now on, however many questions it takes."""

    def __init__(self, seconds: float) -> None:
        self._end = time.monotonic() + seconds

    @property
    def left_s(self) -> float:
        """Seconds that are left; 0 once they are over."""
        return max(0.0, self._end - time.monotonic())

    @property
    def is_over(self) -> bool:
        """Whether nothing is left."""
        return self.left_s <= 0

    def check(self, where: str) -> None:
        """Go on while there is time.

        Raises
        ------
        PeerUnreachableError
            If there is none.
        """
        if self.is_over:
            raise PeerUnreachableError(f"{where} took too long")

    def within(self, settings: SendSettings) -> SendSettings:
        """Settings whose waits are no longer than what is left."""
        left = max(0.05, self.left_s)
        return settings.model_copy(
            update={
                "connect_timeout_s": min(settings.connect_timeout_s, left),
                # An archive may be silent until the last of its sub-operations, so not as short as for one C-STORE.
                "dimse_timeout_s": left,
            }
        )
