"""`plantpulse agent`: run the gateway's agent, check its configuration, look into its journal, try it on files."""

from __future__ import annotations

import asyncio
import base64
import dataclasses
import json
import signal
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edge_agent.memory import prefer_little_memory
from models.contract.errors import ConfigurationError, InputError, PlantpulseError

if TYPE_CHECKING:
    import argparse

    from edge_agent.configuration import MachineTable, Settings
    from edge_agent.status import ChannelBands
    from models.contract.records import Record


def configure(parser: argparse.ArgumentParser) -> None:
    """Describe the subcommands."""
    parser.epilog = "Example: plantpulse agent run --config gateway.toml"
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    for name, summary in (
        ("run", "run the agent until it is stopped"),
        ("check", "read the configuration, open every source, and say what would run"),
        ("status", "what waits in the outbox, what was dropped, where each machine stands"),
        ("replay", "the real pipeline on files; records as JSON lines"),
    ):
        action = actions.add_parser(
            name, help=summary, description=f"{summary[0].upper()}{summary[1:]}.", epilog=_example(name)
        )
        if name == "replay":
            action.add_argument("files", nargs="+", metavar="FILE", type=Path, help="recordings, one after the other")
            action.add_argument("--machine", help="name in the configuration; the first one by default")
        action.add_argument("--config", type=Path, required=True, metavar="TOML", help="the gateway's configuration")
        if name == "run":
            action.add_argument(
                "--exit-at-end", action="store_true", help="end when all recordings are played and sent"
            )
        else:
            action.add_argument("--json", action="store_true", help="JSON on standard output")


def run(arguments: argparse.Namespace) -> int:
    """Do what was asked for and return the exit code."""
    prefer_little_memory()
    from edge_agent.configuration import read_settings

    settings = read_settings(arguments.config)
    folder = arguments.config.resolve().parent
    if arguments.action == "run":
        return _run(settings, folder, exit_at_end=arguments.exit_at_end)
    if arguments.action == "check":
        return _check(settings, folder, as_json=arguments.json)
    if arguments.action == "status":
        return _status(settings, as_json=arguments.json)
    return asyncio.run(_replay(settings, folder, arguments.files, arguments.machine))


def _run(settings: Settings, folder: Path, *, exit_at_end: bool) -> int:
    from edge_agent.agent import run_agent

    async def until_stopped() -> None:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop.set)
        await run_agent(settings, folder, stop=stop, tell=_tell, exit_at_end=exit_at_end)

    try:
        asyncio.run(until_stopped())
    except* PlantpulseError as group:
        first: BaseException = group
        while isinstance(first, BaseExceptionGroup):
            first = first.exceptions[0]
        raise first from None
    return 0


def _tell(line: str) -> None:
    at = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    print(f"{at} {line}", file=sys.stderr, flush=True)


def _check(settings: Settings, folder: Path, *, as_json: bool) -> int:
    """Open everything that can be opened without running and say what was found."""
    from edge_agent.assembly import broker, machine_setup
    from edge_agent.configuration import configuration_hash, source_options, source_request
    from edge_agent.machine import MachineWatch
    from edge_agent.sources import source_module

    if (tls := broker(settings).tls) is not None:
        tls.context()
    machines = []
    for table in settings.machine:
        source = source_module(table.source.kind).open_source(source_request(table, folder), source_options(table))
        watch = MachineWatch(machine_setup(table, source))
        machines.append(_described(table, watch, source))
    found = {
        "gateway": f"{settings.gateway.group}/{settings.gateway.name}",
        "broker": f"{settings.mqtt.host}:{settings.mqtt.port}{' with TLS' if settings.mqtt.tls else ''}",
        "data_dir": str(settings.gateway.data_dir),
        "config_hash": configuration_hash(settings),
        "machines": machines,
    }
    if as_json:
        print(json.dumps(found))
        return 0
    print(f"gateway {found['gateway']}, broker {found['broker']}, data in {found['data_dir']}")
    for machine in machines:
        print(
            f"machine {machine['name']} ({machine['class']}): {machine['source']},"
            f" {len(machine['channels'])} channels at"
            f" {machine['sample_rate_hz']:g} Hz, windows of {machine['window_s']:g} s every {machine['hop_s']:g} s,"
            f" {machine['features']} features, judged by {', '.join(machine['detectors'])}"
        )
        for what in ("bearings", "gears", "phases", "rules"):
            if machine[what]:
                print(f"  {what}: {', '.join(machine[what])}")
    print(f"the configuration is valid (hash {found['config_hash']})")
    return 0


