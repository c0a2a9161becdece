"""Left discord: new patterns, known patterns, forgotten patterns."""

from __future__ import annotations

import numpy as np
import pytest

from models.detectors.discord import Discord, DiscordSettings
from models.detectors.errors import DetectorError

DAY = 24
SETTINGS = DiscordSettings(block_rows=1, window_blocks=DAY, memory_blocks=20 * DAY)


def days(count, seed=0):
    """Hourly temperatures with a wave a day."""
    hours = np.arange(count * DAY)
    return (20 + 5 * np.sin(hours * 2 * np.pi / DAY) + 0.3 * np.random.default_rng(seed).standard_normal(hours.size))[
        :, None
    ]


def levels(rows):
    fitted = Discord.fit(days(10), settings=SETTINGS)
    return fitted.step(fitted.start(), rows, in_alarm=False)[1].level[:, 0]


def test_the_distance_is_that_to_the_nearest_earlier_window_by_brute_force():
    rows = np.random.default_rng(0).standard_normal((200, 2))
    fitted = Discord.fit(rows[:100], settings=SETTINGS)
    state, _ = fitted.step(fitted.start(), rows[100:], in_alarm=False)
    scaled = rows / fitted.scale
    newest = scaled[-DAY:]
    nearest = min(np.sqrt(np.mean((scaled[at : at + DAY] - newest) ** 2)) for at in range(len(scaled) - 2 * DAY + 1))
    before, scores = fitted.step(fitted.start(), rows[100:-1], in_alarm=False)
    assert np.nanmax(scores.level) < 1.0
    assert state.discords.tolist() == [*before.discords.tolist(), pytest.approx(nearest)]


def test_a_night_without_cooling_is_new_the_first_time_and_known_the_second():
    rows = days(8, seed=1)
    for first in (2 * DAY, 6 * DAY):
        rows[first : first + DAY] = 25.0
    scores = levels(rows)
    assert np.nanmax(scores[: 2 * DAY]) < 1.0
    assert scores[3 * DAY - 1] > 1.0
    assert scores[7 * DAY - 1] < scores[3 * DAY - 1] / 2


def test_what_lies_longer_back_than_its_memory_is_forgotten():
    fitted = Discord.fit(days(10), settings=SETTINGS)
    state, _ = fitted.step(fitted.start(), days(40, seed=1), in_alarm=False)
    assert (len(state.blocks), len(state.discords)) == (20 * DAY, 20 * DAY)


def test_discords_in_alarm_do_not_widen_the_threshold():
    fitted = Discord.fit(days(10), settings=SETTINGS)
    state, _ = fitted.step(fitted.start(), days(3, seed=1), in_alarm=True)
    assert state.discords.tolist() == fitted.start().discords.tolist()


def test_blocks_end_where_they_are_full_whatever_came_together():
    settings = DiscordSettings(block_rows=4, window_blocks=6, memory_blocks=200)
    fitted = Discord.fit(days(20), settings=settings)
    state, _ = fitted.step(fitted.start(), days(1, seed=1)[:3], in_alarm=False)
    _, scores = fitted.step(state, days(1, seed=2)[:10], in_alarm=False)
    assert np.flatnonzero(np.isfinite(scores.level[:, 0])).tolist() == [0, 4, 8]


def test_settings_that_contradict_each_other_are_refused():
    for wrong in ({"block_rows": 0}, {"window_blocks": 1000}, {"quantile": 1.0}, {"margin": 0.0}):
        with pytest.raises(DetectorError):
            DiscordSettings(**wrong)
