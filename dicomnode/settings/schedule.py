"""Table `[schedule]`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from dicomnode.settings.types import Seconds, Table


class ScheduleSettings(Table):
    """When a study becomes a job, and how often one is tried."""

    quiet_period_s: Seconds = 30.0
    """Seconds without a new instance, over all associations, before a study counts as complete."""
    longest_wait_s: Seconds = 900.0
    """After so long a study is read even though instances still arrive."""
    archive: str = ""
    """Destination to ask by C-FIND how many instances the study has; agreement ends the wait. Empty: none."""
    archive_quiet_s: Seconds = 5.0
    """Agreement with the archive counts only after so long without a new instance: both may be filling up."""
    mixed_patients: Literal["refuse", "split"] = "refuse"
    """A study with images of several patients: "refuse" reads none of them, "split" reads each patient's by itself."""
    tick_s: Seconds = 1.0
    """How often complete studies are looked for."""
    lease_s: Seconds = 300.0
    """A job whose worker has not renewed its lease for so long goes to another; workers renew three times a lease."""
    hung_after_s: Seconds = 900.0
    """A process whose work makes no progress for so long is ended and started again; more than the longest stage."""
    maximum_attempts: Annotated[int, Field(ge=1)] = 4
    """Tries of one stage before the study is answered "could not run", and of a delivery before it is given up."""
    first_retry_s: Seconds = 10.0
    """Wait before the second try; doubles with each further one, with jitter."""
    longest_retry_s: Seconds = 900.0
    """The wait between two tries never exceeds this."""
