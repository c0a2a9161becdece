"""A slow series outside its labelled windows: what is over ends its alarm, and what lasts does not."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from models.detectors.discord import DiscordSettings
from models.training.evaluation import healthy_stretches, nab

DAY_ROWS = 288
DAYS, BEGINS_DAY = 16, 12
WHOLE_WINDOW_BLOCKS = 36


def judged(folder, change):
    """Return the stretch of a made-up temperature that changes so from day 12 on, labelled where nothing happens."""
    rng = np.random.default_rng(3)
    day = np.arange(DAYS * DAY_ROWS) / DAY_ROWS
    values = 60.0 + 4.0 * np.sin(2.0 * np.pi * day) + rng.normal(0.0, 0.5, len(day))
    values[BEGINS_DAY * DAY_ROWS :] += change(day[BEGINS_DAY * DAY_ROWS :] - BEGINS_DAY, rng)
    begin = datetime(2024, 1, 1, tzinfo=UTC).replace(tzinfo=None)
    stamps = [str(begin + timedelta(minutes=5 * row)) for row in range(len(values))]
    lines = [f"{stamp},{value:.3f}" for stamp, value in zip(stamps, values, strict=True)]
    (folder / nab.SERIES).write_text("timestamp,value\n" + "\n".join(lines) + "\n", encoding="utf-8")
    quiet = [stamps[5 * DAY_ROWS], stamps[6 * DAY_ROWS]]
    (folder / nab.LABELS).write_text(json.dumps({nab.SERIES: {"windows": [quiet]}}), encoding="utf-8")
    return [
        healthy_stretches.of_nab(folder, DiscordSettings(newest_blocks=blocks))[0]
        for blocks in (DiscordSettings().newest_blocks, WHOLE_WINDOW_BLOCKS)
    ]


def test_an_excursion_of_six_hours_is_one_alarm_that_ends_within_a_day_of_it(tmp_path):
    ours, whole = judged(tmp_path, lambda day, _: 20.0 * np.sin(4.0 * np.pi * np.minimum(day, 0.25)))
    assert ours.alarms == whole.alarms == 1
    assert ours.alarmed_s < 18 * 3_600.0 < whole.alarmed_s


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda day, _: 6.0 * day, id="growing"),
        pytest.param(
            lambda day, rng: rng.choice([8.0, 12.0, 16.0], len(day)) * np.sin(10 * np.pi * day), id="restless"
        ),
        pytest.param(lambda day, _: np.full(len(day), 20.0), id="another level"),
    ],
)
def test_what_lasts_stands_as_long_as_the_whole_window_would_have_kept_it(tmp_path, change):
    ours, whole = judged(tmp_path, change)
    assert ours.alarms == 1
    # Not sooner; later at most by the newest part, half a day, in which a chance pattern may keep it up.
    assert -6 * 3_600.0 <= ours.alarmed_s - whole.alarmed_s <= 12 * 3_600.0
    assert ours.alarmed_s > 2 * 86_400.0