def _described(table: MachineTable, watch: Any, source: Any) -> dict[str, Any]:
    settings = watch.setup.pipeline
    return {
        "name": table.name,
        "class": table.machine_class,
        "source": table.source.kind,
        "channels": list(settings.channel_names),
        "sample_rate_hz": source.facts.sample_rate_hz,
        "window_s": settings.window_samples / settings.sample_rate_hz,
        "hop_s": watch.setup.hop_samples / settings.sample_rate_hz,
        "features": len(watch.feature_names),
        "detectors": list(settings.detectors),
        "bearings": list(dict.fromkeys(at.bearing.name for at in watch.setup.bearings)),
        "gears": [gear.spec for gear in table.gear],
        "phases": [phase.name for phase in table.phase],
        "rules": [f"{rule.kind} of {rule.channel}" for rule in table.rule],
    }


def _status(settings: Settings, *, as_json: bool) -> int:
    from edge_agent.configuration import LearningTable
    from edge_agent.status import read_status

    status = read_status(settings.gateway.data_dir)
    names = {machine.asset_id: machine.name for machine in settings.machine}
    tables = {machine.asset_id: machine for machine in settings.machine}
    learning: dict[str, dict[str, float]] = {}
    bands: dict[str, tuple[ChannelBands, ...]] = {}
    for place in status.machines:
        table = tables.get(place.asset_id)
        wanted = LearningTable() if table is None else table.learning
        least_h = wanted.least_h if table is not None and table.kind == "process" else 0.0
        learning[place.asset_id] = place.progress(wanted.windows, least_h)
        bands[place.asset_id] = () if table is None else place.bands(table)
    dropped = {
        name.removeprefix("dropped/"): value for name, value in status.counters.items() if name.startswith("dropped/")
    }
    counters = status.counters
    document = {
        "incarnation": status.incarnation,
        "clean": status.is_clean,
        "pending": dict(status.pending),
        "oldest_pending_s": None
        if status.oldest_pending_ns is None
        else round(time.time() - status.oldest_pending_ns / 1e9, 1),
        "outbox_bytes": status.outbox_bytes,
        "last_sequence": status.last_sequence,
        "dropped": dropped,
        "raw_bytes": counters.get("raw_bytes", 0),
        "sent_bytes": counters.get("sent_bytes", 0),
        "windows": counters.get("windows", 0),
        "counters": dict(counters),
        "machines": [
            {
                "name": names.get(place.asset_id, "(not configured any more)"),
                "asset_id": place.asset_id,
                "epoch": place.epoch,
                "next_index": place.next_index,
                "state_bytes": place.state_bytes,
                "operating_state": place.operating_state,
                "learning": learning[place.asset_id],
                "cannot_learn": place.refused,
                "bands": [one.document() for one in bands[place.asset_id]],
            }
            for place in status.machines
        ],
    }
    if as_json:
        print(json.dumps(document))
        return 0
    print(
        f"outbox {status.incarnation}: {sum(status.pending.values())} records wait ({status.outbox_bytes / 1e6:.1f} MB)"
    )
    print("  " + ", ".join(f"{kind} {count}" for kind, count in status.pending.items()))
    print(f"dropped: {', '.join(f'{reason} {count}' for reason, count in dropped.items()) or 'nothing'}")
    raw, sent = document["raw_bytes"], document["sent_bytes"]
    print(f"raw {raw} bytes, sent {sent} bytes, {document['windows']} windows")
    for machine in status.machines:
        print(f"machine {names.get(machine.asset_id, machine.asset_id)}: goes on at sample {machine.next_index}")
        for state, progress in learning[machine.asset_id].items():
            print(f"  {state}: {'learnt' if progress >= 1.0 else f'learning, {progress:.0%}'}")
        for name, reason in machine.refused.items():
            print(f"  {name}: cannot learn what it was given and tries again: {reason}")
        for one in bands[machine.asset_id]:
            print(f"  {one.line}")
    return 0


async def _replay(settings: Settings, folder: Path, files: list[Path], name: str | None) -> int:
    from edge_agent.offline import replay_files

    table = settings.machine[0]
    if name is not None:
        found = next((machine for machine in settings.machine if machine.name == name), None)
        if found is None:
            known = ", ".join(machine.name for machine in settings.machine)
            raise ConfigurationError(f"no machine {name!r} in the configuration; there are {known}")
        table = found
    for path in files:
        if not path.is_file():
            raise InputError(f"{path}: no such file; give the path of a recording")
    async for record in replay_files(table, files, folder):
        print(json.dumps(record_document(record)), flush=True)
    return 0


def record_document(record: Record) -> dict[str, Any]:
    """Return a record as JSON with the keys of its content in `models.contract.records`."""
    from models.contract.encoding import from_record

    content = dataclasses.asdict(from_record(record))
    return {"kind": record.kind.value, "record_id": str(record.record_id), **_plain(content)}


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if hasattr(value, "tolist"):
        return value.tolist()
    return value


def _example(action: str) -> str:
    more = " recording.mat --json" if action == "replay" else ""
    return f"Example: plantpulse agent {action}{more} --config gateway.toml"
