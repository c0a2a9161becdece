"""What a machine's birth says about its measurement, as one JSON text: `Asset/Facts` (wire.md 6).

The gateway's configuration owns these facts; the cloud shows them and asks for changes, it never edits them.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Final

from models.contract import limits
from models.contract.errors import SchemaTooNewError
from models.contract.strict_json import Reader, format_object, parse_object

FACTS_SCHEMA: Final = 1
_CHANNELS: Final = 256
_WHAT: Final = "facts of a machine"


@dataclass(frozen=True, slots=True)
class ChannelFacts:
    """One measurement channel: `{point}.{axis}`, the sensor's unit as engUnit, and the bearing it listens to."""

    name: str
    unit: str
    sample_rate_hz: float
    word_bytes: int
    bearing: str | None = None


@dataclass(frozen=True, slots=True)
class MachineFacts:
    """Measurement facts of one machine.

    Attributes:
        machine_class: names its models, such as `pump`.
        speed_rpm: nominal speed, or None.
        machine_group, support: of ISO 20816-3, both or neither.
        feature_hash: of the feature specification, hex, 16 digits.
        window_s: length of a window.
        summary_interval_s: how often a summary is to be expected.
        channels: in the order of the features.
    """

    machine_class: str
    speed_rpm: float | None
    machine_group: int | None
    support: str | None
    feature_hash: str
    window_s: float
    summary_interval_s: float
    channels: tuple[ChannelFacts, ...]


def format_facts(facts: MachineFacts) -> str:
    """Return the JSON text that a birth carries.

    Raises:
        RecordError: a number is not finite.
    """
    return format_object({"schema": FACTS_SCHEMA, **asdict(facts)}, _WHAT)


def parse_facts(text: str) -> MachineFacts:
    """Return the facts of a birth; keys of later versions are ignored.

    Raises:
        SchemaTooNewError: written by a newer version.
        RecordError: not what `format_facts` writes.
    """
    document = parse_object(text, limits.STRING_CHARS, _WHAT)
    read = Reader(document, _WHAT)
    if read.integer("schema") > FACTS_SCHEMA:
        raise SchemaTooNewError(f"{_WHAT} in schema {document['schema']}: this version reads {FACTS_SCHEMA}")
    return MachineFacts(
        machine_class=read.text("machine_class"),
        speed_rpm=read.optional(read.number, "speed_rpm"),
        machine_group=read.optional(read.integer, "machine_group"),
        support=read.optional(read.text, "support"),
        feature_hash=read.text("feature_hash"),
        window_s=read.number("window_s"),
        summary_interval_s=read.number("summary_interval_s"),
        channels=tuple(_channel(entry) for entry in read.objects("channels", _CHANNELS)),
    )


def _channel(entry: dict[str, Any]) -> ChannelFacts:
    read = Reader(entry, "channel in the facts of a machine")
    return ChannelFacts(
        name=read.text("name"),
        unit=read.text("unit"),
        sample_rate_hz=read.number("sample_rate_hz"),
        word_bytes=read.integer("word_bytes"),
        bearing=read.optional(read.text, "bearing"),
    )
