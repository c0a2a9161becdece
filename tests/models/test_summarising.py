"""Summaries: exact statistics, one machine state and interval each, the same sample every time."""

from __future__ import annotations

import collections

import numpy as np
import pytest

from models import summarising
from models.contract.encoding import from_record, to_record
from models.contract.summaries import merge_summaries
from models.contract.vocabulary import QualityCause
from models.summarising import Judgement, OpenSummary, SummaryFacts

NS = 1_000_000_000
START_NS = 1_700_000_040 * NS  # a full minute
FACTS = SummaryFacts(
    "0b1d6b8e-0000-4000-8000-000000000001", "pump-1", "0123456789abcdef", ("A.H/x", "A.H/y"), 60 * NS, NS
)
QUIET = Judgement(0.3, 97.0, "A", 1.0)


def summary_of(vectors, *, end_ns=START_NS + NS, first_index=0, judgements=None):
    opened = summarising.begin(FACTS, epoch=0, index=first_index, end_ns=end_ns, operating_state="steady/default")
    for number, vector in enumerate(vectors):
        judged = judgements[number] if judgements else QUIET
        opened = summarising.add(opened, FACTS, np.float32(vector), end_ns + number * NS // 2, judged)
    return opened


@pytest.fixture
def vectors():
    return np.random.default_rng(0).lognormal(size=(40, 2)).astype(np.float32)


def test_statistics_are_those_of_all_windows(vectors):
    found = summarising.close(summary_of(vectors), FACTS).statistics
    # float32 results of float64 sums
    np.testing.assert_allclose(found.mean, vectors.mean(axis=0), rtol=1e-6)
    np.testing.assert_allclose(found.deviation, vectors.std(axis=0), rtol=1e-5)
    np.testing.assert_array_equal(found.minimum, vectors.min(axis=0))
    np.testing.assert_array_equal(found.maximum, vectors.max(axis=0))


def test_merging_two_summaries_is_the_same_as_one_over_all_windows(vectors):
    whole = summarising.close(summary_of(vectors), FACTS)
    first = summarising.close(summary_of(vectors[:13]), FACTS)
    second = summarising.close(summary_of(vectors[13:], end_ns=START_NS + 8 * NS, first_index=13), FACTS)
    merged = merge_summaries(first, second)
    assert merged.windows == whole.windows
    np.testing.assert_allclose(merged.statistics.mean, whole.statistics.mean, rtol=1e-6)
    np.testing.assert_allclose(merged.statistics.deviation, whole.statistics.deviation, rtol=1e-5)


def test_the_sample_is_one_of_the_windows_chosen_evenly_and_always_the_same():
    vectors = np.arange(8, dtype=np.float32)[:, None] * np.ones(2, np.float32)
    chosen = collections.Counter(float(summary_of(vectors, first_index=n).sample[0]) for n in range(2000))
    assert set(chosen) == {float(n) for n in range(8)}
    # 250 expected of each, standard deviation 15: five of them.
    assert all(abs(count - 250) < 75 for count in chosen.values())
    assert summary_of(vectors).sample.tobytes() == summary_of(vectors).sample.tobytes()


def test_it_says_the_largest_score_the_smallest_health_and_the_latest_zone():
    judgements = [Judgement(0.2, 90.0, "B", 1.0), Judgement(1.4, 40.0, "C", 1.0), Judgement(None, None, "B", 1.0)]
    found = summarising.close(summary_of([[1, 2]] * 3, judgements=judgements), FACTS)
    assert (found.score, found.health_index, found.zone) == (1.4, 40.0, "B")


def test_a_window_belongs_to_the_interval_it_ends_in():
    assert summarising.bucket_of(FACTS, START_NS + 60 * NS) == summarising.bucket_of(FACTS, START_NS + 1)
    assert summarising.bucket_of(FACTS, START_NS + 60 * NS + 1) == summarising.bucket_of(FACTS, START_NS) + 2


def test_an_interval_is_named_by_its_start_although_its_first_window_reaches_back():
    assert summary_of([[1, 2]], end_ns=START_NS + NS // 2).start_ns == START_NS
    assert summary_of([[1, 2]], end_ns=START_NS + 5 * NS).start_ns == START_NS + 4 * NS


@pytest.mark.parametrize(
    "other",
    [{"epoch": 1}, {"end_ns": START_NS + 61 * NS}, {"end_ns": START_NS - NS}, {"operating_state": "off"}],
)
def test_another_epoch_interval_or_state_is_another_summary(other):
    same = {"epoch": 0, "end_ns": START_NS + 2 * NS, "operating_state": "steady/default"}
    opened = summary_of([[1, 2]])
    assert summarising.belongs(opened, FACTS, **same)
    assert not summarising.belongs(opened, FACTS, **{**same, **other})


def test_a_clock_that_jumps_back_within_the_interval_leaves_start_before_end():
    opened = summary_of([[1, 2]], end_ns=START_NS + 50 * NS)
    opened = summarising.add(opened, FACTS, np.float32([1, 2]), START_NS + 10 * NS, QUIET)
    assert (opened.start_ns, opened.end_ns) == (START_NS + 9 * NS, START_NS + 50 * NS)


def test_an_interval_without_a_good_window_can_be_sent_and_says_why():
    opened = summary_of([])
    for _ in range(3):
        causes = (QualityCause.CONSTANT, QualityCause.GAP)
        opened = summarising.add_bad(opened, FACTS, causes, START_NS + NS, 0.5)
    closed = summarising.close(opened, FACTS)
    assert closed.bad_windows == {"constant": 3, "gap": 3}
    assert np.isnan(closed.statistics.mean).all()
    back = from_record(to_record(closed, record_id=1))
    assert (back.windows, back.bad_windows) == (0, closed.bad_windows)


def test_an_open_summary_comes_back_from_bytes_to_the_bit(vectors):
    opened = summary_of(vectors)
    assert OpenSummary.from_bytes(opened.to_bytes()).to_bytes() == opened.to_bytes()
