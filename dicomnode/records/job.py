"""Records of jobs: one revision of a study to report on."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from enum import StrEnum


class JobState(StrEnum):
    """UPS Procedure Step State (0074,1000), PS3.4 CC.1.1."""

    SCHEDULED = "SCHEDULED"
    IN_PROGRESS = "IN PROGRESS"
    COMPLETED = "COMPLETED"
    CANCELED = "CANCELED"


class Progress(StrEnum):
    """Where a job or a study stands, as listings say it."""

    RECEIVING = "receiving"
    """Instances of the study may still come."""
    NO_JOB = "no-job"
    """The study is complete, and nothing of it is read: fetched for comparison, or results only."""
    WAITING = "waiting"
    READING = "reading"
    SENDING = "sending"
    """The results exist; at least one has not reached its destination yet."""
    DELIVERED = "delivered"
    """Every destination holds all results."""
    PARTLY_DELIVERED = "partly-delivered"
    """Every destination holds some of the results, but one does not hold all."""
    DELIVERY_FAILED = "delivery-failed"
    """A destination holds none of the results, and sending was given up."""
    NOT_SENT = "not-sent"
    """The results exist; no destination is set for them."""
    FAILED = "failed"
    """Reading was given up."""
    CANCELED = "canceled"
    """An operator stopped it."""
    SUPERSEDED = "superseded"
    """The study changed before it was read; a newer job reads it."""
    REPLACED = "replaced"
    """A newer answer to the study took the place of this one."""
    WITHDRAWN = "withdrawn"
    """The results are not valid any more."""

    @property
    def words(self) -> str:
        """The state as a table shows it."""
        return self.value.replace("-", " ")


class Stage(StrEnum):
    """Where in the house a job stands."""

    TRIAGE = "triage"
    INFER = "infer"
    EXPLAIN = "explain"
    REPORT = "report"
    COMPOSE = "compose"
    SEND = "send"


class Acuity(StrEnum):
    """How soon a physician should know (IHE Results Distribution; RADLEX RID49480-2, RID50261)."""

    EMERGENT = "emergent"
    URGENT = "urgent"
    NON_CRITICAL = "non_critical"
    NON_ACTIONABLE = "non_actionable"

    @property
    def rank(self) -> int:
        """0 for the most acute."""
        return list(Acuity).index(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One revision of a study to report on."""

    id: int
    key: str
    """SHA-256 over the study, what is read of it, and the bundle digest; every result UID derives from it."""
    study_instance_uid: str
    revision: str
    """SHA-256 over the sorted SOP Instance UIDs and contents of the patient's images in the study now."""
    rule: str
    """Name of the routing rule that matched; empty where none did."""
    bundle: str | None
    """Name of the bundle that reads the study; None: no bundle applies."""
    destinations: tuple[str, ...]
    state: JobState
    stage: Stage
    acuity: Acuity | None
    """None until triage has run."""
    due_at: dt.datetime
    """UTC; the queue runs in this order."""
    attempts: int
    not_before: dt.datetime
    """UTC; back-off after a failed attempt."""
    lease_owner: str | None
    lease_until: dt.datetime | None
    """UTC; after it another worker may take the job."""
    created_at: dt.datetime
    started_at: dt.datetime | None
    """UTC of the first claim; Content Date and Time of the results."""
    ended_at: dt.datetime | None
    reason: str
    """Why it was canceled or waits again, or what of it was not delivered, as `CODE: sentence`."""
    deferrals: int = 0
    """How often in a row it was put off for want of its surroundings, which uses up no try."""
    refusal: str = ""
    """Why the planner will not have the study read; empty: it is read."""
    withdrawal: str = ""
    """Why its results are not valid any more, for example because an image was corrected; empty: they stand."""
