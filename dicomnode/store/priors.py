"""What the node has asked an archive for."""

from __future__ import annotations

import datetime as dt
from enum import StrEnum

import sqlalchemy as sa
from sqlalchemy.engine import Engine

from dicomnode.records import InstanceKey, Patient
from dicomnode.store.engine import read, upsert, write
from dicomnode.store.patients import patient_digest
from dicomnode.store.schema import prior_requests

GRACE = dt.timedelta(hours=1)
"""So long after our own patience has ended an archive may still deliver what we asked for."""


class Asked(StrEnum):
    """How an instance that comes as one we asked for stands to what we asked for."""

    YES = "yes"
    NO = "no"
    """Nobody here asked for its study, or long ago."""
    OTHER_PATIENT = "other_patient"
    """Its study was asked for, but of another patient."""


class PriorRequests:
    """The table of requests, which the receiver reads and the workers write.

    Does: remember for each study whose it should be and until when it may come.
    Does not: talk to archives.
    """

    def __init__(self, engine: Engine, patient_key: bytes) -> None:
        self._engine = engine
        self._patient_key = patient_key

    def add(self, study_instance_uid: str, patient: Patient, *, now: dt.datetime, timeout_s: float) -> None:
        """Expect a study from now on; several workers may ask for the same."""
        values = {
            "patient_digest": patient_digest(patient, self._patient_key),
            "open_until": now + dt.timedelta(seconds=timeout_s) + GRACE,
        }
        with write(self._engine) as connection:
            over = prior_requests.c.open_until < now
            connection.execute(sa.delete(prior_requests).where(over))
            statement = upsert(connection.dialect.name, prior_requests).values(
                study_instance_uid=study_instance_uid, **values
            )
            connection.execute(
                statement.on_conflict_do_update(index_elements=[prior_requests.c.study_instance_uid], set_=values)
            )

    def asked_for(self, key: InstanceKey) -> Asked:
        """Whether this instance belongs to a study that is expected, and to its patient."""
        is_open = prior_requests.c.open_until >= dt.datetime.now(dt.UTC)
        query = sa.select(prior_requests.c.patient_digest).where(
            (prior_requests.c.study_instance_uid == key.study_instance_uid) & is_open
        )
        with read(self._engine) as connection:
            wanted = connection.execute(query).scalar()
        if wanted is None:
            return Asked.NO
        return Asked.YES if wanted == patient_digest(key.patient, self._patient_key) else Asked.OTHER_PATIENT
