"""How long a trend has until its limit: closed forms, what must not matter, and what is no trend."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.prognosis.errors import TrendError
from models.prognosis.forecast import HORIZON_SPANS, LEAST_POINTS, Reason, forecast

HOURS = np.arange(480.0)
LIMIT = 3.0


def _rise(onset=200.0, left=200.0, sigma=0.05, seed=1):
    """Return hours that rise from 1.0 to the limit, which is reached so many hours after the last one."""
    clean = 1.0 + 2.0 * np.maximum(HOURS - onset, 0.0) / (HOURS[-1] + left - onset)
    return clean + sigma * np.random.default_rng(seed).standard_normal(len(HOURS))


@pytest.mark.parametrize("left", [50.0, 100.0, 200.0, 300.0])
def test_a_straight_line_with_known_noise_reaches_its_limit_in_the_known_time(left):
    told = forecast(HOURS, _rise(left=left), LIMIT)
    assert told.reason is Reason.RISING
    assert told.low_s < left < told.high_s
    # Other courses explain as much as was seen of it nearly as well: they pull the median, the more the less was seen.
    assert told.median_s == pytest.approx(left, rel=0.35)


@pytest.mark.parametrize("onset", [120.0, 200.0, 280.0])
def test_it_knows_since_when_it_rises(onset):
    # Points are seven and a half hours, onsets are tried at every second or third of them.
    assert forecast(HOURS, _rise(onset, sigma=0.02), LIMIT).onset_s == pytest.approx(onset, abs=40.0)


def test_an_exponential_is_known_for_one_where_enough_of_it_was_seen():
    # e to the 1.1 in 480 hours: ln 3 is reached at hour 480 / 1.1 * ln(3) = 479.4, of which 400 are seen.
    hours = HOURS[:400]
    values = np.exp(1.1 * hours / 480.0) * np.exp(0.01 * np.random.default_rng(2).standard_normal(400))
    told = forecast(hours, values, LIMIT)
    assert told.low_s < 480.0 / 1.1 * math.log(3.0) - hours[-1] < told.high_s


@given(
    scale=st.floats(1e-6, 1e6),
    stretch=st.floats(1.0, 1e6),
    shift=st.floats(-1e9, 1e9),
    seed=st.integers(0, 5),
)
@settings(max_examples=25, deadline=None, derandomize=True)
def test_units_of_values_and_of_time_and_the_calendar_change_nothing(scale, stretch, shift, seed):
    values = _rise(seed=seed)
    told = forecast(HOURS, values, LIMIT)
    other = forecast(shift + stretch * HOURS, scale * values, scale * LIMIT)
    assert other.reason is told.reason
    # Rounding moves which of 2,000 draws stands for which explanation, and so the quantiles by a draw or two.
    for one, same in ((told.low_s, other.low_s), (told.median_s, other.median_s), (told.high_s, other.high_s)):
        assert same / stretch == pytest.approx(one, rel=0.02)


def test_the_same_record_always_says_the_same_in_any_order_and_with_holes_marked():
    values = _rise()
    order = np.random.default_rng(0).permutation(len(HOURS))
    holes = np.append(HOURS[order], [500.0, np.nan]), np.append(values[order], [np.nan, 9.0])
    assert forecast(*holes, LIMIT) == forecast(HOURS, values, LIMIT)


def test_more_noise_does_not_make_the_interval_narrower_on_average():
    def width(sigma):
        told = [forecast(HOURS, _rise(sigma=sigma, seed=seed), LIMIT) for seed in range(12)]
        return np.mean([math.log(one.high_s / one.low_s) for one in told if one.is_number and one.low_s > 0])

    assert width(0.02) < width(0.1) < width(0.3)


@given(st.integers(0, 10_000))
@settings(max_examples=60, deadline=None, derandomize=True)
def test_a_flat_trend_never_gives_a_number(seed):
    # Sixty records, the same ones in every run: evidence of twenty to one would allow three of them.
    values = 1.0 + 0.1 * np.random.default_rng(seed).standard_normal(len(HOURS))
    assert not forecast(HOURS, values, LIMIT).is_number


def test_a_constant_is_flat():
    assert forecast(HOURS, np.full(len(HOURS), 1.5), LIMIT).reason is Reason.FLAT


def test_what_goes_down_is_falling():
    assert forecast(HOURS, 2.0 - (_rise() - 1.0), LIMIT).reason is Reason.FALLING


def test_a_step_to_a_new_level_is_no_trend():
    values = np.where(HOURS < 300, 1.0, 1.8) + 0.05 * np.random.default_rng(4).standard_normal(len(HOURS))
    assert forecast(HOURS, values, LIMIT).reason is Reason.FLAT


def test_single_knocks_are_no_trend_and_no_level():
    values = 1.0 + 0.05 * np.random.default_rng(5).standard_normal(len(HOURS))
    values[::37] = 9.0
    values[-1] = 9.0
    assert forecast(HOURS, values, LIMIT).reason is Reason.FLAT


def test_a_level_at_its_limit_has_reached_it():
    told = forecast(HOURS, _rise(left=-30.0), LIMIT)
    assert (told.reason, told.median_s) == (Reason.REACHED, 0.0)


@pytest.mark.parametrize("count", [0, 1, LEAST_POINTS - 1])
def test_too_few_points_are_too_short(count):
    assert forecast(HOURS[:count], _rise()[:count], LIMIT).reason is Reason.TOO_SHORT


def test_one_moment_is_no_record():
    assert forecast(np.zeros(100), np.arange(100.0), LIMIT).reason is Reason.TOO_SHORT


def test_nothing_is_told_of_times_far_beyond_the_record():
    values = 1.0 + HOURS / 5_000.0 + 0.001 * np.random.default_rng(6).standard_normal(len(HOURS))
    told = forecast(HOURS, values, 1.0 + (HOURS[-1] * (2.0 + HORIZON_SPANS)) / 5_000.0)
    assert told.reason is Reason.TOO_SLOW
    assert math.isnan(told.median_s)


def test_values_below_zero_are_a_trend_as_well():
    told = forecast(HOURS, _rise() - 10.0, LIMIT - 10.0)
    assert told.low_s < 200.0 < told.high_s


@pytest.mark.parametrize("limit", [math.nan, math.inf])
def test_a_limit_that_is_none_is_refused(limit):
    with pytest.raises(TrendError, match="limit"):
        forecast(HOURS, HOURS, limit)


def test_lists_of_different_lengths_are_refused():
    with pytest.raises(TrendError, match="one length"):
        forecast(HOURS, HOURS[:-1], LIMIT)
