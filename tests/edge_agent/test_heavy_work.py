"""Diagnoses before pictures, one of a kind at a time, and whoever fails or leaves holds up nobody."""

from __future__ import annotations

import asyncio
import threading

import pytest

from edge_agent.heavy_work import HeavyWork, Urgency

PATIENT_S = 60.0
"""Longer than the busiest machine needs for one of these tests."""


class _Bench:
    """Work that begins when it is its turn and ends when it is let go."""

    def __init__(self, patience_s=PATIENT_S):
        self.heavy = HeavyWork(patience_s)
        self.begun = []
        self._gates = {}
        self._tasks = {}

    async def ask(self, urgency, name):
        gate = self._gates[name] = threading.Event()

        def work():
            self.begun.append(name)
            gate.wait(PATIENT_S)
            return name

        self._tasks[name] = asyncio.create_task(self.heavy.run(urgency, work))
        await self._in_line()

    async def begins(self, name):
        async with asyncio.timeout(PATIENT_S):
            while name not in self.begun:  # noqa: ASYNC110 - what is waited for begins in a thread
                await asyncio.sleep(0.005)

    async def end(self, name):
        await self.begins(name)
        self._gates[name].set()
        assert await self._tasks[name] == name
        await self._in_line()

    async def leave(self, name):
        self._tasks[name].cancel()
        with pytest.raises(asyncio.CancelledError):
            await self._tasks[name]
        await self._in_line()

    async def _in_line(self):
        # Whoever can go on goes on until a thread or a turn has to be waited for: some rounds of the loop.
        for _ in range(10):
            await asyncio.sleep(0)


async def test_what_people_wait_for_comes_first_however_late_it_was_asked_for():
    bench = _Bench()
    await bench.ask(Urgency.ALARM, "first alarm")
    await bench.ask(Urgency.PICTURE, "picture")
    await bench.ask(Urgency.REVIEW, "review")
    await bench.ask(Urgency.ALARM, "second alarm")
    for name in ("first alarm", "second alarm", "review", "picture"):
        await bench.end(name)
    assert bench.begun == ["first alarm", "second alarm", "review", "picture"]


async def test_what_has_begun_does_not_hold_up_what_is_more_urgent():
    bench = _Bench()
    for urgency, name in ((Urgency.PICTURE, "picture"), (Urgency.REVIEW, "review"), (Urgency.ALARM, "alarm")):
        await bench.ask(urgency, name)
        await bench.begins(name)
    await bench.ask(Urgency.PICTURE, "another picture")
    for name in ("alarm", "review", "picture"):
        assert bench.begun == ["picture", "review", "alarm"]
        await bench.end(name)
    await bench.end("another picture")


async def test_who_leaves_before_their_turn_holds_up_nobody():
    bench = _Bench()
    await bench.ask(Urgency.ALARM, "alarm")
    await bench.ask(Urgency.ALARM, "one that leaves")
    await bench.ask(Urgency.PICTURE, "picture")
    await bench.leave("one that leaves")
    await bench.end("alarm")
    await bench.end("picture")
    assert bench.begun == ["alarm", "picture"]


async def test_work_that_fails_fails_for_who_asked_and_gives_its_turn_on():
    heavy = HeavyWork()
    with pytest.raises(ZeroDivisionError):
        await heavy.run(Urgency.ALARM, divmod, 1, 0)
    assert await asyncio.wait_for(heavy.run(Urgency.PICTURE, divmod, 7, 2), 5) == (3, 1)


async def test_a_picture_does_not_wait_for_ever_while_machines_are_looked_at_again_and_again():
    bench = _Bench(patience_s=0.1)
    await bench.ask(Urgency.REVIEW, "review")
    await bench.ask(Urgency.REVIEW, "next review")
    await bench.ask(Urgency.PICTURE, "picture")
    await bench.begins("picture")
    assert bench.begun == ["review", "picture"]
    for name in ("picture", "review", "next review"):
        await bench.end(name)


async def test_it_is_quiet_when_no_alarm_is_diagnosed():
    bench = _Bench()
    await bench.ask(Urgency.REVIEW, "review")
    await asyncio.wait_for(bench.heavy.quiet(), 1)
    await bench.end("review")


async def test_it_is_quiet_once_all_that_have_changed_are_diagnosed():
    bench = _Bench()
    await bench.ask(Urgency.ALARM, "first alarm")
    await bench.ask(Urgency.ALARM, "second alarm")
    quiet = asyncio.create_task(bench.heavy.quiet())
    await bench.end("first alarm")
    await bench.begins("second alarm")
    assert not quiet.done()
    await bench.end("second alarm")
    await asyncio.wait_for(quiet, PATIENT_S)


async def test_nobody_waits_for_quiet_without_end():
    bench = _Bench(patience_s=0.1)
    await bench.ask(Urgency.ALARM, "alarm")
    await asyncio.wait_for(bench.heavy.quiet(), PATIENT_S)
    await bench.end("alarm")
