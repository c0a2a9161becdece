"""The uplink on a real Mosquitto: what is sent, what is acknowledged, and what happens when the broker goes away."""

from __future__ import annotations

import asyncio
import random
import socket
import threading
import time
from contextlib import asynccontextmanager

import pytest
from support.broker import Mosquitto
from support.mqtt_tap import MqttTap, PacketType

from edge_agent.disk import JournalThread
from edge_agent.journal import Change
from edge_agent.lanes import Lanes
from edge_agent.mqtt_session import Broker
from edge_agent.sparkplug_node import SparkplugNode
from edge_agent.uplink import Uplink
from models.contract import metrics
from models.contract.sparkplug import DataType, Metric
from models.contract.topics import MessageType, Topic
from models.contract.vocabulary import RecordKind

from .conftest import STAMP, small_record
from .host import AcknowledgingHost, CountingProxy

pytestmark = pytest.mark.needs("mosquitto")

HOST_ID = "plantpulse"
NCMD = Topic("plant", MessageType.NCMD, "gateway-1")


@pytest.fixture
def broker(tmp_path, free_port):
    with Mosquitto(tmp_path, free_port) as mosquitto:
        yield mosquitto


@asynccontextmanager
async def running(opened, port, said=None, *, timeout_s=2.0, connected=True, wanted=None, window=50, tls=None):
    """Run an uplink with a journal; stopped in the ordinary way at the end."""
    async with JournalThread(opened()) as disk:
        machines = {name: metrics.machine_metrics([]) for name in ("pump-1", "pump-2")}
        node = SparkplugNode("plant", "gateway-1", machines, [])
        if connected:
            node.connect("pump-1")
        uplink = Uplink(
            Broker("127.0.0.1", port, "edge-test", keepalive_s=5, tls=tls),
            node,
            disk,
            Lanes(window, timeout_s, 1e6, random.Random(1)),
            host_id=HOST_ID,
            before_birth=lambda _now_ms: None,
            wanted=(wanted if wanted is not None else []).append,
            tell=(said if said is not None else []).append,
        )
        stop = asyncio.Event()
        task = asyncio.create_task(uplink.run(stop))
        try:
            yield uplink, disk
        finally:
            stop.set()
            await asyncio.wait_for(task, 15)


async def until(condition, what, timeout_s=20.0):
    """Wait until the condition holds."""
    async with asyncio.timeout(timeout_s):
        while not condition():  # noqa: ASYNC110 - what is waited for happens in other programs
            await asyncio.sleep(0.02)
    assert condition(), what


async def add(uplink, disk, *numbers, kind=RecordKind.SUMMARY):
    await disk.commit(Change(STAMP, tuple(small_record(number, kind) for number in numbers)))
    uplink.wake()


async def test_records_are_delivered_acknowledged_and_deleted(opened, broker):
    with AcknowledgingHost(broker.port) as host:
        async with running(opened, broker.port) as (uplink, disk):
            await until(lambda: uplink.is_born, "birth")
            await add(uplink, disk, 1, 2, 3)
            await until(lambda: disk.journal.pending_records == 0, "acknowledgement")
        assert set(host.stored) == {1, 2, 3}
        assert set(host.deliveries.values()) == {1}
        assert set(host.historical.values()) == {False}


async def test_what_was_decided_before_the_birth_is_history(opened, broker):
    journal = opened()
    journal.commit([Change(STAMP, (small_record(1),))])
    journal.close()
    with AcknowledgingHost(broker.port) as host:
        async with running(opened, broker.port) as (uplink, disk):
            await until(lambda: uplink.is_born, "birth")
            await add(uplink, disk, 2)
            await until(lambda: disk.journal.pending_records == 0, "acknowledgement")
        assert host.historical == {1: True, 2: False}


async def test_the_first_packets_and_the_last_ones(opened, broker):
    with MqttTap(broker.port) as tap:
        async with running(opened, tap.port) as (uplink, _):
            await until(lambda: uplink.is_born, "birth")
            await asyncio.to_thread(tap.wait_for, lambda _packets: len(tap.publications()) >= 2)
        await asyncio.to_thread(tap.wait_for, lambda packets: packets[-1].type == PacketType.DISCONNECT)
        up = [packet for packet in tap.packets if packet.direction == "up"]
    assert [packet.type for packet in up[:4]] == [
        PacketType.CONNECT,
        PacketType.SUBSCRIBE,
        PacketType.PUBLISH,
        PacketType.PUBLISH,
    ]
    assert up[0].clean_session
    assert up[0].publication.topic.endswith("/NDEATH/gateway-1")
    assert {qos for _, qos in up[1].subscriptions} == {1}
    assert up[-2].publication.topic.endswith("/NDEATH/gateway-1")
    assert up[-1].type == PacketType.DISCONNECT


