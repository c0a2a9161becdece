"""The configurations of a demo, as TOML: exactly what a person would write for a real gateway and a real cloud."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pathlib import Path

    from plantpulse.demo.story import DemoChannel, DemoMachine, Story

GROUP: Final = "demo-plant"
GATEWAY: Final = "gateway-1"
HOST_ID: Final = "plantpulse"
DEMO_USER: Final = "demo"
"""Who everybody is on the demo's console: it listens on this machine only, and its plant is thrown away."""

TIME_LAPSE_ALARM: Final[Mapping[str, object]] = {"on_decisions": [8, 10], "decision_s": 0.0, "off_decisions": 1}
"""A demo shows in a minute what takes a plant hours to weeks, so every window decides, and five seconds of them stand
for what must last ten minutes of twelve on a real gateway, which leaves these keys out. Fewer would not outlast the
first seconds of a coast-down, before the operating state has seen that the level falls."""

_NAMESPACE: Final = uuid.UUID("6f1b3f0e-58f5-4a53-9a4e-8d5c2f0c7c11")
"""Asset ids are made from it and the seed: the same plant has the same ids wherever it runs."""


@dataclass(frozen=True, slots=True)
class DemoFiles:
    """Where everything of a demo lies."""

    gateway_toml: Path
    gateway_dir: Path
    cloud_toml: Path
    logs: Path


def write_files(
    story: Story, data_dir: Path, *, http_port: int, mqtt_port: int, influx: str | None = None
) -> DemoFiles:
    """Write both configurations into `data_dir` and return where they are.

    Raises:
        OSError: the directory cannot be written.
    """
    files = DemoFiles(data_dir / "gateway.toml", data_dir / "gateway", data_dir / "cloud.toml", data_dir / "logs")
    files.logs.mkdir(parents=True, exist_ok=True)
    files.gateway_toml.write_text(gateway_toml(story, mqtt_port=mqtt_port), encoding="utf-8")
    files.cloud_toml.write_text(cloud_toml(http_port=http_port, mqtt_port=mqtt_port, influx=influx), encoding="utf-8")
    return files


def cloud_toml(*, http_port: int, mqtt_port: int, influx: str | None = None) -> str:
    """Return the cloud's configuration; token and organisation of an InfluxDB stay in the environment."""
    return "\n".join(
        (
            *_table("[cloud]", {"data_dir": "./cloud", "host_id": HOST_ID, "groups": [GROUP]}),
            *_table("[mqtt]", {"host": "127.0.0.1", "port": mqtt_port}),
            *_table("[http]", {"host": "127.0.0.1", "port": http_port, "signed_in_as": DEMO_USER}),
            *(_table("[influx]", {"url": influx}) if influx is not None else ()),
        )
    )


def gateway_toml(story: Story, *, mqtt_port: int) -> str:
    """Return the gateway's configuration."""
    gateway = {
        "group": GROUP,
        "name": GATEWAY,
        "asset_id": _asset_id(story.seed, GATEWAY),
        "data_dir": "./gateway",
        "host_id": HOST_ID,
    }
    lines = [*_table("[gateway]", gateway), *_table("[mqtt]", {"host": "127.0.0.1", "port": mqtt_port})]
    for machine in story.machines:
        lines += _machine_lines(machine, _asset_id(story.seed, machine.name))
    return "\n".join(lines)


def _asset_id(seed: int, name: str) -> str:
    return str(uuid.uuid5(_NAMESPACE, f"{seed}/{name}"))


def _machine_lines(machine: DemoMachine, asset_id: str) -> list[str]:
    facts: dict[str, object] = {"name": machine.name, "asset_id": asset_id, "class": machine.machine_class}
    if machine.speed_rpm is not None:
        facts["speed_rpm"] = machine.speed_rpm
    if machine.sample_rate_hz is not None:
        facts["sample_rate_hz"] = machine.sample_rate_hz
    if machine.machine_group is not None:
        facts |= {"machine_group": machine.machine_group, "support": "rigid"}
    facts["summary_interval_s"] = machine.summary_interval_s
    lines = _table("[[machine]]", facts)
    lines += _table("[machine.source]", machine.source)
    for channel in machine.channels:
        lines += _table("[[machine.channel]]", _channel_keys(channel))
    lines += _table("[machine.window]", {"length_s": machine.window_s, "overlap": machine.overlap})
    lines += _table("[machine.learning]", {"windows": machine.learning_windows})
    lines += _table("[machine.alarm]", TIME_LAPSE_ALARM)
    if machine.evidence:
        lines += _table("[machine.evidence]", machine.evidence)
    return lines


def _channel_keys(channel: DemoChannel) -> dict[str, object]:
    keys: dict[str, object] = {"name": channel.name, "unit": channel.unit}
    if channel.source_channel is not None:
        keys["source_channel"] = channel.source_channel
    if channel.bearing is not None:
        keys["bearing"] = channel.bearing
    elif channel.bearing_orders is not None:
        keys["bearing_orders"] = dict(zip(("bpfo", "bpfi", "bsf", "ftf"), channel.bearing_orders, strict=True))
    return keys


def _table(header: str, keys: Mapping[str, object]) -> list[str]:
    return [header, *(f"{key} = {toml_value(value)}" for key, value in keys.items()), ""]


def toml_value(value: object) -> str:
    """Return a value as TOML.

    >>> toml_value({"path": "a.mat", "rates": [1.0, 2], "loop": False})
    '{path = "a.mat", rates = [1.0, 2], loop = false}'
    """
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, str):
        # A JSON string is a TOML basic string, except for DEL.
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key} = {toml_value(item)}" for key, item in value.items()) + "}"
    if isinstance(value, Sequence):
        return "[" + ", ".join(toml_value(item) for item in value) + "]"
    raise TypeError(f"no TOML for {type(value).__name__}")
