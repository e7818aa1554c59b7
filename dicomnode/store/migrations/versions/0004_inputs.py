"""What each job reads, whose it is, and which content of an instance counts.

Revision ID: 0004
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Add the tables, and record for the jobs that there are what they may have read.

    Until now what a job reads was worked out anew each time from the rules of that moment. So no more can be said of
    a job that has ended than which instances of its study there were. A job that has not ended is planned anew.
    """
    _add_columns()
    _add_tables()
    _record_inputs()
    _plan_anew()


def _add_columns() -> None:
    op.add_column("instances", sa.Column("content_state", sa.String(length=16), nullable=False, server_default=""))
    op.add_column("studies", sa.Column("patients", sa.Integer(), nullable=False, server_default="1"))
    op.add_column("jobs", sa.Column("refusal", sa.Text(), nullable=False, server_default=""))
    op.add_column("jobs", sa.Column("withdrawal", sa.Text(), nullable=False, server_default=""))
    op.execute("UPDATE instances SET content_state = 'conflict' WHERE is_conflict")


def _add_tables() -> None:
    op.create_table(
        "job_inputs",
        sa.Column("job_id", sa.Integer(), nullable=False),
        sa.Column("instance_id", sa.Integer(), nullable=False),
        sa.Column("is_read", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name="fk_job_inputs_job_id"),
        sa.ForeignKeyConstraint(["instance_id"], ["instances.id"], name="fk_job_inputs_instance_id"),
        sa.PrimaryKeyConstraint("job_id", "instance_id", name="pk_job_inputs"),
    )
    op.create_index("ix_job_inputs_instance_id", "job_inputs", ["instance_id"], unique=False)
    op.create_table(
        "job_selections",
        sa.Column("job_id", sa.Integer(), nullable=False),
        sa.Column("series", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name="fk_job_selections_job_id"),
        sa.PrimaryKeyConstraint("job_id", name="pk_job_selections"),
    )
    op.create_table(
        "corrections",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("sop_instance_uid", sa.String(length=64), nullable=False),
        sa.Column("replaced_id", sa.Integer(), nullable=False),
        sa.Column("current_id", sa.Integer(), nullable=False),
        sa.Column("made_at", sa.DateTime(), nullable=False),
        sa.Column("source", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(["replaced_id"], ["instances.id"], name="fk_corrections_replaced_id"),
        sa.ForeignKeyConstraint(["current_id"], ["instances.id"], name="fk_corrections_current_id"),
        sa.PrimaryKeyConstraint("id", name="pk_corrections"),
    )


def _record_inputs() -> None:
    op.execute(
        "INSERT INTO job_inputs (job_id, instance_id, is_read) "
        "SELECT jobs.id, instances.id, TRUE FROM jobs "
        "JOIN instances ON instances.study_instance_uid = jobs.study_instance_uid "
        "WHERE instances.received_at <= jobs.created_at "
        "AND NOT instances.is_conflict AND NOT instances.is_own AND NOT instances.is_prior"
    )


def _plan_anew() -> None:
    is_open = "state IN ('SCHEDULED', 'IN PROGRESS') AND stage != 'send'"
    op.execute(
        "UPDATE studies SET is_waiting = TRUE WHERE study_instance_uid IN "  # noqa: S608  # no word comes from outside
        f"(SELECT study_instance_uid FROM jobs WHERE {is_open})"
    )
    op.execute(
        "UPDATE jobs SET state = 'CANCELED', ended_at = created_at, lease_owner = NULL, lease_until = NULL, "  # noqa: S608
        f"reason = 'SUPERSEDED: planned anew after an upgrade' WHERE {is_open}"
    )


def downgrade() -> None:
    """Remove it."""
    for table in ("corrections", "job_selections", "job_inputs"):
        op.drop_table(table)
    op.drop_column("jobs", "withdrawal")
    op.drop_column("jobs", "refusal")
    op.drop_column("studies", "patients")
    op.drop_column("instances", "content_state")
