"""Values of controllers joined to windows: right in time, or not known."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.context import (
    MAX_SAMPLES,
    ContextChannel,
    ContextError,
    ContextSample,
    ContextSeries,
    ContextValue,
    join,
    speed_rpm,
)
from models.contract.errors import UnitError

S = 1_000_000_000
LOAD = ContextChannel("load", "%", tolerance_s=5.0)


def series(*pairs, name="load"):
    return ContextSeries().added([ContextSample(name, round(at * S), value) for at, value in pairs])


def load_of(samples, start_s, end_s, channel=LOAD):
    return join(samples, channel, round(start_s * S), round(end_s * S)).value


def test_a_window_takes_the_mean_of_what_was_read_during_it():
    assert load_of(series((9.9, 10.0), (10.2, 30.0), (10.8, 50.0), (11.1, 90.0)), 10.0, 11.0) == 40.0


def test_without_a_reading_inside_the_nearest_counts_before_or_after():
    assert load_of(series((7.0, 40.0), (16.0, 80.0)), 10.0, 11.0) == 40.0
    assert load_of(series((7.0, 40.0), (11.5, 80.0)), 10.0, 11.0) == 80.0


def test_beyond_its_tolerance_a_reading_is_stale_however_plausible():
    assert load_of(series((5.0, 40.0)), 10.0, 11.0) == 40.0
    assert load_of(series((4.999, 40.0)), 10.0, 11.0) is None
    assert load_of(series((10.5, 40.0), name="temperature"), 10.0, 11.0) is None
    assert load_of(ContextSeries(), 10.0, 11.0) is None


def test_what_nobody_measures_can_be_stated_once_and_never_gets_old():
    stated = ContextChannel("load", "%", constant=75.0)
    assert load_of(ContextSeries(), 10.0, 11.0, stated) == 75.0


def test_values_keep_their_unit_and_a_speed_in_hertz_is_one_in_turns_per_minute():
    value = join(series((10.5, 25.0), name="speed"), ContextChannel("speed", "Hz"), 10 * S, 11 * S)
    assert value == ContextValue("speed", 25.0, "Hz")
    assert speed_rpm([value]) == pytest.approx(1500.0, rel=1e-12)
    assert speed_rpm([ContextValue("speed", None, "rpm"), ContextValue("load", 1.0)]) is None


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"name": "speed", "unit": "degC"}, "rpm or Hz"),
        ({"name": "load", "tolerance_s": 0.0}, "tolerance_s"),
        ({"name": "load", "state_width": -1.0}, "state_width"),
        ({"name": "load", "constant": float("nan")}, "no value"),
    ],
)
def test_a_channel_that_cannot_be_is_named(keys, message):
    with pytest.raises(ContextError, match=message):
        ContextChannel(**keys)


def test_an_unknown_unit_is_named():
    with pytest.raises(UnitError):
        ContextChannel("load", "loads")


@given(st.lists(st.tuples(st.integers(0, 5000), st.floats(-1e6, 1e6)), max_size=600), st.integers(0, 5000))
def test_the_series_is_bounded_in_order_and_forgets_nothing_that_a_later_window_needs(pairs, start):
    whole = ContextSeries().added(ContextSample("load", at * S, value) for at, value in pairs)
    times = [sample.time_ns for sample in whole.samples]
    assert len(times) <= MAX_SAMPLES
    assert times == sorted(set(times))
    for later in (start, start + 1, start + 7):
        expected = join(whole, LOAD, later * S, (later + 1) * S)
        assert join(whole.since(start * S), LOAD, later * S, (later + 1) * S) == expected


def test_a_reading_that_is_no_number_is_as_good_as_none():
    assert load_of(series((10.5, np.nan), (10.6, np.inf)), 10.0, 11.0) is None
