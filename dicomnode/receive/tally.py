"""What came over one association."""

from __future__ import annotations

import time
from dataclasses import dataclass, field


@dataclass(slots=True)
class Tally:
    """Counts of one association, for the line that the log has about its end."""

    stored: int = 0
    """Instances kept."""
    duplicates: int = 0
    """Instances that the node held already."""
    refused: int = 0
    """Requests answered with a failure because of what came."""
    failed: int = 0
    """Instances that the node could not keep: disk or index."""
    received_bytes: int = 0
    """Bytes of data sets, of those that were kept or known."""
    begun_at: float = field(default_factory=time.monotonic)
    """Monotonic clock."""

    def words(self) -> dict[str, float]:
        """As the log says it; what did not happen is left out, but for `stored`."""
        counts = {
            "stored": self.stored,
            "duplicates": self.duplicates,
            "refused": self.refused,
            "failed": self.failed,
            "bytes": self.received_bytes,
        }
        return {name: count for name, count in counts.items() if count or name == "stored"} | {
            "seconds": round(time.monotonic() - self.begun_at, 1)
        }
