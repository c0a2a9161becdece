"""A cloud's stores and ingest in a directory, with a clock that tests turn: everything real but broker and time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from sqlalchemy import URL, Engine
from support.contract_examples import ASSET, FEATURE_HASH, FEATURES, GATEWAY_ASSET, INCARNATION, START_NS
from support.simulated_gateway import Sent, SimulatedGateway, SimulatedMachine

from cloud.book.opening import book_url, open_book
from cloud.book.reading import BookReader
from cloud.configuration import RetentionSettings
from cloud.event_hub import Change
from cloud.ingest import Command, Ingest
from cloud.planning import Connected, Message
from cloud.status import Status
from cloud.trends.sqlite import SqliteTrendStore
from models.contract import metrics
from models.contract.acknowledgement import Ranges, parse_acknowledged, parse_rejected
from models.contract.facts import ChannelFacts, MachineFacts
from models.contract.sparkplug import Metric, decode_payload

NOW_MS = START_NS // 1_000_000
GATEWAY = "plant:gateway-1"


def pump_gateway(**changes: object) -> SimulatedGateway:
    """Return a gateway with the pump of `contract_examples`."""
    facts = MachineFacts(
        "pump", 1480.0, 2, "rigid", FEATURE_HASH, 1.0, 60.0, (ChannelFacts("DE.H", "g", 25_600.0, 2, "SKF 6205"),)
    )
    machine = SimulatedMachine("pump-1", ASSET, facts, FEATURES)
    fields = {"group": "plant", "name": "gateway-1", "asset_id": GATEWAY_ASSET, "machines": [machine]}
    return SimulatedGateway(**({"incarnation": INCARNATION} | fields | changes))  # type: ignore[arg-type]  # changes fit


@dataclass(slots=True)
class Bench:
    """Stores, ingest and a clock."""

    directory: Path
    engine: Engine
    trends: SqliteTrendStore
    ingest: Ingest
    status: Status
    now_ms: int = NOW_MS
    commands: list[Command] = field(default_factory=list)
    changes: set[Change] = field(default_factory=set)

    @property
    def book(self) -> BookReader:
        """Return a reader of the book."""
        return BookReader(self.engine)

    def arrive(self, *sent: Sent, retained: bool = False, after_ms: int = 1_000) -> None:
        """Have messages arrive as one batch, a moment later; keep what it tells gateways and pages."""
        self.now_ms += after_ms
        messages = [Message(one.topic, one.payload, retained, self.now_ms) for one in sent]
        batch = self.ingest.plan(messages, self.now_ms)
        self.changes |= self.ingest.store(batch)
        self.commands += self.ingest.commands(batch, self.now_ms)

    def acknowledged(self, gateway: SimulatedGateway) -> Ranges:
        """Return every number the gateway was told is stored."""
        told = Ranges()
        for text in self._written(gateway, metrics.OUTBOX_ACKNOWLEDGED):
            incarnation, ranges = parse_acknowledged(text)
            assert incarnation == gateway.incarnation
            told = told.union(ranges)
        return told

    def rejected(self, gateway: SimulatedGateway) -> dict[str, Ranges]:
        """Return every number the gateway was told is in quarantine, by reason."""
        told: dict[str, Ranges] = {}
        for text in self._written(gateway, metrics.OUTBOX_REJECTED):
            for reason, ranges in parse_rejected(text)[1].items():
                told[reason.value] = told.get(reason.value, Ranges()).union(ranges)
        return told

    def rebirths(self) -> int:
        """Return how often a rebirth was asked for."""
        written = [metric for command in self.commands for metric in decode_payload(command.payload).metrics]
        return sum(metric.name == metrics.REBIRTH for metric in written)

    def _written(self, gateway: SimulatedGateway, name: str) -> list[str]:
        alias, _ = gateway.aliases[None, name]
        written: list[Metric] = []
        for command in self.commands:
            if command.topic == f"spBv1.0/{gateway.group}/NCMD/{gateway.name}":
                written += decode_payload(command.payload).metrics
        return [str(metric.value) for metric in written if metric.alias == alias]


@cache
def _empty_book() -> bytes:
    """Return a migrated book without content: migrating takes ten times as long as a test."""
    with TemporaryDirectory() as directory:
        path = Path(directory) / "book.sqlite"
        open_book(book_url(path)).dispose()
        return path.read_bytes()


@contextmanager
def bench(directory: Path, now_ms: int = NOW_MS, book: URL | None = None, **retention: float) -> Iterator[Bench]:
    """Open the stores of a directory as a starting cloud does, connected to a broker; the book elsewhere if told."""
    directory.mkdir(parents=True, exist_ok=True)
    file = directory / "book.sqlite"
    if book is None and not file.exists():
        file.write_bytes(_empty_book())
    engine = open_book(book or book_url(file))
    trends = SqliteTrendStore(directory / "trends.sqlite", RetentionSettings(**retention))
    status = Status(broker_connected=True)
    try:
        ingest = Ingest(trends, engine, status, reorder_ms=500)
        ingest.store(ingest.plan([Connected()], now_ms))
        yield Bench(directory, engine, trends, ingest, status, now_ms)
    finally:
        trends.close()
        engine.dispose()
