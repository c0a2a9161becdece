"""The order of sending: live before history, alarms first, a bounded window, patience with a silent cloud."""

from __future__ import annotations

import random
from itertools import pairwise

import pytest

from edge_agent.journal import Change
from edge_agent.lanes import LONGEST_SILENCE_S, Lanes
from models.contract.acknowledgement import Ranges
from models.contract.vocabulary import RecordKind

from .conftest import STAMP, small_record

TIMEOUT_S = 10.0
ALARM, EVIDENCE, SUMMARY, HEALTH = RecordKind


class Sender:
    """A journal, its lanes, and a clock that is turned by hand."""

    def __init__(self, journal, window: int = 20, history_per_s: float = 1e9) -> None:
        self.journal = journal
        self.lanes = Lanes(window, TIMEOUT_S, history_per_s, random.Random(1))
        self.now_s = 0.0
        self.number = 0

    def add(self, *kinds: RecordKind) -> None:
        """Commit one record of each kind."""
        for kind in kinds:
            self.number += 1
            self.journal.commit([Change(STAMP, (small_record(self.number, kind),))])

    def born(self) -> None:
        """Begin a session."""
        self.lanes.born(self.journal.last_sequence, self.now_s)

    def pick(self, after_s: float = 0.0) -> list[int]:
        """Return the numbers chosen some seconds later."""
        self.now_s += after_s
        self.chosen = self.lanes.pick(self.journal, self.now_s)
        return [one.pending.sequence for one in self.chosen]

    def acknowledge(self, *sequences: int) -> None:
        """Acknowledge these numbers."""
        ranges = Ranges.of(sequences)
        self.journal.acknowledge(self.journal.incarnation, ranges)
        self.lanes.acknowledged(ranges, self.now_s)


@pytest.fixture
def sender(journal):
    return Sender(journal)


def test_live_goes_first_by_priority_then_history_by_priority(sender):
    sender.add(HEALTH, SUMMARY, EVIDENCE, ALARM)
    sender.born()
    sender.add(HEALTH, SUMMARY, EVIDENCE, ALARM)
    assert sender.pick() == [8, 7, 6, 5, 4, 3, 2, 1]
    assert [one.is_historical for one in sender.chosen] == [False] * 4 + [True] * 4


def test_nothing_is_sent_twice_while_it_is_in_flight(sender):
    sender.born()
    sender.add(SUMMARY)
    assert sender.pick() == [1]
    assert sender.pick(TIMEOUT_S - 0.1) == []


def test_a_record_whose_acknowledgement_does_not_come_is_sent_again(sender):
    sender.born()
    sender.add(SUMMARY, SUMMARY)
    assert sender.pick() == [1, 2]
    sender.now_s += 1.0
    sender.acknowledge(2)
    assert sender.pick(TIMEOUT_S) == [1]
    assert sender.lanes.resent == 1


def test_one_record_that_is_never_answered_is_tried_more_and_more_rarely(sender):
    sender.born()
    sender.add(SUMMARY)
    tries = []
    for _ in range(4_000):
        if 1 in sender.pick(0.5):
            tries.append(sender.now_s)
        sender.lanes.acknowledged(Ranges(), sender.now_s)  # others are answered all the time
    waits = [after - before for before, after in pairwise(tries)]
    assert len(tries) >= 5
    assert all(after >= before for before, after in pairwise(waits))
    assert waits[0] <= TIMEOUT_S + 1.0 < waits[-1]


def test_the_window_is_bounded_and_history_leaves_half_of_it_free(sender):
    sender.add(*[SUMMARY] * 50)
    sender.born()
    sender.pick()
    assert sender.lanes.in_flight == 11
    sender.add(*[SUMMARY] * 50)
    sender.pick()
    assert sender.lanes.in_flight == 20
    assert sender.pick() == []


def test_history_keeps_to_its_rate(journal):
    sender = Sender(journal, window=1_000, history_per_s=5.0)
    sender.add(*[SUMMARY] * 60)
    sender.born()
    sent = len(sender.pick())
    for _ in range(8):
        sent += len(sender.pick(0.5))
    assert 20 <= sent <= 26  # 4 s at 5 a second, after a first second's worth at once


def test_a_silent_cloud_still_gets_what_happens_now_but_is_not_flooded_with_repetitions(sender):
    sender.born()
    sender.add(*[SUMMARY] * 20)
    assert len(sender.pick()) == 20
    repeated = 0
    fresh = 0
    for _ in range(600):
        sender.add(SUMMARY)
        newest = sender.journal.last_sequence
        for sequence in sender.pick(1.0):
            repeated += sequence < newest
            fresh += sequence == newest
    assert fresh >= 500  # each goes out once, as soon as the window allows
    assert sender.lanes.resent <= 4 * 600 / (LONGEST_SILENCE_S / 2) + 40


def test_a_cloud_that_is_back_gets_everything(sender):
    sender.add(*[SUMMARY] * 30)
    sender.born()
    sender.add(*[SUMMARY] * 30, ALARM)
    for _ in range(300):
        sender.pick(1.0)
    stored: set[int] = set()
    for _ in range(3_000):
        sequences = sender.pick(0.1)
        stored.update(sequences)
        if sequences:
            sender.acknowledge(*sequences)
        if not sender.journal.pending_records:
            break
    assert sender.journal.pending_records == 0
    assert stored == set(range(1, 62))


def test_a_new_session_begins_with_everything_that_is_left(sender):
    sender.born()
    sender.add(SUMMARY, SUMMARY)
    sender.pick()
    sender.born()
    assert sender.pick() == [1, 2]
    assert all(one.is_historical for one in sender.chosen)


def test_what_may_have_been_missed_goes_again_at_once_and_silence_is_over(sender):
    sender.add(SUMMARY)
    sender.born()
    sender.add(SUMMARY)
    assert sender.pick() == [2, 1]
    assert sender.pick(TIMEOUT_S) == []
    sender.lanes.missed()
    assert sender.pick() == [2, 1]
    assert [one.is_historical for one in sender.chosen] == [False, True]


def test_records_of_absent_machines_rest_while_nobody_answers(sender):
    sender.born()
    sender.add(SUMMARY)
    assert sender.pick() == [1]
    sender.now_s += TIMEOUT_S

    def pick(after_s):
        sender.now_s += after_s
        chosen = sender.lanes.pick(sender.journal, sender.now_s, absent={"pump-1"})
        return [one.pending.sequence for one in chosen]

    assert [pick(LONGEST_SILENCE_S) for _ in range(5)] == [[]] * 5
    assert not sender.lanes.is_in_flight("pump-1")
    sender.lanes.acknowledged(Ranges.of([]), sender.now_s)
    assert pick(0.0) == [1]
    assert sender.lanes.is_in_flight("pump-1")


def test_fresh_records_of_absent_machines_are_not_forgotten_in_silence(sender):
    sender.born()
    sender.add(SUMMARY)
    assert sender.pick() == [1]
    assert sender.pick(TIMEOUT_S) == []
    sender.add(SUMMARY)
    assert sender.lanes.pick(sender.journal, sender.now_s, absent={"pump-1"}) == []
    sender.lanes.acknowledged(Ranges.of([]), sender.now_s)
    assert sender.pick() == [1, 2]


def test_a_week_without_an_answer_is_survived(sender):
    """Waits double only so often: 2 to the power of a thousand is no number of seconds."""
    sender.born()
    sender.add(SUMMARY, SUMMARY)
    sender.pick()
    for _ in range(1_200):
        sender.now_s += 600.0
        sender.acknowledge()
        sender.pick(TIMEOUT_S)
    assert sender.lanes.in_flight <= 2