async def test_a_broker_that_is_killed_and_comes_back_costs_no_record_and_doubles_none(opened, broker):
    said = []
    with AcknowledgingHost(broker.port) as host:
        async with running(opened, broker.port, said) as (uplink, disk):
            await until(lambda: uplink.is_born, "birth")
            await add(uplink, disk, 1)
            await until(lambda: 1 in host.stored, "first record")
            broker.kill()
            await add(uplink, disk, 2, 3)
            await until(lambda: not uplink.is_born, "the loss is noticed")
            await add(uplink, disk, 4)
            broker.start()
            await until(lambda: disk.journal.pending_records == 0, "everything is acknowledged", 30)
        assert set(host.stored) == {1, 2, 3, 4}
        assert len(said) == 2, said
        assert "records wait on disk, trying again" in said[0]
        assert "again" in said[1]


async def test_a_cloud_that_does_not_answer_keeps_the_records_on_disk(opened, broker):
    with AcknowledgingHost(broker.port) as host:
        host.answers = False
        async with running(opened, broker.port) as (uplink, disk):
            await until(lambda: uplink.is_born, "birth")
            await add(uplink, disk, 1)
            await until(lambda: host.deliveries[1] >= 2, "it is sent again")
            assert disk.journal.pending_records == 1
            host.answers = True
            await until(lambda: disk.journal.pending_records == 0, "acknowledged at last")


async def test_rebirth_is_answered_with_all_births_and_the_same_bd_seq(opened, broker):
    with AcknowledgingHost(broker.port) as host:
        async with running(opened, broker.port) as (uplink, _):
            await until(lambda: len(host.births) == 2, "births")
            host.command(NCMD, Metric(name=metrics.REBIRTH, datatype=DataType.BOOLEAN, value=True, timestamp_ms=1))
            await until(lambda: len(host.births) == 4, "births again")
            assert uplink.is_born
        assert host.births == [("gateway-1", 0), ("pump-1", 1)] * 2
        await until(lambda: host.deaths == [0], "the death before the end")


async def test_garbage_commands_and_forged_acknowledgements_delete_nothing(opened, broker):
    with AcknowledgingHost(broker.port) as host:
        host.answers = False
        async with running(opened, broker.port) as (uplink, disk):
            await until(lambda: uplink.is_born, "birth")
            await add(uplink, disk, 1)
            host._client.publish(NCMD.text, b"\xff\xfe garbage")
            for text in ("another-incarnation:1-100", "no sense", ""):
                host.command(
                    NCMD,
                    Metric(name=metrics.OUTBOX_ACKNOWLEDGED, datatype=DataType.STRING, value=text, timestamp_ms=1),
                )
            await until(lambda: disk.journal.counters().get("ignored_commands", 0) == 3, "counted")
            assert disk.journal.pending_records == 1
            assert disk.journal.counters()["unexpected_acknowledgements"] == 100


async def test_a_kick_by_another_client_of_the_same_name_is_survived(opened, broker):
    with MqttTap(broker.port) as tap:
        async with running(opened, tap.port) as (uplink, _):
            await until(lambda: uplink.is_born, "birth")
            import paho.mqtt.client as mqtt

            rival = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, "edge-test")
            rival.connect("127.0.0.1", broker.port)
            rival.loop_start()
            await until(lambda: not uplink.is_born, "the kick")
            rival.loop_stop()
            rival.disconnect()
            await until(lambda: uplink.is_born, "the return")
            connects = [p for p in tap.packets if p.type == PacketType.CONNECT]
            assert len(connects) >= 2


async def test_every_byte_of_the_socket_is_counted_in_both_directions_over_reconnects(opened, broker):
    async with CountingProxy(broker.port) as proxy:
        async with running(opened, proxy.port) as (uplink, disk):
            await until(lambda: uplink.is_born, "birth")
            await add(uplink, disk, *range(1, 20))
            await asyncio.sleep(0.5)
            broker.kill()
            await until(lambda: not uplink.is_born, "the loss")
            broker.start()
            await until(lambda: uplink.is_born, "the return")
            await asyncio.sleep(0.5)
        assert uplink.socket_bytes == proxy.bytes
        assert proxy.bytes > 5_000


