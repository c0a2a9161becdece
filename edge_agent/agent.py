"""The gateway's agent, put together: the one place where settings become parts and parts are wired.

In order: the journal is opened (and salvaged if need be), every source is opened and every machine takes up its place
again, the edge node learns what will ever be sent, then the tasks start: the uplink, one task per machine, and the
gateway's own health. The uplink gives every machine a moment to say whether its source delivers, because the births
name those that are there. A machine's task is: block → windows → decisions → one transaction → wake the uplink. A
source that fails is said once and tried again for as long as it takes, while the other machines go on.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections.abc import AsyncGenerator, Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from edge_agent.assembly import (
    Machine,
    agent_version,
    broker,
    catalogue,
    edge_node,
    load_networks,
    machine_setup,
)
from edge_agent.backoff import Backoff
from edge_agent.certificate import CertificateClock
from edge_agent.clock import Clock
from edge_agent.configuration import source_options, source_request
from edge_agent.disk import JournalThread
from edge_agent.errors import JournalFullError
from edge_agent.heavy_work import HeavyWork
from edge_agent.journal import Change, MachineProgress
from edge_agent.journal_opening import open_journal
from edge_agent.kept_evidence import Budget, KeptEvidence
from edge_agent.lanes import Lanes
from edge_agent.machine import MachineWatch
from edge_agent.memory import give_back_memory, leave_loaded_alone, resident_mb
from edge_agent.sources import source_module
from edge_agent.sources.base import SourceError
from edge_agent.uplink import Uplink
from edge_agent.wanted import Wants
from models.contract import metrics
from models.contract.encoding import to_record
from models.contract.identity import record_id
from models.contract.records import GatewayHealth
from models.contract.vocabulary import RecordKind
from models.signal.errors import StreamError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence
    from pathlib import Path

    from edge_agent.configuration import MachineTable, Settings
    from edge_agent.journal import Catalogue, Stamp
    from edge_agent.kept_evidence import Moment
    from edge_agent.machine_setup import Step
    from models.contract.records import Record
    from models.signal.windows import Block

COMMIT_INTERVAL_S: Final = 2.0
"""Windows that cause no record are committed together: a kill costs at most this much to be computed again."""
HEALTH_INTERVAL_S: Final = 60.0
SETTLE_S: Final = 3.0
"""After so long everything has been loaded that starting needs."""
FIRST_WORD_S: Final = 2.0
"""So long the first births wait for sources: a real one delivers within half a second."""
FIRST_RETRY_S: Final = 1.0
LONGEST_RETRY_S: Final = 60.0
STABLE_S: Final = 30.0
"""A source that delivered for so long is tried again soon when it fails."""
DISK_FULL_RETRY_S: Final = 5.0
_NS: Final = 1_000_000_000


Observer = Callable[[int, int, int | None], None]
"""Is told of each block when it is done: windows judged, the block's end, and when its records were on disk (None: it
had none), both wall time in ns."""


async def run_agent(
    settings: Settings,
    folder: Path,
    *,
    stop: asyncio.Event,
    tell: Callable[[str], None],
    exit_at_end: bool = False,
    observe: Observer | None = None,
) -> None:
    """Run until `stop` is set, or with `exit_at_end` until all sources have ended and the outbox is empty.

    Args:
        settings: of the gateway.
        folder: of the configuration file; relative paths in it start there.
        stop: ends the agent cleanly.
        tell: is told, in one line, what a person should know.
        exit_at_end: for recordings.
        observe: is called after each block; for measurements.

    Raises:
        DataDirectoryError, SourceError: cannot start.
        JournalError: the disk fails.
    """
    give_back_memory()
    clock = Clock()
    journal = open_journal(
        settings.gateway.data_dir,
        max_bytes=settings.outbox.max_bytes,
        synchronous=settings.outbox.synchronous,
        boot_id=clock.boot_id,
        tell=tell,
    )
    async with JournalThread(journal) as disk:
        heavy = HeavyWork()
        machines = [await _opened(table, folder, disk, heavy, tell) for table in settings.machine]
        load_networks(machines)
        give_back_memory()
        declared = await disk.call(journal.declared, catalogue(machines))
        agent = Agent(settings, disk, machines, clock, declared=declared, tell=tell, observe=observe)
        await agent.run(stop, exit_at_end=exit_at_end)


async def _opened(
    table: MachineTable, folder: Path, disk: JournalThread, heavy: HeavyWork, tell: Callable[[str], None]
) -> Machine:
    """Return a machine at the place where it stood at its last commit."""
    source = await asyncio.to_thread(
        source_module(table.source.kind).open_source, source_request(table, folder), source_options(table)
    )
    stored = await disk.call(disk.journal.progress, table.asset_id)
    watch = MachineWatch(machine_setup(table, source), None if stored is None else stored.state, heavy)
    if stored is None or not watch.restarted:
        if stored is not None:
            tell(f"machine {table.name}: its stored state cannot be used; it is learnt anew")
        # Seconds since 1970 never repeat, so records of a stream begun anew are never taken for those of the old one.
        return Machine(table, source, watch, int(time.time()), "")
    return Machine(table, source, watch, stored.position.epoch, stored.position.detail)


class Agent:
    """The running agent; made by `run_agent`."""

    def __init__(
        self,
        settings: Settings,
        disk: JournalThread,
        machines: Sequence[Machine],
        clock: Clock,
        *,
        declared: Catalogue,
        tell: Callable[[str], None],
        observe: Observer | None = None,
    ) -> None:
        self._settings = settings
        self._disk = disk
        self._machines = machines
        self._clock = clock
        self._tell = tell
        self._observe = observe
        self._node = edge_node(settings, machines, declared)
        outbox, kept = settings.outbox, settings.kept_evidence
        self._kept = KeptEvidence(
            settings.gateway.data_dir / "kept_evidence", Budget(kept.max_bytes, kept.days, kept.sent_bytes_per_day)
        )
        self._wants = Wants(machines, self._kept, disk, stamp=clock.stamp, committed=self._answered, tell=tell)
        self._uplink = Uplink(
            broker(settings),
            self._node,
            disk,
            Lanes(outbox.in_flight, outbox.timeout_s, outbox.history_records_per_s, random.Random()),  # noqa: S311 - jitter
            host_id=settings.gateway.host_id,
            before_birth=self._before_birth,
            wanted=self._wants.ask,
            tell=tell,
        )
        self._certificate = CertificateClock(settings.mqtt.certificate_file)
        self._sent_bytes_stored = 0
        self._started_ns = time.time_ns()
        self._health_number = 0
        self._cpu_before = (time.monotonic(), time.process_time())

    async def run(self, stop: asyncio.Event, *, exit_at_end: bool) -> None:
        """Start the tasks, and end them in the opposite order: sources, then health, then the uplink."""
        uplink_stop = asyncio.Event()
        async with asyncio.TaskGroup() as tasks:
            uplink = tasks.create_task(self._run_uplink(uplink_stop), name="uplink")
            health = tasks.create_task(self._report_health(), name="health")
            answers = tasks.create_task(self._wants.answer(), name="answers")
            running = [
                tasks.create_task(self._run_machine(machine, stop), name=f"machine {machine.table.name}")
                for machine in self._machines
            ]
            stopping = asyncio.create_task(stop.wait(), name="stop")
            try:
                sources_end = asyncio.gather(*running)
                await asyncio.wait((sources_end, stopping), return_when=asyncio.FIRST_COMPLETED)
                if exit_at_end and not stop.is_set():
                    await self._wait_for_empty_outbox(stop)
                elif not stop.is_set():
                    self._tell("all sources have ended; the agent goes on sending until it is stopped")
                    await stop.wait()
                await sources_end
            finally:
                stopping.cancel()
                health.cancel()
                answers.cancel()
            await self._disk.commit(Change(self._clock.stamp(), counts=self._new_sent_bytes()))
            uplink_stop.set()
            await uplink
            await self._disk.commit(Change(self._clock.stamp(), counts=self._new_sent_bytes()))

    async def _run_uplink(self, stop: asyncio.Event) -> None:
        """Run the uplink once every machine has said whether it is there, or has had the time for it."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(FIRST_WORD_S):
                for machine in self._machines:
                    await machine.has_spoken.wait()
        await self._uplink.run(stop)

    async def _run_machine(self, machine: Machine, stop: asyncio.Event) -> None:
        """Watch one machine until it is stopped or its source ends; a source that fails is tried again."""
        name = machine.table.name
        backoff = Backoff(FIRST_RETRY_S, LONGEST_RETRY_S, STABLE_S, random.Random())  # noqa: S311 - jitter
        while not stop.is_set():
            failure: str | None = None
            machine.connected_at_s = None
            try:
                await self._watch(machine, stop)
            except (SourceError, StreamError) as error:
                failure = str(error)
            machine.has_spoken.set()
            if stop.is_set():
                return
            self._uplink.disconnect(name)
            if failure is None:
                self._tell(f"machine {name}: its data have ended")
                return
            if not machine.is_failing:
                self._tell(f"machine {name}: {failure}; trying again until it delivers, the other machines go on")
            machine.is_failing = True
            worked_s = 0.0 if machine.connected_at_s is None else time.monotonic() - machine.connected_at_s
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), backoff.wait_s(worked_s))

    def _delivers(self, machine: Machine) -> None:
        """Note the first new samples since the source was (re)opened: the machine is there (again).

        New, because a replay that goes on within a window gives its beginning again, also when it then fails or ends.
        """
        machine.connected_at_s = time.monotonic()
        self._uplink.connect(machine.table.name)
        machine.has_spoken.set()
        if machine.is_failing:
            machine.is_failing = False
            self._tell(f"machine {machine.table.name}: its source delivers again")

    async def _watch(self, machine: Machine, stop: asyncio.Event) -> None:
        watch = machine.watch
        pending = _Pending(machine.raw_bytes_per_sample)
        committed_at_s = time.monotonic()
        start = watch.position(machine.epoch, machine.detail)
        blocks = machine.source.blocks(start)
        stopping = asyncio.create_task(stop.wait(), name=f"stop of machine {machine.table.name}")
        try:
            while True:
                block = await _next_block(blocks, stopping)
                if block is None:
                    break
                step, stamp = await self._taken(machine, block, pending)
                on_disk_ns: int | None = None
                due = time.monotonic() - committed_at_s >= COMMIT_INTERVAL_S
                if step.records or due:
                    on_disk_ns = await self._commit(machine, step.records, stamp, pending)
                    committed_at_s = time.monotonic()
                if step.windows and not machine.has_judged:
                    # What its first window alone has loaded is given back before more comes on top of it.
                    machine.has_judged = True
                    leave_loaded_alone()
                    await asyncio.to_thread(give_back_memory)
                if self._observe is not None:
                    self._observe(step.windows, block.end_ns, on_disk_ns if step.records else None)
            stamp = self._clock.stamp()
            records: tuple[Record, ...] = ()
            if not stop.is_set():
                await self._keep(machine, await watch.last_moments(stamp.quality))
                records = watch.close()
            await self._commit(machine, records, stamp, pending)
        except (SourceError, StreamError):
            pending.failures += 1
            await self._commit(machine, (), self._clock.stamp(), pending)
            raise
        finally:
            stopping.cancel()
            if isinstance(blocks, AsyncGenerator):
                await blocks.aclose()

    async def _taken(self, machine: Machine, block: Block, pending: _Pending) -> tuple[Step, Stamp]:
        """Return what one block led to, and when; what is to be kept here is kept."""
        stamp = self._clock.stamp()
        if machine.relearn_ms is not None:
            await self._relearn(machine, machine.relearn_ms, stamp, pending)
        step = await machine.watch.take(
            block, stamp.quality, lambda records: self._commit(machine, records, stamp, pending)
        )
        await self._keep(machine, step.moments)
        pending.add(step.new_samples, step.windows)
        if step.new_samples and machine.connected_at_s is None:
            self._delivers(machine)
        return step, stamp

    async def _commit(self, machine: Machine, records: tuple[Record, ...], stamp: Stamp, pending: _Pending) -> int:
        """Write one step in one transaction; with a full disk, hold the source back until there is room.

        Returns:
            When it was on disk, wall time in ns.
        """
        machine.detail = machine.source.detail
        progress = MachineProgress(
            machine.table.asset_id, machine.watch.position(machine.epoch, machine.detail), machine.watch.memory_bytes()
        )
        change = Change(stamp, records, progress, {**pending.take(), **self._new_sent_bytes()})
        told = False
        while True:
            try:
                on_disk_ns = await self._disk.commit(change)
            except JournalFullError as error:
                if not told:
                    self._tell(str(error))
                    told = True
                await asyncio.sleep(DISK_FULL_RETRY_S)
            else:
                break
        if any(record.kind is RecordKind.ALARM for record in records):
            self._uplink.wake()
        elif records:
            self._uplink.wake_soon()
        return on_disk_ns

    async def _relearn(self, machine: Machine, since_ms: int, stamp: Stamp, pending: _Pending) -> None:
        """Learn what is normal anew, unless that was done already, and say so in the machine's next birth."""
        machine.relearn_ms, name = None, machine.table.name
        if since_ms > machine.watch.learning_since_ms:
            await self._commit(machine, machine.watch.relearn(since_ms), stamp, pending)
            self._tell(f"machine {name}: a part was replaced; what is normal is learnt anew")
        self._node.set_value(name, metrics.LEARNING_SINCE, machine.watch.learning_since_ms, stamp.wall_ns // 1_000_000)
        self._uplink.bear_again(name)

    async def _keep(self, machine: Machine, moments: Sequence[Moment]) -> None:
        """Keep moments around alarms; one that the disk does not take is said and counted."""
        for moment in moments:
            try:
                await asyncio.to_thread(self._kept.keep, moment, time.time())
            except OSError as error:
                self._tell(f"machine {machine.table.name}: the moment of an alarm cannot be kept ({error.strerror})")
                await self._disk.call(self._disk.journal.count, {"moments_not_kept": 1})

    def _new_sent_bytes(self) -> dict[str, int]:
        """Return what went through the sockets since this was asked last; counted with whatever is written next."""
        now = self._uplink.socket_bytes
        new, self._sent_bytes_stored = now - self._sent_bytes_stored, now
        return {"sent_bytes": new} if new else {}

    def _answered(self) -> None:
        self._uplink.wake()

    async def _report_health(self) -> None:
        while True:
            stamp = self._clock.stamp()
            days_left = await self._certificate.days_left(stamp.wall_ns / _NS)
            health = replace(await self._disk.call(self._health, stamp), certificate_days=days_left)
            name = record_id(health.asset_id, RecordKind.HEALTH, self._started_ns // _NS, self._health_number)
            self._health_number += 1
            await self._disk.commit(Change(stamp, (to_record(health, record_id=name),), counts=self._new_sent_bytes()))
            self._uplink.wake()
            await asyncio.sleep(SETTLE_S)
            await asyncio.to_thread(give_back_memory)
            await asyncio.sleep(HEALTH_INTERVAL_S - SETTLE_S)

    def _health(self, stamp: Stamp) -> GatewayHealth:
        journal = self._disk.journal
        counters = journal.counters()
        _, offset_s = self._clock.quality()
        now = (time.monotonic(), time.process_time())
        elapsed_s = max(now[0] - self._cpu_before[0], 1e-3)
        cpu_percent = 100.0 * (now[1] - self._cpu_before[1]) / elapsed_s
        self._cpu_before = now
        return GatewayHealth(
            gateway=self._settings.gateway.name,
            asset_id=self._settings.gateway.asset_id,
            end_ns=stamp.wall_ns,
            agent_version=agent_version(),
            pending_records=journal.pending_records,
            outbox_bytes=journal.outbox_bytes,
            dropped=journal.dropped(),
            clock_quality=stamp.quality,
            clock_offset_s=offset_s,
            cpu_percent=cpu_percent,
            rss_mb=resident_mb(),
            raw_bytes=counters.get("raw_bytes", 0),
            sent_bytes=counters.get("sent_bytes", 0),
            windows=counters.get("windows", 0),
        )

    def _before_birth(self, now_ms: int) -> None:
        journal = self._disk.journal
        quality, _ = self._clock.quality()
        self._node.set_value(None, metrics.OUTBOX_PENDING, journal.pending_records, now_ms)
        self._node.set_value(None, metrics.CLOCK_QUALITY, quality.value, now_ms)

    async def _wait_for_empty_outbox(self, stop: asyncio.Event) -> None:
        while self._disk.journal.pending_records and not stop.is_set():
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), 0.2)


