"""What is normal: on a linear scale and to both sides, followed slowly, never below what instruments are certain of."""

from __future__ import annotations

import numpy as np
import pytest

from models.process.baseline import LARGEST_DRIFT_SIGMA, Collected, Normal, collect, fit_normal

UNITS = ("°C", "bar")


def _vectors(n=400, seed=0):
    """Return windows of a temperature around 4 °C and a pressure that follows it."""
    rng = np.random.default_rng(seed)
    level = rng.normal(0.0, 1.0, n)
    columns = [4.0 + level, rng.normal(0, 0.1, n), 0.2 + 0.02 * rng.random(n), 4.0 + level + rng.normal(0, 0.1, n)]
    columns += [2.0 + 0.1 * level, rng.normal(0, 0.02, n), 0.05 + 0.01 * rng.random(n), 2.0 + 0.1 * level]
    return np.stack(columns, axis=1).astype(np.float32)


@pytest.fixture(scope="module")
def normal():
    return fit_normal(_vectors(), UNITS, 1.0, ("mahalanobis",))


def test_windows_never_seen_stay_below_the_threshold(normal):
    scores = [normal.score(one) for one in _vectors(seed=1)]
    assert np.mean(np.array(scores) > 1.0) < 0.01
    assert 0.1 < normal.typical_score < 0.8


@pytest.mark.parametrize("sign", [-1.0, 1.0])
def test_a_fall_counts_as_much_as_a_rise(normal, sign):
    moved = normal.centre + np.float32(sign * np.array([12, 0, 0, 12, 0, 0, 0, 0]))
    assert normal.score(moved) > 1.5
    assert normal.score(moved) == pytest.approx(normal.score(2 * normal.centre - moved), rel=1e-3)


def test_channels_that_part_company_are_told_although_each_is_where_it_was(normal):
    together = normal.centre + np.float32([2, 0, 0, 2, 0.2, 0, 0, 0.2])
    apart = normal.centre + np.float32([2, 0, 0, 2, -0.2, 0, 0, -0.2])
    assert normal.score(apart) > 1.5 * normal.score(together)


def test_a_channel_that_never_moved_is_no_more_certain_than_its_instrument():
    vectors = _vectors()
    vectors[:, 4] = vectors[:, 7] = 2.0
    still = fit_normal(vectors, UNITS, 1.0, ("mahalanobis",))
    # Class 0.5: a quarter of a per cent of the reading is nothing, a tenth of it is.
    assert still.score(still.centre * np.float32([1, 1, 1, 1, 1.0025, 1, 1, 1.0025])) < 1.0
    assert still.score(still.centre * np.float32([1, 1, 1, 1, 1.2, 1, 1, 1.2])) > 1.0


@pytest.mark.parametrize("open_share", [0.0, 0.02])
def test_a_contact_is_for_rules_and_not_part_of_what_is_usual(open_share):
    """Nothing but 0 and 1: how often people opened while it was learnt says nothing about the next day."""
    rng = np.random.default_rng(2)
    vectors = np.concatenate([_vectors(), np.zeros((400, 4), np.float32)], axis=1)
    vectors[:, 8] = vectors[:, 11] = rng.random(400) < open_share
    contact = fit_normal(vectors, (*UNITS, "1"), 1.0, ("mahalanobis",))
    opened = contact.centre + np.float32([0] * 8 + [1, 2, 0.5, 1])
    assert contact.score(opened) == pytest.approx(contact.score(contact.centre), abs=0.01)
    share = fit_normal(vectors + np.float32([0] * 8 + [0.3, 0, 0, 0.3]), (*UNITS, "1"), 1.0, ("mahalanobis",))
    assert share.score(share.centre + np.float32([0] * 8 + [0.5, 0, 0, 0.5])) > 1.0


def test_it_follows_slowly_and_never_far(normal):
    moved = normal.centre + np.float32([0.5, 0, 0, 0.5, 0, 0, 0, 0])
    once = normal.followed(moved, 100)
    assert 0.0 < once.centre[0] - normal.centre[0] < 0.01
    for _ in range(3_000):
        once = once.followed(normal.centre + np.float32(100.0), 100)
    assert np.abs(once.drift).max() <= LARGEST_DRIFT_SIGMA


def test_what_is_collected_is_bounded_and_covers_all_the_time():
    collected = None
    for number in range(1_000):
        collected = collect(collected, np.full(8, number, np.float32), number * 10**9, 60)
    assert 60 <= len(collected.vectors) < 120
    times = collected.vectors[:, 0]
    assert times[0] == 0.0
    assert times[-1] > 980.0
    assert len(set(np.diff(times).tolist())) == 1
    assert (collected.windows, collected.first_ns) == (1_000, 0)


def test_bytes_go_there_and_back(normal):
    assert Normal.from_bytes(normal.to_bytes()).to_bytes() == normal.to_bytes()
    collected = collect(None, np.zeros(8, np.float32), 5, 60)
    assert Collected.from_bytes(collected.to_bytes()).to_bytes() == collected.to_bytes()


def _with_delay(windows, seed, n=900):
    """Return a command that jumps at random, and a flow that follows it so many windows later, with the two before."""
    rng = np.random.default_rng(seed)
    command = rng.normal(0.0, 1.0, n + windows)
    flow = command[:n] + rng.normal(0.0, 0.05, n)
    columns = np.zeros((n, 8), np.float32)
    columns[:, 0] = columns[:, 3] = 50.0 + 5.0 * command[windows:]
    columns[:, 4] = columns[:, 7] = 20.0 + 2.0 * flow
    columns[:, [1, 2, 5, 6]] = 0.1 * rng.normal(size=(n, 4))
    return np.concatenate([columns[2:], columns[1:-1], columns[:-2]], axis=1)


def test_with_lags_what_follows_too_late_is_told_although_each_window_is_as_usual():
    learnt, usual, late = _with_delay(1, 0), _with_delay(1, 1), _with_delay(2, 2)
    units = ("%", "l/min")
    with_lags = fit_normal(learnt, units, 1.0, ("t2_q",))
    without = fit_normal(learnt, units, 1.0, ("mahalanobis",))

    def scores(normal, vectors):
        return np.array([normal.score(one.reshape(3, 8)) for one in vectors])

    # The command jumps at random: where it stays the delay cannot show, so not every window tells.
    assert scores(with_lags, usual).max() < 0.7
    assert np.quantile(scores(with_lags, late), 0.9) > 1.0
    assert np.median(scores(without, late)) == pytest.approx(np.median(scores(without, usual)), abs=0.05)
    assert scores(without, late).max() < 1.0


def test_a_detector_with_lags_waits_for_the_windows_before_and_others_do_not():
    learnt = _with_delay(1, 0)
    now = learnt[0, :8]
    assert fit_normal(learnt, ("%", "l/min"), 1.0, ("t2_q",)).score(now) is None
    both = fit_normal(learnt, ("%", "l/min"), 1.0, ("mahalanobis", "t2_q"))
    assert both.score(now) == fit_normal(learnt, ("%", "l/min"), 1.0, ("mahalanobis",)).score(now)
    assert Normal.from_bytes(both.to_bytes()).score(learnt[5].reshape(3, 8)) == both.score(learnt[5].reshape(3, 8))