async def test_a_broker_that_accepts_and_says_nothing_is_given_up(opened, monkeypatch):
    monkeypatch.setattr("edge_agent.mqtt_session.CONNECT_TIMEOUT_S", 0.3)
    said = []
    with socket.create_server(("127.0.0.1", 0)) as silent:
        silent.settimeout(0.2)
        kept = []

        def accept():
            while silent.fileno() != -1:
                try:
                    kept.append(silent.accept()[0])
                except TimeoutError:
                    continue
                except OSError:
                    return

        thread = threading.Thread(target=accept)
        thread.start()
        async with running(opened, silent.getsockname()[1], said):
            await until(lambda: said, "a word about it")
        silent.close()
        thread.join()
        for one in kept:
            one.close()
    assert "does not answer the CONNECT" in said[0]


async def test_no_broker_at_all_is_said_once_and_the_agent_goes_on(opened, free_port):
    said = []
    async with running(opened, free_port, said) as (uplink, disk):
        await add(uplink, disk, 1)
        await asyncio.sleep(2.5)
        assert disk.journal.pending_records == 1
    assert len(said) == 1
    assert f"broker 127.0.0.1:{free_port} cannot be reached" in said[0]


async def test_a_machine_that_goes_dies_once_its_records_are_acknowledged_and_comes_back_with_a_birth(opened, broker):
    with AcknowledgingHost(broker.port) as host:
        async with running(opened, broker.port) as (uplink, disk):
            await until(lambda: uplink.is_born, "birth")
            await add(uplink, disk, 1, 2)
            uplink.disconnect("pump-1")
            await until(lambda: host.machine_deaths == ["pump-1"], "its death")
            assert disk.journal.pending_of("pump-1") == 0
            uplink.connect("pump-1")
            await add(uplink, disk, 3)
            await until(lambda: 3 in host.stored, "data after its return")
        await until(lambda: host.deaths, "the end")
        assert host.course == [
            "NBIRTH gateway-1",
            "DBIRTH pump-1",
            "DDATA pump-1",
            "DDATA pump-1",
            "DDEATH pump-1",
            "DBIRTH pump-1",
            "DDATA pump-1",
            "NDEATH gateway-1",
        ]
        assert set(host.historical.values()) == {False}


async def test_a_machine_that_goes_dies_while_the_others_keep_the_outbox_full(opened, broker):
    many = 1000
    with AcknowledgingHost(broker.port) as host:
        async with running(opened, broker.port, window=many) as (uplink, disk):
            await until(lambda: uplink.is_born, "birth")
            uplink.connect("pump-2")
            await disk.commit(Change(STAMP, tuple(small_record(n, machine="pump-2") for n in range(1, many + 1))))
            uplink.disconnect("pump-1")
            await until(lambda: len(host.stored) == many, "all records of the other")
        await until(lambda: host.deaths, "the end")
    assert "DDATA pump-2" in host.course[host.course.index("DDEATH pump-1") :]


async def test_an_absent_machine_is_born_for_its_old_records_alone(opened, broker):
    journal = opened()
    journal.commit([Change(STAMP, tuple(small_record(number) for number in (1, 2, 3)))])
    journal.close()
    with AcknowledgingHost(broker.port) as host:
        async with running(opened, broker.port, connected=False) as (_, disk):
            await until(lambda: host.machine_deaths, "its death")
            assert disk.journal.pending_records == 0
        await until(lambda: host.deaths, "the end")
        expected = ["NBIRTH gateway-1", "DBIRTH pump-1", *["DDATA pump-1"] * 3, "DDEATH pump-1", "NDEATH gateway-1"]
        assert host.course == expected
        assert host.historical == {1: True, 2: True, 3: True}


async def test_an_absent_machine_without_records_is_not_born_after_a_reconnect(opened, broker):
    with MqttTap(broker.port) as tap, AcknowledgingHost(broker.port) as host:
        async with running(opened, tap.port) as (uplink, _):
            await until(lambda: uplink.is_born, "birth")
            uplink.disconnect("pump-1")
            await until(lambda: host.machine_deaths, "its death")
            tap.cut()
            await until(lambda: host.course.count("NBIRTH gateway-1") == 2, "the return")
            await asyncio.sleep(0.5)
        assert host.course.count("DBIRTH pump-1") == 1


