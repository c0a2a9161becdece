"""Changes reach every open page, bounded, however slow the page is."""

from __future__ import annotations

import asyncio

from cloud.event_hub import EVERYTHING, MAX_WAITING, Change, EventHub, Subject


def _machine(number):
    return Change(Subject.MACHINE, str(number))


async def test_a_page_is_told_what_changed_once():
    hub = EventHub(asyncio.get_running_loop())
    async with hub.listen() as listener:
        hub.tell([_machine(1), _machine(2)])
        hub.tell([_machine(1)])
        await asyncio.sleep(0)
        assert await listener.take() == [_machine(1), _machine(2)]


async def test_changes_come_from_other_threads():
    hub = EventHub(asyncio.get_running_loop())
    async with hub.listen() as listener:
        await asyncio.to_thread(hub.tell, [_machine(1)])
        assert await asyncio.wait_for(listener.take(), 5) == [_machine(1)]


async def test_a_page_that_does_not_listen_costs_a_bounded_amount():
    hub = EventHub(asyncio.get_running_loop())
    async with hub.listen() as listener:
        for number in range(10 * MAX_WAITING):
            hub.tell([_machine(number)])
        await asyncio.sleep(0)
        assert len(listener.waiting) <= MAX_WAITING
        assert EVERYTHING in listener.waiting


async def test_an_alarm_ends_the_gathering_of_other_changes():
    hub = EventHub(asyncio.get_running_loop())
    async with hub.listen() as listener:
        hub.tell([_machine(1)])
        await asyncio.sleep(0)
        await listener.take()
        await asyncio.wait_for(listener.gather(0.01), 5)
        hub.tell([_machine(1)])
        hub.tell([Change(Subject.ALARM, "a")])
        await asyncio.wait_for(listener.gather(60.0), 5)
        assert await listener.take() == [_machine(1), Change(Subject.ALARM, "a")]
        assert not listener.urgent.is_set()


async def test_a_page_that_has_gone_is_forgotten():
    hub = EventHub(asyncio.get_running_loop())
    async with hub.listen():
        pass
    assert not hub._listeners


async def test_closing_wakes_everyone():
    hub = EventHub(asyncio.get_running_loop())
    async with hub.listen() as listener:
        hub.close()
        assert await asyncio.wait_for(listener.take(), 5) == []
        assert hub.closed
