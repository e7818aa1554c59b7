"""How long to wait before the next try."""

from __future__ import annotations

import random

from dicomnode.settings import ScheduleSettings


def backoff_s(attempts: int, settings: ScheduleSettings) -> float:
    """Seconds to wait after `attempts` failed tries: doubling, bounded, spread by up to a quarter.

    The spread keeps a hundred jobs that failed together from coming back together.
    """
    doubled = settings.first_retry_s * 2.0 ** min(max(attempts, 1) - 1, 32)
    bounded = min(doubled, settings.longest_retry_s)
    return bounded * random.uniform(0.75, 1.0)  # noqa: S311  # nothing secret about a waiting time
