"""What tests of trend stores share."""

from __future__ import annotations

from cloud.configuration import RetentionSettings

FOR_GOOD = RetentionSettings(summary_days=30_000, minute_days=30_000, hour_days=30_000, reading_days=30_000)
"""The examples lie in 2025, and InfluxDB measures age by the clock on the wall."""
