"""What the cloud wants beside what it is sent: the moment around an alarm, and a baseline learnt anew.

`Wants.ask` is called by the uplink and takes no time; `Wants.answer` runs as a task of its own, so that reading a
large file holds up neither commands nor machines. What is answered goes through the outbox like everything else.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Final

from edge_agent.journal import Change
from edge_agent.kept_evidence import Moment, Refused
from edge_agent.sparkplug_node import EvidenceWanted
from models.contract.encoding import to_record
from models.contract.evidence import pack_evidence, split_evidence
from models.contract.identity import record_id
from models.contract.kept_moment import KeptMoment
from models.contract.records import Evidence
from models.contract.vocabulary import RecordKind

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from edge_agent.assembly import Machine
    from edge_agent.disk import JournalThread
    from edge_agent.journal import Stamp
    from edge_agent.kept_evidence import KeptEvidence
    from edge_agent.sparkplug_node import RelearnWanted
    from models.contract.kept_moment import MomentRequest
    from models.contract.records import Record

MOST_WAITING: Final = 32
"""The cloud asks again for what it has no answer to."""


class Wants:
    """Answers what the cloud asks for; see the module.

    Args:
        machines: of this gateway.
        kept: the moments on this gateway.
        disk: the journal behind its thread.
        stamp: gives the time.
        committed: is called when an answer is in the outbox.
        tell: is told, in one line, what a person should know.
    """

    def __init__(
        self,
        machines: Sequence[Machine],
        kept: KeptEvidence,
        disk: JournalThread,
        *,
        stamp: Callable[[], Stamp],
        committed: Callable[[], None],
        tell: Callable[[str], None],
    ) -> None:
        self._machines = machines
        self._kept = kept
        self._disk = disk
        self._stamp = stamp
        self._committed = committed
        self._told = tell
        self._waiting: asyncio.Queue[MomentRequest] = asyncio.Queue(MOST_WAITING)

    def ask(self, wanted: EvidenceWanted | RelearnWanted) -> None:
        """Take note of what is wanted; beyond the bound it is forgotten, and asked for again."""
        if isinstance(wanted, EvidenceWanted):
            if not self._waiting.full():
                self._waiting.put_nowait(wanted.request)
            return
        for machine in self._machines:
            if machine.table.name == wanted.machine:
                machine.relearn_ms = wanted.since_ms

    async def answer(self) -> None:
        """Answer one question after the other until cancelled."""
        while True:
            request = await self._waiting.get()
            machine = next((one for one in self._machines if one.table.asset_id == request.asset_id), None)
            if machine is None:
                self._told(f"the cloud asked for a moment of machine {request.asset_id}, which is not watched here")
                continue
            records = await asyncio.to_thread(self._records, request, machine.table.name)
            await self._disk.commit(Change(self._stamp(), records))
            self._committed()

    def _records(self, request: MomentRequest, machine: str) -> tuple[Record, ...]:
        """Return the answer: the same moment has the same ids, so that asked for twice it waits in the outbox once."""
        now_ns = time.time_ns()
        try:
            moment = self._kept.take(request.asset_id, request.alarm_id, now_ns / 1e9)
        except OSError as error:
            moment = Refused(f"the gateway cannot read it ({error.strerror or error})")
        if isinstance(moment, Refused):
            facts = KeptMoment(refusal=moment.reason).fact()
            empty = pack_evidence(Evidence(request.alarm_id, now_ns, None, (), (), facts))
            moment = Moment(request.asset_id, request.alarm_id, now_ns, empty)
        parts = split_evidence(
            moment.package,
            asset_id=moment.asset_id,
            machine=machine,
            subject=moment.alarm_id,
            end_ns=moment.end_ns,
        )
        epoch, kind = moment.end_ns // 1_000_000_000, RecordKind.EVIDENCE
        return tuple(
            to_record(part, record_id=record_id(part.asset_id, kind, epoch, part.index, f"moment/{part.digest}"))
            for part in parts
        )
