"""The clock of the alarm desk in a thread of its own, on a real book."""

from __future__ import annotations

import queue
import threading

from support.cloud_bench import bench, pump_gateway
from support.contract_examples import ALARM_ID, alarm

from cloud.alarm_desk import shelve
from cloud.book.answering import answer, end_what_is_over
from cloud.desk_clock import run_desk_clock


def test_pages_are_told_of_a_shelving_that_ended(tmp_path, book_database):
    with bench(tmp_path / "cloud", book=book_database.url) as cloud:
        gateway = pump_gateway()
        cloud.arrive(*gateway.births(cloud.now_ms))
        cloud.arrive(gateway.record(alarm(), 0))
        now_ms = cloud.now_ms
        answer(
            cloud.engine,
            ALARM_ID,
            lambda standing: shelve(standing, "M. Ruiz", "waits for the part", now_ms, now_ms + 60_000),
            what="alarm.shelve",
            at_ms=now_ms,
            detail={},
        )
        told, stop = queue.SimpleQueue(), threading.Event()
        clock = threading.Thread(
            target=run_desk_clock, args=(cloud.engine, told.put, lambda: now_ms + 60_000, stop), daemon=True
        )
        clock.start()
        try:
            changes = told.get(timeout=20.0)
        finally:
            stop.set()
            clock.join()
        assert ALARM_ID in {change.identifier for change in changes}
        assert cloud.book.alarm(ALARM_ID).state == "unacknowledged"


def test_a_shelving_that_ended_while_no_cloud_ran_ended_when_it_should_have(tmp_path, book_database):
    with bench(tmp_path / "cloud", book=book_database.url) as cloud:
        gateway = pump_gateway()
        cloud.arrive(*gateway.births(cloud.now_ms))
        cloud.arrive(gateway.record(alarm(), 0))
        now_ms = cloud.now_ms
        answer(
            cloud.engine,
            ALARM_ID,
            lambda standing: shelve(standing, "M. Ruiz", "waits for the part", now_ms, now_ms + 60_000),
            what="alarm.shelve",
            at_ms=now_ms,
            detail={},
        )
    week_later_ms = now_ms + 7 * 86_400_000
    with bench(tmp_path / "cloud", week_later_ms, book=book_database.url) as cloud:
        assert cloud.book.alarm(ALARM_ID).state == "shelved"
        assert ALARM_ID in {change.identifier for change in end_what_is_over(cloud.engine, week_later_ms)}
        assert cloud.book.alarm(ALARM_ID).state == "unacknowledged"
        last = cloud.book.timeline(ALARM_ID)[-1]
        assert (last.what, last.at_ms) == ("shelving_ended", now_ms + 60_000)
        assert end_what_is_over(cloud.engine, week_later_ms) == set()
