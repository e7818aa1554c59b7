"""Answers: what every UID of a job's results derives from, and which of a study's answers stand; retracted alerts.

Revision ID: 0007
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0005"


def upgrade() -> None:
    """Make the table of answers, note those there are, and let an alert retract another one."""
    op.create_table(
        "answers",
        sa.Column("job_id", sa.Integer(), nullable=False),
        sa.Column("key", sa.String(length=64), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("withdrawn_at", sa.DateTime(), nullable=True),
        sa.Column("withdrawal", sa.String(length=16), nullable=True),
        sa.Column("replaced_by", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name="fk_answers_job_id"),
        sa.ForeignKeyConstraint(["replaced_by"], ["jobs.id"], name="fk_answers_replaced_by"),
        sa.PrimaryKeyConstraint("job_id", name="pk_answers"),
    )
    # Until now UIDs derived from the job key, and every revision stood.
    op.execute(
        "INSERT INTO answers (job_id, key, number) SELECT id, key, "
        "(SELECT count(*) FROM jobs AS earlier WHERE earlier.study_instance_uid = jobs.study_instance_uid "
        "AND earlier.id <= jobs.id AND EXISTS (SELECT 1 FROM results WHERE results.job_id = earlier.id)) "
        "FROM jobs WHERE EXISTS (SELECT 1 FROM results WHERE results.job_id = jobs.id)"
    )
    with op.batch_alter_table("alerts") as batch:
        batch.add_column(sa.Column("retracts", sa.Integer(), nullable=False, server_default="0"))
        batch.drop_constraint("uq_alerts_job_id", type_="unique")
    is_no_retraction = sa.text("retracts = 0")
    op.create_index(
        "ix_alerts_once",
        "alerts",
        ["job_id", "channel"],
        unique=True,
        sqlite_where=is_no_retraction,
        postgresql_where=is_no_retraction,
    )


def downgrade() -> None:
    """Remove it."""
    op.execute("DELETE FROM alerts WHERE retracts <> 0")
    op.drop_index("ix_alerts_once", table_name="alerts")
    with op.batch_alter_table("alerts") as batch:
        batch.create_unique_constraint("uq_alerts_job_id", ["job_id", "channel"])
        batch.drop_column("retracts")
    op.drop_table("answers")
