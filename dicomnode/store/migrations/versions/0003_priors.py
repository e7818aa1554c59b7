"""Earlier studies: whose an instance is, whether we fetched it, and what we asked for.

Revision ID: 0003
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Add what earlier studies are found and recognised by."""
    op.add_column("instances", sa.Column("is_prior", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.add_column("instances", sa.Column("patient_digest", sa.String(length=64), nullable=False, server_default=""))
    op.create_index("ix_instances_patient_digest", "instances", ["patient_digest"], unique=False)
    op.create_table(
        "prior_requests",
        sa.Column("study_instance_uid", sa.String(length=64), nullable=False),
        sa.Column("patient_digest", sa.String(length=64), nullable=False),
        sa.Column("open_until", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("study_instance_uid", name="pk_prior_requests"),
    )


def downgrade() -> None:
    """Remove it."""
    op.drop_table("prior_requests")
    op.drop_index("ix_instances_patient_digest", table_name="instances")
    op.drop_column("instances", "patient_digest")
    op.drop_column("instances", "is_prior")
