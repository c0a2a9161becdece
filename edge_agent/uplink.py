"""The way to the cloud: the only file here that imports the MQTT client.

For each connection, in this order: take the next bdSeq from the journal, CONNECT with our death as will, subscribe to
the commands, publish the births, then send what `edge_agent.lanes` picks and do what the host commands, until the
connection ends. Then wait, with full jitter and longer each time, and begin again. paho runs its network loop in a
thread of its own; what happens there comes over as events through a bounded queue. At the end our death is published
before the clean disconnect.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from edge_agent.errors import UplinkError
from edge_agent.sparkplug_node import AcknowledgedCommand, IgnoredCommand, Rebirth, RejectedCommand
from models.contract.errors import ContractError
from models.contract.vocabulary import DropReason

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from edge_agent.disk import JournalThread
    from edge_agent.lanes import Chosen, Lanes
    from edge_agent.sparkplug_node import Command, Message, SparkplugNode

CONNECT_TIMEOUT_S: Final = 10.0
FIRST_BACKOFF_S: Final = 1.0
LONGEST_BACKOFF_S: Final = 60.0
STABLE_S: Final = 30.0
"""A connection that held for so long was a good one: the next wait is short again. A kick soon after is not."""
TELL_AGAIN_S: Final = 600.0
"""A broker that stays away is mentioned every ten minutes, not with every try."""
_COMMANDS: Final = 256
"""Commands that may wait to be read; acknowledgements beyond are dropped, counted, and come again with the records."""
_IDLE_S: Final = 0.5
"""How often deadlines are looked at when nothing happens."""


@dataclass(frozen=True, slots=True)
class Broker:
    """Where the broker is and who we are to it."""

    host: str
    port: int
    client_id: str
    keepalive_s: int = 30
    username: str | None = None
    password_file: Path | None = None


class _CountingClient(mqtt.Client):
    """paho's client that counts what goes through its socket, in both directions."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.bytes_sent = 0
        self.bytes_received = 0

    def _sock_send(self, buf: bytes | bytearray) -> int:
        sent = super()._sock_send(buf)
        self.bytes_sent += sent
        return sent

    def _sock_recv(self, bufsize: int) -> bytes:
        received = super()._sock_recv(bufsize)
        self.bytes_received += len(received)
        return received


@dataclass(frozen=True, slots=True)
class _Received:
    topic: str
    payload: bytes


class _Session:
    """One connection: paho's client, and what its thread tells us."""

    def __init__(self, broker: Broker, will: Message) -> None:
        self._loop = asyncio.get_running_loop()
        self.received: asyncio.Queue[_Received] = asyncio.Queue(_COMMANDS)
        self.lost_commands = 0
        self.connected: asyncio.Future[None] = self._loop.create_future()
        self.subscribed: asyncio.Future[None] = self._loop.create_future()
        self.ended = asyncio.Event()
        self.reason = ""
        self.activity = asyncio.Event()
        client = _CountingClient(
            CallbackAPIVersion.VERSION2,
            client_id=broker.client_id,
            clean_session=True,
            protocol=mqtt.MQTTv311,
            reconnect_on_failure=False,
        )
        client.connect_timeout = CONNECT_TIMEOUT_S
        client.will_set(will.topic, will.payload, will.qos, retain=False)
        if broker.username is not None:
            client.username_pw_set(broker.username, _password(broker))
        client.on_connect = self._on_connect
        client.on_subscribe = self._on_subscribe
        client.on_message = self._on_message
        client.on_disconnect = self._on_disconnect
        self.client = client
        self._broker = broker

    async def open(self) -> None:
        """Connect and wait for the broker's consent.

        Raises:
            UplinkError: no broker there, or it refuses us.
        """
        broker = self._broker
        where = f"broker {broker.host}:{broker.port}"
        try:
            await asyncio.to_thread(self.client.connect, broker.host, broker.port, broker.keepalive_s)
        except (OSError, ValueError, mqtt.WebsocketConnectionError) as error:
            raise UplinkError(f"{where} cannot be reached ({error})") from error
        self.client.loop_start()
        try:
            await asyncio.wait_for(self.connected, CONNECT_TIMEOUT_S)
        except TimeoutError:
            raise UplinkError(f"{where} does not answer the CONNECT") from None

    async def subscribe(self, topics: tuple[str, ...]) -> None:
        """Subscribe with QoS 1 and wait until it holds.

        Raises:
            UplinkError: refused, or the connection ended.
        """
        self.client.subscribe([(topic, 1) for topic in topics])
        try:
            await asyncio.wait_for(self.subscribed, CONNECT_TIMEOUT_S)
        except TimeoutError:
            raise UplinkError("the broker does not answer the subscription") from None

    def publish(self, message: Message) -> mqtt.MQTTMessageInfo:
        """Hand one message to paho's thread, which keeps the order."""
        return self.client.publish(message.topic, message.payload, message.qos, retain=False)

    async def close(self) -> None:
        """End the connection if it still stands, and paho's thread."""
        self.client.disconnect()
        await asyncio.to_thread(self.client.loop_stop)

    def _post(self, call: Callable[[], None]) -> None:
        # The loop may be gone when the process ends; then there is nobody left to tell.
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(call)

    def _on_connect(self, _client: Any, _data: Any, _flags: Any, reason: Any, _properties: Any) -> None:
        self._post(lambda: self._settle(self.connected, None if not reason.is_failure else str(reason)))

    def _on_subscribe(self, _client: Any, _data: Any, _mid: int, reasons: list[Any], _properties: Any) -> None:
        refused = next((str(reason) for reason in reasons if reason.is_failure), None)
        self._post(lambda: self._settle(self.subscribed, refused))

    def _on_message(self, _client: Any, _data: Any, message: mqtt.MQTTMessage) -> None:
        received = _Received(message.topic, bytes(message.payload))

        def take() -> None:
            try:
                self.received.put_nowait(received)
            except asyncio.QueueFull:
                self.lost_commands += 1
            self.activity.set()

        self._post(take)

    def _on_disconnect(self, _client: Any, _data: Any, _flags: Any, reason: Any, _properties: Any) -> None:
        def end() -> None:
            self.reason = str(reason)
            self.ended.set()
            self.activity.set()
            for future in (self.connected, self.subscribed):
                self._settle(future, self.reason)

        self._post(end)

    def _settle(self, future: asyncio.Future[None], failure: str | None) -> None:
        if future.done():
            return
        if failure is None:
            future.set_result(None)
            return
        future.set_exception(UplinkError(f"the broker refuses: {failure}"))
        # Nobody may be waiting for this one; its exception has been told by the other.
        future.exception()


