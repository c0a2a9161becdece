"""Shelving, service, suppression and latching of alarms; maintenance of machines."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the change."""
    with op.batch_alter_table("alarm", schema=None) as batch_op:
        batch_op.add_column(sa.Column("latched", sa.Boolean(), nullable=False, server_default=sa.false()))
        batch_op.add_column(sa.Column("shelving", sa.JSON(), nullable=True))
        batch_op.add_column(sa.Column("shelved_until_ms", sa.BigInteger(), nullable=True))
        batch_op.add_column(sa.Column("service", sa.JSON(), nullable=True))
        batch_op.add_column(sa.Column("suppression", sa.JSON(), nullable=True))
        batch_op.create_index(batch_op.f("ix_alarm_shelved_until_ms"), ["shelved_until_ms"], unique=False)
    with op.batch_alter_table("machine", schema=None) as batch_op:
        batch_op.add_column(sa.Column("maintenance", sa.JSON(), nullable=True))
        batch_op.add_column(sa.Column("maintained_until_ms", sa.BigInteger(), nullable=True))
        batch_op.create_index(batch_op.f("ix_machine_maintained_until_ms"), ["maintained_until_ms"], unique=False)


def downgrade() -> None:
    """Take the change back."""
    with op.batch_alter_table("machine", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_machine_maintained_until_ms"))
        batch_op.drop_column("maintained_until_ms")
        batch_op.drop_column("maintenance")
    with op.batch_alter_table("alarm", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_alarm_shelved_until_ms"))
        for name in ("suppression", "service", "shelved_until_ms", "shelving", "latched"):
            batch_op.drop_column(name)
