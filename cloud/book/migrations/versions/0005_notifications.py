"""The queue of messages to people: what was decided, what waits, what became of it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_TABLES = (
    "notification_item",
    "notification_escalation",
    "notification_link",
    "notification_case",
    "notification_attempt",
    "notification_position",
    "notification",
)


def upgrade() -> None:
    """Make the change."""
    op.create_table(
        "notification",
        sa.Column("key", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("target", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("why", sa.String(length=16), nullable=False),
        sa.Column("step", sa.BigInteger(), nullable=False),
        sa.Column("urgent", sa.Boolean(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.Column("due_ms", sa.BigInteger(), nullable=False),
        sa.Column("next_try_ms", sa.BigInteger(), nullable=False),
        sa.Column("tries", sa.BigInteger(), nullable=False),
        sa.Column("problem", sa.Text(), nullable=False),
        sa.Column("finished_ms", sa.BigInteger(), nullable=True),
        sa.Column("by", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_notification")),
        sa.UniqueConstraint("id", name=op.f("uq_notification_id")),
    )
    with op.batch_alter_table("notification", schema=None) as batch_op:
        batch_op.create_index(
            "ix_notification_state_target_next_try_ms", ["state", "target", "next_try_ms"], unique=False
        )
        batch_op.create_index("ix_notification_target_created_ms", ["target", "created_ms"], unique=False)
        batch_op.create_index(
            "ix_notification_target_state_finished_ms", ["target", "state", "finished_ms"], unique=False
        )

    op.create_table(
        "notification_position",
        sa.Column("name", sa.String(length=16), nullable=False),
        sa.Column("read_key", sa.BigInteger(), nullable=False),
        sa.Column("clock_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_notification_position")),
    )
    op.create_table(
        "notification_attempt",
        sa.Column("key", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("notification_key", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.Column("took_ms", sa.BigInteger(), nullable=False),
        sa.Column("outcome", sa.String(length=16), nullable=False),
        sa.Column("problem", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["notification_key"], ["notification.key"], name=op.f("fk_notification_attempt_notification_key")
        ),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_notification_attempt")),
    )
    with op.batch_alter_table("notification_attempt", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_notification_attempt_notification_key"), ["notification_key"], unique=False
        )

    op.create_table(
        "notification_case",
        sa.Column("key", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("event_key", sa.BigInteger(), nullable=False),
        sa.Column("alarm_id", sa.String(length=64), nullable=False),
        sa.Column("occurrence", sa.BigInteger(), nullable=False),
        sa.Column("cause", sa.String(length=16), nullable=False),
        sa.Column("priority", sa.String(length=16), nullable=False),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.Column("decided_ms", sa.BigInteger(), nullable=False),
        sa.Column("withheld", sa.String(length=16), nullable=True),
        sa.ForeignKeyConstraint(["alarm_id"], ["alarm.id"], name=op.f("fk_notification_case_alarm_id")),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_notification_case")),
        sa.UniqueConstraint("event_key", name=op.f("uq_notification_case_event_key")),
    )
    with op.batch_alter_table("notification_case", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_notification_case_alarm_id"), ["alarm_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_notification_case_withheld"), ["withheld"], unique=False)

    op.create_table(
        "notification_link",
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("alarm_id", sa.String(length=64), nullable=False),
        sa.Column("target", sa.String(length=64), nullable=False),
        sa.Column("used_ms", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["alarm_id"], ["alarm.id"], name=op.f("fk_notification_link_alarm_id")),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_notification_link")),
    )
    with op.batch_alter_table("notification_link", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_notification_link_alarm_id"), ["alarm_id"], unique=False)

    op.create_table(
        "notification_escalation",
        sa.Column("case_key", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("route", sa.String(length=64), nullable=False),
        sa.Column("step", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("due_ms", sa.BigInteger(), nullable=False),
        sa.Column("ended", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["case_key"], ["notification_case.key"], name=op.f("fk_notification_escalation_case_key")
        ),
        sa.PrimaryKeyConstraint("case_key", "route", "step", name=op.f("pk_notification_escalation")),
    )
    with op.batch_alter_table("notification_escalation", schema=None) as batch_op:
        batch_op.create_index("ix_notification_escalation_ended_due_ms", ["ended", "due_ms"], unique=False)

    op.create_table(
        "notification_item",
        sa.Column("case_key", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("target", sa.String(length=64), nullable=False),
        sa.Column("step", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("notification_key", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.ForeignKeyConstraint(["case_key"], ["notification_case.key"], name=op.f("fk_notification_item_case_key")),
        sa.ForeignKeyConstraint(
            ["notification_key"], ["notification.key"], name=op.f("fk_notification_item_notification_key")
        ),
        sa.PrimaryKeyConstraint("case_key", "target", "step", name=op.f("pk_notification_item")),
    )
    with op.batch_alter_table("notification_item", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_notification_item_notification_key"), ["notification_key"], unique=False)


def downgrade() -> None:
    """Take the change back."""
    for name in _TABLES:
        op.drop_table(name)
