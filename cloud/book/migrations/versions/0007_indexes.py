"""Indexes for years of alarms: by time, and the end of a long timeline."""

from __future__ import annotations

from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the change."""
    op.create_index("ix_alarm_occurrence_since_ms", "alarm_occurrence", ["since_ms"])
    op.create_index("ix_alarm_report_machine_id_end_ms", "alarm_report", ["machine_id", "end_ms"])
    op.create_index("ix_alarm_event_alarm_id_at_ms", "alarm_event", ["alarm_id", "at_ms"])
    # The longer one answers what it answered.
    op.drop_index("ix_alarm_event_alarm_id", "alarm_event")


def downgrade() -> None:
    """Take the change back."""
    op.create_index("ix_alarm_event_alarm_id", "alarm_event", ["alarm_id"])
    op.drop_index("ix_alarm_event_alarm_id_at_ms", "alarm_event")
    op.drop_index("ix_alarm_report_machine_id_end_ms", "alarm_report")
    op.drop_index("ix_alarm_occurrence_since_ms", "alarm_occurrence")
