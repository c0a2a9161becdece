"""What people want of gateways, and what they say of machines: place, criticality, advice, suppression by design."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the change."""
    op.create_table(
        "moment_request",
        sa.Column("key", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("alarm_id", sa.String(length=64), nullable=False),
        sa.Column("machine_id", sa.String(length=64), nullable=False),
        sa.Column("edge_id", sa.String(length=64), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("asked_ms", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("answered_ms", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["alarm_id"], ["alarm.id"], name=op.f("fk_moment_request_alarm_id")),
        sa.ForeignKeyConstraint(["machine_id"], ["machine.id"], name=op.f("fk_moment_request_machine_id")),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_moment_request")),
    )
    for column in ("alarm_id", "edge_id", "state"):
        op.create_index(op.f(f"ix_moment_request_{column}"), "moment_request", [column], unique=False)
    op.create_table(
        "relearning",
        sa.Column("machine_id", sa.String(length=64), nullable=False),
        sa.Column("since_ms", sa.BigInteger(), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("done_ms", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["machine_id"], ["machine.id"], name=op.f("fk_relearning_machine_id")),
        sa.PrimaryKeyConstraint("machine_id", name=op.f("pk_relearning")),
    )
    op.create_index(op.f("ix_relearning_done_ms"), "relearning", ["done_ms"], unique=False)
    with op.batch_alter_table("evidence", schema=None) as batch_op:
        batch_op.add_column(sa.Column("is_moment", sa.Boolean(), server_default=sa.false(), nullable=False))
    op.create_table(
        "advice",
        sa.Column("machine_class", sa.String(length=128), nullable=False),
        sa.Column("label", sa.String(length=32), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("machine_class", "label", name=op.f("pk_advice")),
    )
    with op.batch_alter_table("machine", schema=None) as batch_op:
        batch_op.add_column(sa.Column("edition", sa.BigInteger(), server_default="0", nullable=False))
        batch_op.add_column(sa.Column("suppressed_in", sa.JSON(none_as_null=True), nullable=True))
        batch_op.add_column(sa.Column("design", sa.JSON(none_as_null=True), nullable=True))


def downgrade() -> None:
    """Take the change back."""
    with op.batch_alter_table("machine", schema=None) as batch_op:
        for column in ("design", "suppressed_in", "edition"):
            batch_op.drop_column(column)
    op.drop_table("advice")
    with op.batch_alter_table("evidence", schema=None) as batch_op:
        batch_op.drop_column("is_moment")
    op.drop_table("relearning")
    op.drop_table("moment_request")
