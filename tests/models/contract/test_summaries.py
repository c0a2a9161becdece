"""Merging: two summaries say together what one summary of all their windows would have said."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from support import contract_examples as examples

from models.contract.errors import RecordError
from models.contract.records import FeatureStatistics, Summary
from models.contract.summaries import merge_summaries

if TYPE_CHECKING:
    from numpy.typing import NDArray

MINUTE_NS = 60_000_000_000


def summary_of(windows: NDArray[np.float32], minute: int, **changes: object) -> Summary:
    """Return the summary of raw feature vectors (windows, features), computed in float64."""
    wide = windows.astype(np.float64)
    return examples.summary(
        start_ns=examples.START_NS + minute * MINUTE_NS,
        windows=len(windows),
        statistics=FeatureStatistics(
            wide.mean(axis=0).astype(np.float32),
            windows.min(axis=0),
            windows.max(axis=0),
            wide.std(axis=0).astype(np.float32),
        ),
        sample=windows[0],
        **changes,
    )


def test_merging_is_exact() -> None:
    """Many uneven pieces with drifting means against all windows at once.

    Tolerance 1e-6 relative: each merge rounds to float32 once (6e-8), over twenty merges.
    """
    generator = np.random.default_rng(7)
    pieces = [
        (generator.normal(10.0 + minute, 0.5 + minute / 10.0, (generator.integers(1, 200), 3))).astype(np.float32)
        for minute in range(20)
    ]
    merged = summary_of(pieces[0], 0)
    for minute, piece in enumerate(pieces[1:], start=1):
        merged = merge_summaries(merged, summary_of(piece, minute))
    expected = summary_of(np.concatenate(pieces), 0)
    assert merged.windows == expected.windows
    assert merged.start_ns == examples.START_NS
    assert merged.end_ns == examples.START_NS + 20 * MINUTE_NS
    for name in ("mean", "minimum", "maximum", "deviation"):
        np.testing.assert_allclose(
            getattr(merged.statistics, name), getattr(expected.statistics, name), rtol=1e-6, err_msg=name
        )
        assert getattr(merged.statistics, name).dtype == np.float32


def test_the_order_does_not_matter() -> None:
    first, second = examples.summary(), examples.summary(start_ns=examples.START_NS + MINUTE_NS, shift=0.5)
    one, other = merge_summaries(first, second), merge_summaries(second, first)
    np.testing.assert_array_equal(one.sample, other.sample)
    np.testing.assert_array_equal(one.statistics.deviation, other.statistics.deviation)


def test_every_window_is_equally_likely_to_be_the_sample() -> None:
    """30 windows against 10: the sample is of the smaller one in a quarter of the cases.

    Of 4000 draws 1000 are expected with a standard deviation of 27; ±110 is four of them.
    """
    large = examples.summary(windows=30)
    small = examples.summary(windows=10, start_ns=examples.START_NS + MINUTE_NS, shift=1.0)
    of_small = sum(
        merge_summaries(large, small, seed=seed).sample.tolist() == small.sample.tolist() for seed in range(4_000)
    )
    assert abs(of_small - 1_000) < 110


def test_the_same_seed_makes_the_same_choice() -> None:
    first, second = examples.summary(), examples.summary(start_ns=examples.START_NS + MINUTE_NS, shift=0.5)
    samples = {tuple(merge_summaries(first, second, seed=3).sample.tolist()) for _ in range(5)}
    assert len(samples) == 1


def test_what_is_not_a_statistic_is_the_worst_or_the_latest() -> None:
    first = examples.summary(score=2.0, health_index=40.0, zone="C", learning_progress=0.5, bad_windows={"gap": 1})
    second = examples.summary(
        start_ns=examples.START_NS + MINUTE_NS,
        score=0.5,
        health_index=90.0,
        zone="B",
        learning_progress=0.75,
        bad_windows={"gap": 2, "clipped": 1},
    )
    merged = merge_summaries(first, second)
    assert (merged.score, merged.health_index, merged.zone, merged.learning_progress) == (2.0, 40.0, "B", 0.75)
    assert merged.bad_windows == {"gap": 3, "clipped": 1}


def test_what_was_not_judged_stays_not_judged() -> None:
    first = examples.summary(score=None, health_index=None, zone=None)
    merged = merge_summaries(first, examples.summary(start_ns=examples.START_NS + MINUTE_NS, score=None, zone=None))
    assert (merged.score, merged.health_index, merged.zone) == (None, 96.5, None)


def test_a_summary_without_windows_changes_no_statistic() -> None:
    empty = examples.summary(windows=0, start_ns=examples.START_NS + MINUTE_NS, shift=9.0)
    for merged in (merge_summaries(examples.summary(), empty), merge_summaries(empty, examples.summary())):
        np.testing.assert_array_equal(merged.statistics.mean, examples.summary().statistics.mean)
        np.testing.assert_array_equal(merged.sample, examples.summary().sample)


@pytest.mark.parametrize(
    "change",
    [
        {"asset_id": "0c5a1f0e-2f53-4b80-9f39-7e2d3a5f0c42"},
        {"operating_state": "off"},
        {"feature_hash": "ffffffffffffffff"},
        {"feature_names": ("a/b", "a/c", "a/d")},
    ],
)
def test_only_like_is_merged_with_like(change: dict[str, object]) -> None:
    with pytest.raises(RecordError, match=next(iter(change))):
        merge_summaries(examples.summary(), examples.summary(**change))