async def test_while_nobody_answers_an_absent_machine_dies_and_stays_dead_with_its_records_kept(opened, broker):
    with AcknowledgingHost(broker.port) as host:
        host.answers = False
        async with running(opened, broker.port, timeout_s=0.5) as (uplink, disk):
            await until(lambda: uplink.is_born, "birth")
            await add(uplink, disk, 1)
            uplink.disconnect("pump-1")
            await until(lambda: host.machine_deaths, "its death")
            # Several timeouts and the waits after them.
            await asyncio.sleep(4.0)
            assert host.course.count("DBIRTH pump-1") == 1
            assert disk.journal.pending_of("pump-1") == 1
            host.answers = True
            host.say_state(HOST_ID, online=True)
            await until(lambda: disk.journal.pending_records == 0, "acknowledged once the host is back")
            await until(lambda: len(host.machine_deaths) == 2, "its second death")
        assert host.historical == {1: True}


async def test_records_in_flight_go_again_at_once_when_the_host_is_back(opened, broker):
    with AcknowledgingHost(broker.port) as host:
        host.answers = False
        # By timeout alone it would take ten minutes.
        async with running(opened, broker.port, timeout_s=600.0) as (uplink, disk):
            await until(lambda: uplink.is_born, "birth")
            await add(uplink, disk, 1, 2)
            await until(lambda: set(host.deliveries) == {1, 2}, "sent")
            host.say_state(HOST_ID, online=False)
            host.say_state("another-host", online=True)
            await asyncio.sleep(0.5)
            assert set(host.deliveries.values()) == {1}
            host.answers = True
            host.say_state(HOST_ID, online=True)
            await until(lambda: disk.journal.pending_records == 0, "acknowledged", 5.0)
        assert set(host.deliveries.values()) == {2}


async def test_what_the_broker_kept_of_the_hosts_state_is_no_news(opened, broker):
    with AcknowledgingHost(broker.port) as host:
        host.say_state(HOST_ID, online=True)
        host.answers = False
        journal = opened()
        journal.commit([Change(STAMP, (small_record(1),))])
        journal.close()
        async with running(opened, broker.port, timeout_s=600.0) as (uplink, _):
            await until(lambda: uplink.is_born and host.deliveries[1] == 1, "sent")
            await asyncio.sleep(1.0)
        assert host.deliveries[1] == 1


async def test_garbage_as_state_is_survived(opened, broker):
    with AcknowledgingHost(broker.port) as host:
        async with running(opened, broker.port) as (uplink, disk):
            await until(lambda: uplink.is_born, "birth")
            for text in (b"", b"\xff\xfe", b"[1]", b"1" * 5000, b"[" * 100_000):
                host._client.publish(f"spBv1.0/STATE/{HOST_ID}", text, qos=1)
            await add(uplink, disk, 1)
            await until(lambda: disk.journal.pending_records == 0, "acknowledged all the same")


async def test_records_in_flight_go_again_after_a_rebirth(opened, broker):
    """Who asks for births could not read what came before them."""
    with AcknowledgingHost(broker.port) as host:
        host.answers = False
        async with running(opened, broker.port, timeout_s=600.0) as (uplink, disk):
            await until(lambda: uplink.is_born, "birth")
            await add(uplink, disk, 1)
            await until(lambda: host.deliveries[1] == 1, "sent")
            host.answers = True
            host.command(NCMD, Metric(name=metrics.REBIRTH, datatype=DataType.BOOLEAN, value=True, timestamp_ms=1))
            await until(lambda: disk.journal.pending_records == 0, "acknowledged", 5.0)


async def test_a_data_message_that_is_lost_is_sent_again_after_the_timeout(opened, broker):
    with MqttTap(broker.port) as tap, AcknowledgingHost(broker.port) as host:
        async with running(opened, tap.port, timeout_s=1.0) as (uplink, disk):
            await until(lambda: uplink.is_born, "birth")
            tap.lose_once(lambda packet: packet.publication is not None and "/DDATA/" in packet.publication.topic)
            await add(uplink, disk, 1)
            started = time.monotonic()
            await until(lambda: disk.journal.pending_records == 0, "acknowledged")
            # Timeout, then up to once more of it as jitter, and half a second of looking at deadlines.
            assert 1.0 <= time.monotonic() - started < 4.0
        assert host.deliveries == {1: 1}