class Uplink:
    """Sends the outbox and reads the host's commands for as long as the agent runs.

    Args:
        broker: where to connect.
        node: builds and reads messages.
        disk: the journal behind its thread.
        lanes: the order of sending.
        before_birth: is called before each birth to bring the node's own values up to date.
        tell: is told, in one line, what a person should know.
    """

    def __init__(
        self,
        broker: Broker,
        node: SparkplugNode,
        disk: JournalThread,
        lanes: Lanes,
        *,
        before_birth: Callable[[int], None],
        tell: Callable[[str], None],
    ) -> None:
        self._broker = broker
        self._node = node
        self._disk = disk
        self._lanes = lanes
        self._before_birth = before_birth
        self._tell = tell
        self._session: _Session | None = None
        self._bytes_before = 0
        self._random = random.Random()  # noqa: S311 - jitter, not a secret
        self._told_at_s: float | None = None
        self.is_born = False

    @property
    def socket_bytes(self) -> int:
        """Return the bytes that went through the sockets in both directions since the start of this process."""
        session = self._session
        now = 0 if session is None else session.client.bytes_sent + session.client.bytes_received
        return self._bytes_before + now

    def wake(self) -> None:
        """Say that there is something new in the outbox."""
        if self._session is not None:
            self._session.activity.set()

    async def run(self, stop: asyncio.Event) -> None:
        """Keep a session with the broker until `stop` is set; then say our death and disconnect."""
        failures = 0
        while not stop.is_set():
            started_s = time.monotonic()
            try:
                await self._one_session(stop)
            except UplinkError as error:
                self._complain(error)
            if time.monotonic() - started_s > STABLE_S:
                failures = 0
            # Full jitter, also after a kick by the broker: a fleet must not come back all at once.
            longest_s = min(FIRST_BACKOFF_S * 2.0**failures, LONGEST_BACKOFF_S)
            failures += 1
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), self._random.uniform(0.0, longest_s))

    def _complain(self, error: UplinkError) -> None:
        now_s = time.monotonic()
        if self._told_at_s is None or now_s - self._told_at_s > TELL_AGAIN_S:
            self._tell(f"{error}; records wait on disk, trying again")
            self._told_at_s = now_s

    async def _one_session(self, stop: asyncio.Event) -> None:
        bd_seq = await self._disk.call(self._disk.journal.next_bd_seq)
        session = _Session(self._broker, self._node.will(bd_seq, _now_ms()))
        self._session = session
        try:
            await session.open()
            await session.subscribe(self._node.command_topics)
            last_sequence = await self._disk.call(lambda: self._disk.journal.last_sequence)
            self._lanes.born(last_sequence, time.monotonic())
            self._birth(session, bd_seq)
            if self._told_at_s is not None:
                self._tell(f"connected to broker {self._broker.host}:{self._broker.port} again")
                self._told_at_s = None
            await self._serve(session, bd_seq, stop)
            if session.ended.is_set():
                raise UplinkError(f"the connection to broker {self._broker.host} ended ({session.reason})")
            await self._say_death(session, bd_seq)
        finally:
            self.is_born = False
            await session.close()
            self._bytes_before += session.client.bytes_sent + session.client.bytes_received
            self._session = None

    def _birth(self, session: _Session, bd_seq: int) -> None:
        now_ms = _now_ms()
        self._before_birth(now_ms)
        for message in self._node.births(bd_seq, self._disk.journal.incarnation, now_ms):
            session.publish(message)
        self.is_born = True

    async def _serve(self, session: _Session, bd_seq: int, stop: asyncio.Event) -> None:
        stopping = asyncio.create_task(_set_when(stop, session.activity), name="uplink stop")
        try:
            while not stop.is_set() and not session.ended.is_set():
                session.activity.clear()
                await self._obey(session, bd_seq)
                sent = await self._send(session)
                if sent == 0 and session.received.empty():
                    with contextlib.suppress(TimeoutError):
                        await asyncio.wait_for(session.activity.wait(), _IDLE_S)
        finally:
            stopping.cancel()

    async def _obey(self, session: _Session, bd_seq: int) -> None:
        """Do what the commands that have arrived ask for."""
        rebirth = False
        counts: dict[str, int] = {}
        if session.lost_commands:
            counts["lost_commands"] = session.lost_commands
            session.lost_commands = 0
        while not session.received.empty():
            received = session.received.get_nowait()
            for command in self._node.read_command(received.topic, received.payload):
                # However often it is asked for at once, one birth answers it.
                rebirth = rebirth or isinstance(command, Rebirth)
                await self._do(command, counts)
        if rebirth:
            counts["rebirths"] = 1
            self._birth(session, bd_seq)
        if counts:
            await self._disk.call(self._disk.journal.count, counts)

    async def _do(self, command: Command, counts: dict[str, int]) -> None:
        if isinstance(command, AcknowledgedCommand):
            await self._disk.call(self._disk.journal.acknowledge, command.incarnation, command.ranges)
            if command.incarnation == self._disk.journal.incarnation:
                self._lanes.acknowledged(command.ranges, time.monotonic())
        elif isinstance(command, RejectedCommand):
            for reason, ranges in command.rejected.items():
                name = f"rejected/{reason.value}"
                size = sum(last - first + 1 for first, last in ranges.bounds)
                counts[name] = counts.get(name, 0) + min(size, 2**32)
            self._tell(f"the cloud could not use some records: {', '.join(r.value for r in command.rejected)}")
        elif isinstance(command, IgnoredCommand):
            counts["ignored_commands"] = counts.get("ignored_commands", 0) + 1

    async def _send(self, session: _Session) -> int:
        """Send what the lanes choose and return how many records that were."""
        chosen = await self._disk.call(self._lanes.pick, self._disk.journal, time.monotonic())
        for one in chosen:
            message = await self._message(one)
            if message is not None and not session.ended.is_set():
                session.publish(message)
        return len(chosen)

    async def _message(self, chosen: Chosen) -> Message | None:
        pending = chosen.pending
        try:
            return self._node.data(
                pending.sequence, pending.record, is_historical=chosen.is_historical, now_ms=_now_ms()
            )
        except ContractError as error:
            # It would be refused for ever; one that cannot be said must not hold up the others.
            self._tell(f"record {pending.sequence} cannot be sent and is dropped: {error}")
            await self._disk.call(self._disk.journal.drop, pending.sequence, DropReason.CORRUPT)
            return None

    async def _say_death(self, session: _Session, bd_seq: int) -> None:
        info = session.publish(self._node.death(bd_seq, _now_ms()))
        with contextlib.suppress(ValueError, RuntimeError):
            await asyncio.to_thread(info.wait_for_publish, 2.0)


async def _set_when(first: asyncio.Event, then: asyncio.Event) -> None:
    await first.wait()
    then.set()


def _password(broker: Broker) -> str | None:
    if broker.password_file is None:
        return None
    try:
        return broker.password_file.read_text().strip()
    except OSError as error:
        raise UplinkError(f"{broker.password_file}: the broker's password cannot be read ({error.strerror})") from error


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
