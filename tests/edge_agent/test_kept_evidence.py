"""Moments around alarms stay on the gateway within their budget, and leave it within another."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from edge_agent.kept_evidence import Budget, KeptEvidence, Moment, Refused

ASSET = "6f1c7a52-94a7-4f5f-8a0e-0d7a2f3c1b12"
ALARMS = [f"00000000-0000-4000-8000-{number:012d}" for number in range(9)]
NOW_S = 1_800_000_000.0
DAY_S = 86_400.0


def moment(number: int, *, end_s: float = NOW_S, size: int = 1_000) -> Moment:
    return Moment(ASSET, ALARMS[number], int(end_s * 1e9), bytes([number]) * size)


@pytest.fixture
def kept(tmp_path) -> KeptEvidence:
    return KeptEvidence(tmp_path / "kept", Budget(max_bytes=3_500, days=14.0, sent_bytes_per_day=2_500))


def _age(folder: Path, seconds_before_now: dict[str, float]) -> None:
    """Give files the time of change that they would have."""
    import os

    for name, seconds in seconds_before_now.items():
        (path,) = folder.glob(f"*{name}*")
        os.utime(path, (NOW_S - seconds, NOW_S - seconds))


def test_what_is_kept_is_given_back_and_survives_a_restart(kept, tmp_path):
    kept.keep(moment(1), NOW_S)
    again = KeptEvidence(tmp_path / "kept", Budget(3_500, 14.0, 2_500))
    assert again.take(ASSET, ALARMS[1], NOW_S) == moment(1)


def test_of_several_moments_of_one_alarm_the_newest_is_given(kept):
    kept.keep(moment(1, end_s=NOW_S - 60, size=10), NOW_S)
    kept.keep(moment(1, end_s=NOW_S, size=20), NOW_S)
    taken = kept.take(ASSET, ALARMS[1], NOW_S)
    assert isinstance(taken, Moment)
    assert len(taken.package) == 20


def test_beyond_the_budget_the_oldest_goes(kept, tmp_path):
    for number in range(3):
        kept.keep(moment(number), NOW_S)
        _age(tmp_path / "kept", {ALARMS[number]: 100.0 - number})
    kept.keep(moment(3), NOW_S)
    assert isinstance(kept.take(ASSET, ALARMS[0], NOW_S), Refused)
    assert isinstance(kept.take(ASSET, ALARMS[1], NOW_S), Moment)


def test_what_nobody_asked_for_within_its_days_goes(kept, tmp_path):
    kept.keep(moment(1), NOW_S)
    _age(tmp_path / "kept", {ALARMS[1]: 14.1 * DAY_S})
    answer = kept.take(ASSET, ALARMS[1], NOW_S)
    assert isinstance(answer, Refused)
    assert "14 days" in answer.reason


def test_no_more_leaves_in_a_day_than_allowed_and_the_next_day_is_another(kept):
    for number in range(3):
        kept.keep(moment(number), NOW_S)
    assert isinstance(kept.take(ASSET, ALARMS[0], NOW_S), Moment)
    assert isinstance(kept.take(ASSET, ALARMS[1], NOW_S + 1), Moment)
    refused = kept.take(ASSET, ALARMS[2], NOW_S + 2)
    assert isinstance(refused, Refused)
    assert "sent_bytes_per_day" in refused.reason
    assert isinstance(kept.take(ASSET, ALARMS[2], NOW_S + DAY_S + 2), Moment)


def test_an_alarm_of_another_machine_is_not_given(kept):
    kept.keep(moment(1), NOW_S)
    assert isinstance(kept.take(ALARMS[5], ALARMS[1], NOW_S), Refused)


def test_files_of_others_in_the_folder_are_left_alone(kept, tmp_path):
    kept.keep(moment(1), NOW_S)
    stranger = tmp_path / "kept" / "notes.txt"
    stranger.write_text("do not delete")
    kept.take(ASSET, ALARMS[1], NOW_S + 100 * DAY_S)
    assert stranger.read_text() == "do not delete"


def test_keeping_and_taking_at_the_same_time_do_not_disturb_each_other(tmp_path):
    kept = KeptEvidence(tmp_path / "kept", Budget(10**9, 14.0, 10**9))
    kept.keep(moment(0), NOW_S)
    failures: list[BaseException] = []

    def work(number: int) -> None:
        try:
            for turn in range(30):
                kept.keep(moment(number, end_s=NOW_S + turn), NOW_S)
                assert isinstance(kept.take(ASSET, ALARMS[0], NOW_S), Moment)
        except BaseException as error:  # noqa: BLE001 - shown by the test's own thread
            failures.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(1, 4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