class _Pending:
    """What has been counted and not yet committed."""

    def __init__(self, raw_bytes_per_sample: float) -> None:
        self._raw_bytes_per_sample = raw_bytes_per_sample
        self._samples = 0
        self._windows = 0
        self.failures = 0

    def add(self, samples: int, windows: int) -> None:
        self._samples += samples
        self._windows += windows

    def take(self) -> dict[str, int]:
        counts = {"raw_bytes": round(self._samples * self._raw_bytes_per_sample), "windows": self._windows}
        if self.failures:
            counts["source_failures"] = self.failures
        self._samples = self._windows = self.failures = 0
        return counts


async def _next_block(blocks: AsyncIterator[Block], stopping: asyncio.Task[object]) -> Block | None:
    """Return the next block, or None when there is none or the agent is to stop."""
    if stopping.done():
        return None
    # Interrupted in place and not raced as a task of its own: blocks are frequent, and a task costs more than a block.
    try:
        async with asyncio.timeout(None) as patience:
            waiting = True

            def interrupt(_: object) -> None:
                # Called one turn of the loop later: the block may have come meanwhile.
                if waiting:
                    patience.reschedule(0.0)

            stopping.add_done_callback(interrupt)
            try:
                return await anext(blocks, None)
            finally:
                waiting = False
                stopping.remove_done_callback(interrupt)
    except TimeoutError:
        if patience.expired():
            return None
        raise
