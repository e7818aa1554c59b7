"""The tables. Migrations in `migrations/versions` make them; a test holds the two together."""

from __future__ import annotations

import datetime as dt
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Date,
    DateTime,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    Time,
    UniqueConstraint,
    false,
    text,
)
from sqlalchemy.engine import Dialect
from sqlalchemy.types import JSON, TypeDecorator

UID = String(64)


class UTCDateTime(TypeDecorator[dt.datetime]):
    """An aware UTC time, kept as naive UTC since SQLite knows no zones."""

    impl = DateTime
    cache_ok = True

    def process_bind_param(self, value: dt.datetime | None, dialect: Dialect) -> Any:
        """Drop the zone on the way in."""
        return None if value is None else value.astimezone(dt.UTC).replace(tzinfo=None)

    def process_result_value(self, value: Any, dialect: Dialect) -> dt.datetime | None:
        """Put the zone back on the way out."""
        return None if value is None else value.replace(tzinfo=dt.UTC)


metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_name)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)

instances = Table(
    "instances",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("sop_instance_uid", UID, nullable=False),
    Column("digest", String(64), nullable=False),
    Column("study_instance_uid", UID, nullable=False, index=True),
    Column("series_instance_uid", UID, nullable=False),
    Column("sop_class_uid", UID, nullable=False),
    Column("transfer_syntax_uid", UID, nullable=False),
    Column("modality", String(64), nullable=False),
    Column("is_own", Boolean, nullable=False),
    Column("is_conflict", Boolean, nullable=False),
    Column("path", String(255), nullable=False),
    Column("size_bytes", BigInteger, nullable=False),
    Column("calling_ae_title", String(64), nullable=False),
    Column("received_at", UTCDateTime, nullable=False),
    Column("is_prior", Boolean, nullable=False, server_default=false()),
    Column("patient_digest", String(64), nullable=False, server_default="", index=True),
    Column("content_state", String(16), nullable=False, server_default=""),
    UniqueConstraint("sop_instance_uid", "digest"),
)
# One content is the instance, any other is a conflict beside it: held by the database, whoever comes first.
Index(
    "ix_instances_first_content",
    instances.c.sop_instance_uid,
    unique=True,
    sqlite_where=text("NOT is_conflict"),
    postgresql_where=text("NOT is_conflict"),
)

studies = Table(
    "studies",
    metadata,
    Column("study_instance_uid", UID, primary_key=True),
    Column("is_waiting", Boolean, nullable=False, index=True),
    Column("waiting_since", UTCDateTime, nullable=False),
    Column("last_instance_at", UTCDateTime, nullable=False),
    Column("revision", String(64), nullable=False),
    Column("patients", Integer, nullable=False, server_default="1"),
)

# What headers say of each study and its patient, from the first of its instances that counts. Rows of instances that
# were kept before there was a catalogue, or have been corrected since, are empty until the scheduler reads them again.
catalogue_studies = Table(
    "catalogue_studies",
    metadata,
    Column("study_instance_uid", UID, primary_key=True),
    Column("needs_reading", Boolean, nullable=False, index=True),
    Column("is_own", Boolean, nullable=False),  # said by a result of ours: an image knows better
    Column("received_at", UTCDateTime, nullable=False),
    Column("last_received_at", UTCDateTime, nullable=False, index=True),
    Column("study_date", Date, index=True),
    Column("study_time", Time),
    Column("accession_number", String(64), nullable=False, server_default="", index=True),
    Column("study_id", String(64), nullable=False, server_default=""),
    Column("description", String(255), nullable=False, server_default=""),
    Column("referring_physician", String(255), nullable=False, server_default=""),
    Column("referring_physician_folded", String(255), nullable=False, server_default=""),
    Column("patient_name", String(255), nullable=False, server_default=""),
    Column("patient_name_folded", String(255), nullable=False, server_default="", index=True),
    Column("patient_id", String(255), nullable=False, server_default="", index=True),
    Column("issuer", String(255), nullable=False, server_default=""),
    Column("birth_date", Date),
    Column("sex", String(16), nullable=False, server_default=""),
)

catalogue_series = Table(
    "catalogue_series",
    metadata,
    Column("study_instance_uid", UID, primary_key=True),
    Column("series_instance_uid", UID, primary_key=True, index=True),
    Column("needs_reading", Boolean, nullable=False, index=True),
    Column("is_own", Boolean, nullable=False),
    Column("modality", String(64), nullable=False, server_default=""),
    Column("number", Integer),
    Column("description", String(255), nullable=False, server_default=""),
    Column("body_part", String(64), nullable=False, server_default=""),
    Column("laterality", String(16), nullable=False, server_default=""),
    Column("manufacturer", String(255), nullable=False, server_default=""),
    Column("station_name", String(64), nullable=False, server_default=""),
    Column("protocol_name", String(255), nullable=False, server_default=""),
    Column("performed_date", Date),
    Column("performed_time", Time),
)

