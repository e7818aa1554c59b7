"""Table `[schedule]`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from dicomnode.settings.types import Seconds, Table


class ScheduleSettings(Table):
    """When a study is complete, and how often failed work is retried."""

    quiet_period_s: Seconds = 30.0
    """A study counts as complete when no image has arrived for this many seconds, on any association. Shorter: results
    come sooner, but images that arrive late cause a second, revised result. Longer: results come later."""
    longest_wait_s: Seconds = 900.0
    """Maximum wait, in seconds from the first image; then the study is read even if images are still arriving."""
    archive: str = ""
    """Name of a destination that is asked by C-FIND how many images the study has. When all of them have arrived, the
    study is complete without waiting for quiet_period_s. Empty: no query."""
    archive_quiet_s: Seconds = 5.0
    """A matching count from the archive is accepted only after this many seconds without a new image, because the
    archive itself may still be receiving the study."""
    unmatched_studies: Literal["report", "nothing", "all"] = "report"
    """What is sent for a study that no rule matches, or whose rule has no bundle. "report": one structured report that
    says the study was not read. "nothing": no objects; `dicomnode jobs list` shows the study as not applicable. "all":
    every kind of object in the destination's profile."""
    mixed_patients: Literal["refuse", "split"] = "refuse"
    """What happens when one Study Instance UID holds images of several patients. "refuse": none of them are read, and
    each patient's result says why. "split": the images of each patient are read separately."""
    tick_s: Seconds = 1.0
    """Interval between searches for complete studies, in seconds."""
    lease_s: Seconds = 300.0
    """If a worker stops renewing its claim on a job for this long, another worker takes the job. Workers renew three
    times in this period. Too short: a busy machine may run a job twice. Too long: recovery from a crash is slow."""
    hung_after_s: Seconds = 900.0
    """A process that makes no progress for this many seconds is ended and restarted. Must be longer than the slowest
    stage takes."""
    maximum_attempts: Annotated[int, Field(ge=1)] = 4
    """Number of attempts. When all have failed, a study is reported as "could not run", and a delivery as failed."""
    first_retry_s: Seconds = 10.0
    """Wait before the second attempt, in seconds. Each further wait is twice as long, with some random variation."""
    longest_retry_s: Seconds = 900.0
    """Maximum wait between two attempts, in seconds."""
