"""Versions of models, rollouts in stages, and what gateways are to run and say they run."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the change."""
    op.create_table(
        "model_version",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("machine_class", sa.String(length=128), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("version", sa.String(length=64), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("feature_hash", sa.String(length=64), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("metrics", sa.JSON(), nullable=False),
        sa.Column("parents", sa.JSON(), nullable=False),
        sa.Column("training", sa.JSON(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("target_name", sa.Text(), nullable=True),
        sa.Column("registered_by", sa.Text(), nullable=False),
        sa.Column("registered_ms", sa.BigInteger(), nullable=False),
        sa.Column("approved_by", sa.Text(), nullable=True),
        sa.Column("approved_ms", sa.BigInteger(), nullable=True),
        sa.Column("changed_ms", sa.BigInteger(), nullable=False),
        sa.Column("edition", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_model_version")),
        sa.UniqueConstraint("machine_class", "version", name=op.f("uq_model_version_machine_class_version")),
    )
    op.create_index("ix_model_version_registered_ms_id", "model_version", ["registered_ms", "id"], unique=False)
    op.create_table(
        "model_health",
        sa.Column("gateway_id", sa.String(length=600), nullable=False),
        sa.Column("machine_class", sa.String(length=128), nullable=False),
        sa.Column("version", sa.String(length=64), nullable=False),
        sa.Column("evidence", sa.JSON(), nullable=False),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["gateway_id"], ["gateway.id"], name=op.f("fk_model_health_gateway_id")),
        sa.PrimaryKeyConstraint("gateway_id", "machine_class", "version", name=op.f("pk_model_health")),
    )
    op.create_table(
        "model_report",
        sa.Column("gateway_id", sa.String(length=600), nullable=False),
        sa.Column("machine_class", sa.String(length=128), nullable=False),
        sa.Column("running", sa.Text(), nullable=True),
        sa.Column("target", sa.Text(), nullable=True),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("failed_version", sa.Text(), nullable=True),
        sa.Column("failed_error", sa.Text(), nullable=True),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["gateway_id"], ["gateway.id"], name=op.f("fk_model_report_gateway_id")),
        sa.PrimaryKeyConstraint("gateway_id", "machine_class", name=op.f("pk_model_report")),
    )
    op.create_table(
        "rollout",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("machine_class", sa.String(length=128), nullable=False),
        sa.Column("version_id", sa.String(length=64), nullable=False),
        sa.Column("previous_id", sa.String(length=64), nullable=True),
        sa.Column("open_class", sa.String(length=128), nullable=True),
        sa.Column("phase", sa.String(length=16), nullable=False),
        sa.Column("superseded_by", sa.String(length=64), nullable=True),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("started_ms", sa.BigInteger(), nullable=False),
        sa.Column("changed_ms", sa.BigInteger(), nullable=False),
        sa.Column("document", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["previous_id"], ["model_version.id"], name=op.f("fk_rollout_previous_id")),
        sa.ForeignKeyConstraint(["superseded_by"], ["rollout.id"], name=op.f("fk_rollout_superseded_by")),
        sa.ForeignKeyConstraint(["version_id"], ["model_version.id"], name=op.f("fk_rollout_version_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_rollout")),
        sa.UniqueConstraint("open_class", name=op.f("uq_rollout_open_class")),
    )
    op.create_index(op.f("ix_rollout_machine_class"), "rollout", ["machine_class"], unique=False)
    op.create_index("ix_rollout_started_ms_id", "rollout", ["started_ms", "id"], unique=False)
    op.create_table(
        "rollout_gateway",
        sa.Column("rollout_id", sa.String(length=64), nullable=False),
        sa.Column("gateway_id", sa.String(length=600), nullable=False),
        sa.Column("document", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["gateway_id"], ["gateway.id"], name=op.f("fk_rollout_gateway_gateway_id")),
        sa.ForeignKeyConstraint(["rollout_id"], ["rollout.id"], name=op.f("fk_rollout_gateway_rollout_id")),
        sa.PrimaryKeyConstraint("rollout_id", "gateway_id", name=op.f("pk_rollout_gateway")),
    )
    op.create_table(
        "wished_version",
        sa.Column("gateway_id", sa.String(length=600), nullable=False),
        sa.Column("machine_class", sa.String(length=128), nullable=False),
        sa.Column("version_id", sa.String(length=64), nullable=False),
        sa.Column("rollout_id", sa.String(length=64), nullable=False),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["gateway_id"], ["gateway.id"], name=op.f("fk_wished_version_gateway_id")),
        sa.ForeignKeyConstraint(["rollout_id"], ["rollout.id"], name=op.f("fk_wished_version_rollout_id")),
        sa.ForeignKeyConstraint(["version_id"], ["model_version.id"], name=op.f("fk_wished_version_version_id")),
        sa.PrimaryKeyConstraint("gateway_id", "machine_class", name=op.f("pk_wished_version")),
    )


def downgrade() -> None:
    """Take the change back."""
    for table in ("model_health", "model_report", "wished_version", "rollout_gateway", "rollout", "model_version"):
        op.drop_table(table)
