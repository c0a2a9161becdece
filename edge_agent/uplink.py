"""The way to the cloud: sessions with the broker, one after the other, and what is said in them.

For each connection, in this order: take the next bdSeq from the journal, CONNECT with our death as will, subscribe to
the commands, publish the births, then send what `edge_agent.lanes` picks and do what the host commands, until the
connection ends. Machines that come are born, machines that have gone die once their records are sent. Then wait, with
full jitter and longer each time, and begin again. At the end our death is published before the clean disconnect.

We also listen to the STATE of our host: when it is back, what was in flight goes out again at once. Nothing ever waits
for it; other hosts keep their data.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from typing import TYPE_CHECKING, Final

from edge_agent.backoff import Backoff
from edge_agent.errors import UplinkError
from edge_agent.mqtt_session import Session
from edge_agent.sparkplug_node import (
    AcknowledgedCommand,
    EvidenceWanted,
    IgnoredCommand,
    Rebirth,
    RejectedCommand,
    RelearnWanted,
    read_host_state,
)
from models.contract.errors import ContractError
from models.contract.topics import state_topic
from models.contract.vocabulary import DropReason

if TYPE_CHECKING:
    from collections.abc import Callable

    from edge_agent.disk import JournalThread
    from edge_agent.lanes import Chosen, Lanes
    from edge_agent.mqtt_session import Broker, Received
    from edge_agent.sparkplug_node import Command, HostState, Message, SparkplugNode

FIRST_BACKOFF_S: Final = 1.0
LONGEST_BACKOFF_S: Final = 60.0
STABLE_S: Final = 30.0
"""A connection that held for so long was a good one: the next wait is short again. A kick soon after is not."""
TELL_AGAIN_S: Final = 600.0
"""A broker that stays away is mentioned every ten minutes, not with every try."""
COMPANY_S: Final = 0.05
"""What four full machines need to decide about windows that end together, twice over."""
_IDLE_S: Final = 0.5
"""How often deadlines are looked at when nothing happens."""
_LINGER_S: Final = 2.0
"""A machine that is gone stays alive for so long after the last of its records that was answered or given up: the next
ones mostly follow, and need no birth of their own then."""


class Uplink:
    """Sends the outbox and reads the host's commands for as long as the agent runs.

    Args:
        broker: where to connect.
        node: builds and reads messages.
        disk: the journal behind its thread.
        lanes: the order of sending.
        host_id: of the host whose acknowledgement counts.
        before_birth: is called before each birth to bring the node's own values up to date.
        wanted: is told what the host wants of the machines; must not take long.
        tell: is told, in one line, what a person should know.
    """

    def __init__(
        self,
        broker: Broker,
        node: SparkplugNode,
        disk: JournalThread,
        lanes: Lanes,
        *,
        host_id: str,
        before_birth: Callable[[int], None],
        wanted: Callable[[EvidenceWanted | RelearnWanted], None],
        tell: Callable[[str], None],
    ) -> None:
        self._broker = broker
        self._node = node
        self._disk = disk
        self._lanes = lanes
        self._state_topic = state_topic(host_id)
        self._host: HostState | None = None
        self._before_birth = before_birth
        self._wanted = wanted
        self._tell = tell
        self._session: Session | None = None
        self._bytes_before = 0
        self._backoff = Backoff(FIRST_BACKOFF_S, LONGEST_BACKOFF_S, STABLE_S, random.Random())  # noqa: S311 - jitter
        self._busy_at_s: dict[str, float] = {}
        self._told_at_s: float | None = None
        self._waking: asyncio.TimerHandle | None = None
        self.is_born = False

    @property
    def socket_bytes(self) -> int:
        """Return the bytes that went through the sockets in both directions since the start of this process."""
        return self._bytes_before + (0 if self._session is None else self._session.socket_bytes)

    def wake(self) -> None:
        """Say that there is something new in the outbox that cannot wait, such as an alarm."""
        if self._session is not None:
            self._session.activity.set()

    def wake_soon(self) -> None:
        """Say that there is something new in the outbox; it is on disk, and may wait for what other machines decide.

        Machines on one clock end their windows together. Putting the summary of the first on the wire would keep the
        window of the last from the disk.
        """
        if self._waking is None:
            self._waking = asyncio.get_running_loop().call_later(COMPANY_S, self._wake_now)

    def _wake_now(self) -> None:
        self._waking = None
        self.wake()

    def connect(self, machine: str) -> None:
        """Say that a machine's source delivers; it is born before its next record is sent."""
        self._node.connect(machine)
        self.wake()

    def bear_again(self, machine: str) -> None:
        """Say that a machine's birth must be said again, because a value in it has changed."""
        self._node.bear_again(machine)
        self.wake()

    def disconnect(self, machine: str) -> None:
        """Say that a machine's source has ended or failed; it dies when its records are sent."""
        self._node.disconnect(machine)
        self.wake()

    async def run(self, stop: asyncio.Event) -> None:
        """Keep a session with the broker until `stop` is set; then say our death and disconnect."""
        while not stop.is_set():
            started_s = time.monotonic()
            try:
                await self._one_session(stop)
            except UplinkError as error:
                self._complain(error)
            # Also after a kick by the broker: a fleet must not come back all at once.
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), self._backoff.wait_s(time.monotonic() - started_s))

    def _complain(self, error: UplinkError) -> None:
        now_s = time.monotonic()
        if self._told_at_s is None or now_s - self._told_at_s > TELL_AGAIN_S:
            self._tell(f"{error}; records wait on disk, trying again")
            self._told_at_s = now_s

    async def _one_session(self, stop: asyncio.Event) -> None:
        bd_seq = await self._disk.call(self._disk.journal.next_bd_seq)
        session = Session(self._broker, self._node.will(bd_seq, _now_ms()))
        self._session = session
        try:
            await session.open()
            self._host = None
            await session.subscribe(self._node.command_topics, self._state_topic)
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
            self._bytes_before += session.socket_bytes
            self._session = None

    def _birth(self, session: Session, bd_seq: int) -> None:
        now_ms = _now_ms()
        self._before_birth(now_ms)
        for message in self._node.births(bd_seq, self._disk.journal.incarnation, now_ms):
            session.publish(message)
        self.is_born = True

    async def _serve(self, session: Session, bd_seq: int, stop: asyncio.Event) -> None:
        stopping = asyncio.create_task(_set_when(stop, session.activity), name="uplink stop")
        try:
            while not stop.is_set() and not session.ended.is_set():
                session.activity.clear()
                await self._obey(session, bd_seq)
                for machine in self._node.unborn:
                    session.publish(self._node.machine_birth(machine, _now_ms()))
                sent = await self._send(session)
                self._bury(session)
                if sent == 0 and session.received.empty():
                    with contextlib.suppress(TimeoutError):
                        await asyncio.wait_for(session.activity.wait(), _IDLE_S)
        finally:
            stopping.cancel()

    async def _obey(self, session: Session, bd_seq: int) -> None:
        """Do what the commands that have arrived ask for."""
        rebirth = False
        counts: dict[str, int] = {}
        if session.lost_commands:
            counts["lost_commands"] = session.lost_commands
            session.lost_commands = 0
        while not session.received.empty():
            received = session.received.get_nowait()
            if received.topic == self._state_topic:
                self._hear_host(received)
                continue
            for command in self._node.read_command(received.topic, received.payload):
                # However often it is asked for at once, one birth answers it.
                rebirth = rebirth or isinstance(command, Rebirth)
                await self._do(command, counts)
        if rebirth:
            counts["rebirths"] = 1
            self._birth(session, bd_seq)
            # Who asks for births could not read what came before.
            self._lanes.missed()
        if counts:
            await self._disk.call(self._disk.journal.count, counts)

    def _hear_host(self, received: Received) -> None:
        """Send again what is in flight when our host comes (back); what the broker kept of it is no news."""
        state = read_host_state(received.payload)
        if state is None:
            return
        is_news = state != self._host if self._host is not None else not received.retained
        if state.online and is_news:
            self._lanes.missed()
        self._host = state

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
        elif isinstance(command, EvidenceWanted | RelearnWanted):
            self._wanted(command)
        elif isinstance(command, IgnoredCommand):
            counts["ignored_commands"] = counts.get("ignored_commands", 0) + 1

    async def _send(self, session: Session) -> int:
        """Send what the lanes choose and return how many records that were."""
        absent = self._node.absent
        chosen = await self._disk.call(self._lanes.pick, self._disk.journal, time.monotonic(), absent=absent)
        for one in chosen:
            machine = one.pending.record.machine
            if machine in self._node.absent:
                session.publish(self._node.machine_birth(machine, _now_ms()))
            message = await self._message(one)
            if message is not None and not session.ended.is_set():
                session.publish(message)
        return len(chosen)

    def _bury(self, session: Session) -> None:
        """Say the death of machines that are gone, once their records are acknowledged or nobody answers."""
        now_s = time.monotonic()
        dying = self._node.dying
        self._busy_at_s = {machine: self._busy_at_s.get(machine, now_s) for machine in dying}
        for machine in dying:
            if self._disk.journal.pending_of(machine):
                if self._lanes.is_in_flight(machine):
                    self._busy_at_s[machine] = now_s
                if now_s - self._busy_at_s[machine] < _LINGER_S:
                    continue
            session.publish(self._node.machine_death(machine, _now_ms()))

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

    async def _say_death(self, session: Session, bd_seq: int) -> None:
        await session.publish_last(self._node.death(bd_seq, _now_ms()), 2.0)


async def _set_when(first: asyncio.Event, then: asyncio.Event) -> None:
    await first.wait()
    then.set()


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