# What we asked an archive for: by this the receiver knows what we fetched from what somebody sends us.
prior_requests = Table(
    "prior_requests",
    metadata,
    Column("study_instance_uid", UID, primary_key=True),
    Column("patient_digest", String(64), nullable=False),
    Column("open_until", UTCDateTime, nullable=False),
)

jobs = Table(
    "jobs",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("key", String(64), nullable=False, unique=True),
    Column("study_instance_uid", UID, nullable=False, index=True),
    Column("revision", String(64), nullable=False),
    Column("rule", String(255), nullable=False),
    Column("bundle", String(255)),
    Column("destinations", JSON, nullable=False),
    Column("state", String(16), nullable=False, index=True),
    Column("stage", String(16), nullable=False),
    Column("acuity", String(16)),
    Column("outcome", String(16)),
    Column("due_at", UTCDateTime, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("not_before", UTCDateTime, nullable=False),
    Column("lease_owner", String(255)),
    Column("lease_until", UTCDateTime),
    Column("created_at", UTCDateTime, nullable=False),
    Column("started_at", UTCDateTime),
    Column("ended_at", UTCDateTime, index=True),
    Column("reason", Text, nullable=False),
    Column("deferrals", Integer, nullable=False, server_default="0"),
    Column("refusal", Text, nullable=False, server_default=""),
    Column("withdrawal", Text, nullable=False, server_default=""),
)

# What a job was made for: all instances of its patient in the study, those among them marked that it reads.
job_inputs = Table(
    "job_inputs",
    metadata,
    Column("job_id", ForeignKey("jobs.id"), primary_key=True),
    Column("instance_id", ForeignKey("instances.id"), primary_key=True, index=True),
    Column("is_read", Boolean, nullable=False),
)

job_selections = Table(
    "job_selections",
    metadata,
    Column("job_id", ForeignKey("jobs.id"), primary_key=True),
    Column("series", JSON, nullable=False),
)

# The audit of corrections: which content took whose place under one SOP Instance UID, when, and on whose word.
corrections = Table(
    "corrections",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("sop_instance_uid", UID, nullable=False),
    Column("replaced_id", ForeignKey("instances.id"), nullable=False),
    Column("current_id", ForeignKey("instances.id"), nullable=False),
    Column("made_at", UTCDateTime, nullable=False),
    Column("source", String(64), nullable=False),
)

results = Table(
    "results",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("job_id", ForeignKey("jobs.id"), nullable=False, index=True),
    Column("role", String(64), nullable=False),
    Column("sop_instance_uid", UID, nullable=False, unique=True),
    Column("sop_class_uid", UID, nullable=False),
    Column("series_instance_uid", UID, nullable=False),
    Column("path", String(255), nullable=False),
)

# What came of a job: the root of its results' UIDs, and whether it still stands.
answers = Table(
    "answers",
    metadata,
    Column("job_id", ForeignKey("jobs.id"), primary_key=True),
    Column("key", String(64), nullable=False),
    Column("number", Integer, nullable=False),
    Column("withdrawn_at", UTCDateTime),
    Column("withdrawal", String(16)),
    Column("replaced_by", ForeignKey("jobs.id")),
)

deliveries = Table(
    "deliveries",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("job_id", ForeignKey("jobs.id"), nullable=False, index=True),
    Column("result_id", ForeignKey("results.id"), nullable=False),
    Column("destination", String(255), nullable=False),
    Column("state", String(16), nullable=False, index=True),
    Column("priority", Integer, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("not_before", UTCDateTime, nullable=False),
    Column("lease_owner", String(255)),
    Column("lease_until", UTCDateTime),
    Column("created_at", UTCDateTime, nullable=False),
    Column("ended_at", UTCDateTime),
    Column("reason", Text, nullable=False),
    UniqueConstraint("result_id", "destination"),
)

alerts = Table(
    "alerts",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("job_id", ForeignKey("jobs.id"), nullable=False),
    Column("channel", String(255), nullable=False),
    Column("control_id", String(20), nullable=False, unique=True),
    Column("content", JSON, nullable=False),
    Column("state", String(16), nullable=False, index=True),
    Column("attempts", Integer, nullable=False),
    Column("not_before", UTCDateTime, nullable=False),
    Column("lease_owner", String(255)),
    Column("lease_until", UTCDateTime),
    Column("created_at", UTCDateTime, nullable=False),
    Column("waiting_since", UTCDateTime, nullable=False),
    Column("sent_at", UTCDateTime),
    Column("acknowledged_at", UTCDateTime),
    Column("reason", Text, nullable=False),
    # Number of the alert that this one takes back; 0: it takes none back.
    Column("retracts", Integer, nullable=False, server_default="0"),
)
# A job tells a channel once; what it told may be taken back bit by bit.
Index(
    "ix_alerts_once",
    alerts.c.job_id,
    alerts.c.channel,
    unique=True,
    sqlite_where=text("retracts = 0"),
    postgresql_where=text("retracts = 0"),
)
