"""The catalogue: what headers say of each study and series, for listings, worklists and QIDO-RS.

Studies that were kept before get rows at once, so that every listing shows them; the scheduler reads their headers.

Revision ID: 0008
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"

_INDEXED = {
    "catalogue_studies": (
        "needs_reading", "last_received_at", "study_date", "accession_number", "patient_name_folded", "patient_id"
    ),
    "catalogue_series": ("series_instance_uid", "needs_reading"),
    "jobs": ("ended_at",),
}  # fmt: skip


def _text(name: str, length: int) -> sa.Column[str]:
    return sa.Column(name, sa.String(length=length), nullable=False, server_default="")


def _study_columns() -> list[sa.Column[str]]:
    shorter = [_text("accession_number", 64), _text("study_id", 64)]
    longer = [
        _text(name, 255)
        for name in (
            "description", "referring_physician", "referring_physician_folded", "patient_name", "patient_name_folded",
            "patient_id", "issuer",
        )
    ]  # fmt: skip
    return [*shorter, *longer, _text("sex", 16)]


def upgrade() -> None:
    """Make the tables, a row for each study and series that is kept, and the index that lists ended jobs."""
    op.create_table(
        "catalogue_studies",
        sa.Column("study_instance_uid", sa.String(length=64), nullable=False),
        sa.Column("needs_reading", sa.Boolean(), nullable=False),
        sa.Column("is_own", sa.Boolean(), nullable=False),
        sa.Column("received_at", sa.DateTime(), nullable=False),
        sa.Column("last_received_at", sa.DateTime(), nullable=False),
        sa.Column("study_date", sa.Date(), nullable=True),
        sa.Column("study_time", sa.Time(), nullable=True),
        *_study_columns(),
        sa.Column("birth_date", sa.Date(), nullable=True),
        sa.PrimaryKeyConstraint("study_instance_uid", name="pk_catalogue_studies"),
    )
    op.create_table(
        "catalogue_series",
        sa.Column("study_instance_uid", sa.String(length=64), nullable=False),
        sa.Column("series_instance_uid", sa.String(length=64), nullable=False),
        sa.Column("needs_reading", sa.Boolean(), nullable=False),
        sa.Column("is_own", sa.Boolean(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=True),
        sa.Column("performed_date", sa.Date(), nullable=True),
        sa.Column("performed_time", sa.Time(), nullable=True),
        *(_text(name, 64) for name in ("modality", "body_part", "station_name")),
        *(_text(name, 255) for name in ("description", "manufacturer", "protocol_name")),
        _text("laterality", 16),
        sa.PrimaryKeyConstraint("study_instance_uid", "series_instance_uid", name="pk_catalogue_series"),
    )
    for table, columns in _INDEXED.items():
        for column in columns:
            op.create_index(f"ix_{table}_{column}", table, [column])
    _add_rows()


def _add_rows() -> None:
    kept = "FROM instances WHERE NOT is_conflict GROUP BY study_instance_uid"
    is_own = "MIN(CASE WHEN is_own THEN 1 ELSE 0 END) = 1"
    op.execute(
        "INSERT INTO catalogue_studies "
        "(study_instance_uid, needs_reading, is_own, received_at, last_received_at) "
        f"SELECT study_instance_uid, true, {is_own}, MIN(received_at), MAX(received_at) {kept}"
    )
    op.execute(
        "INSERT INTO catalogue_series (study_instance_uid, series_instance_uid, needs_reading, is_own) "
        f"SELECT study_instance_uid, series_instance_uid, true, {is_own} {kept}, series_instance_uid"
    )


def downgrade() -> None:
    """Remove them."""
    op.drop_index("ix_jobs_ended_at", table_name="jobs")
    op.drop_table("catalogue_series")
    op.drop_table("catalogue_studies")
