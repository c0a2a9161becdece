"""Left discord: new patterns, known patterns, forgotten patterns."""

from __future__ import annotations

import numpy as np
import pytest

from models.detectors.discord import Discord, DiscordSettings
from models.detectors.errors import DetectorError

DAY = 24
SETTINGS = DiscordSettings(window_blocks=DAY, newest_blocks=8, odd_blocks=0, memory_blocks=20 * DAY)


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
    assert state.discords.tolist() == [*before.discords.tolist(), pytest.approx(nearest, rel=1e-5)]


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


def test_three_odd_hours_are_no_pattern_and_four_are_one():
    settings = DiscordSettings(window_blocks=DAY, newest_blocks=8, odd_blocks=3, memory_blocks=20 * DAY)
    fitted = Discord.fit(days(10), settings=settings)
    for hours, is_told in ((3, False), (4, True)):
        rows = days(4, seed=1)
        rows[2 * DAY : 2 * DAY + hours] += 30.0
        _, scores = fitted.step(fitted.start(), rows, in_alarm=False)
        assert (np.nanmax(scores.level) > 1.0) == is_told


def test_the_newest_part_says_when_it_is_over_and_the_whole_only_a_window_later():
    rows = days(6, seed=1)
    rows[2 * DAY : 2 * DAY + 12] = 40.0
    fitted = Discord.fit(days(10), settings=SETTINGS)
    _, scores = fitted.step(fitted.start(), rows, in_alarm=True)
    whole, newest = (np.flatnonzero(one > 1.0) for one in (scores.level[:, 0], scores.newest))
    assert whole[0] == pytest.approx(newest[0], abs=1)
    assert newest[-1] < 2 * DAY + 12 + SETTINGS.newest_blocks < whole[-1] <= 2 * DAY + 12 + DAY


def test_what_lasts_is_not_over_for_the_newest_part_before_the_whole_can_know_it():
    rows = days(8, seed=1)
    rows[2 * DAY :] += 30.0
    fitted = Discord.fit(days(10), settings=SETTINGS)
    _, scores = fitted.step(fitted.start(), rows, in_alarm=False)
    level, newest = scores.level[:, 0] > 1.0, scores.newest > 1.0
    known = 2 * DAY + 2 * DAY - 1
    assert newest[2 * DAY + 1 : known].all()
    assert level[2 * DAY + 1 : known].all()
    # A fifth of normal discords lie above the quantile that the threshold is a margin over.
    assert newest[known + SETTINGS.newest_blocks :].mean() < 0.2


def test_missing_hours_are_compared_with_nothing_and_half_of_a_window_must_be_there():
    rows = days(6, seed=1)
    rows[2 * DAY : 2 * DAY + DAY // 2] = np.nan
    scores = levels(rows)
    assert np.isfinite(scores).all()
    assert scores.max() < 1.0
    rows[2 * DAY : 3 * DAY - 8] = np.nan
    scores = levels(rows)
    assert np.isnan(scores[2 * DAY + DAY // 2 + 1 : 3 * DAY + 3]).all()
    assert np.isfinite(scores[3 * DAY + 4 :]).all()
    assert np.nanmax(scores) < 1.0


def test_settings_that_contradict_each_other_are_refused():
    for wrong in (
        *({"window_blocks": 1000}, {"newest_blocks": 37}, {"newest_blocks": 0}, {"odd_blocks": 7}),
        *({"quantile": 1.0}, {"margin": 0.0}),
    ):
        with pytest.raises(DetectorError):
            DiscordSettings(**wrong)
