"""Line protocol: what a summary, a rollup, a reading and an alarm look like in InfluxDB (docs/influxdb.md). Pure.

Source: InfluxDB 2 reference, line protocol; InfluxQL reference, quoting.
"""

from __future__ import annotations

import base64
import math
from functools import lru_cache
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from numpy.typing import NDArray

    from cloud.trends.store import AlarmEvent, MachinePlace, StoredSummary
    from models.contract.records import Summary

NS_PER_MS: Final = 1_000_000
TIES: Final = 1_000_000
"""Different times within one millisecond: the digits that break ties."""

MIN: Final = "/Min"
MAX: Final = "/Max"
COUNT: Final = "/N"
OUR_COLUMNS: Final = frozenset(
    {
        *("time", "name", "tags", "windows", "state", "late", "zone", "score", "health_index", "learning_progress"),
        *("end_ms", "received_ms", "sequence", "record_id", "features", "vector", "latest"),
        *("site", "area", "line", "machine", "class", "asset", "gateway", "metric", "component", "family"),
    }
)
"""Names that a feature or a metric may not have as a column, because they mean something already."""

TAGS: Final = ("area", "asset", "class", "line", "machine", "site")
"""Of machine data."""

LEVELS: Final[Mapping[str, int]] = {"watch": 1, "alert": 2, "danger": 3}


@lru_cache(maxsize=65_536)
def column(name: str) -> str:
    """Return the name of the column of a feature or metric; almost always the name itself.

    >>> column("DE.H/velocity_rms"), column("time"), column("flow/Max")
    ('DE.H/velocity_rms', '%74ime', 'flow/Ma%78')
    """
    if not name or name in OUR_COLUMNS or name.startswith("_"):
        return "".join(f"%{byte:02x}" for byte in name[:1].encode()) + name[1:] if name else "%00"
    for suffix in (MIN, MAX, COUNT):
        if name.endswith(suffix):
            name = f"{name[:-1]}%{ord(name[-1]):02x}"
    return "".join(one if one.isprintable() and one != "\\" else _percent(one) for one in name)


def _percent(character: str) -> str:
    return "".join(f"%{byte:02x}" for byte in character.encode("utf-8", "surrogatepass"))


@lru_cache(maxsize=65_536)
def key(name: str) -> str:
    """Return a column's name, or a tag's value, escaped for a line."""
    return name.replace(",", "\\,").replace("=", "\\=").replace(" ", "\\ ")


def tag_value(text: str) -> str:
    """Return a tag's value for a line: printable, without backslashes, which would escape what follows."""
    return key("".join(one if one.isprintable() and one != "\\" else _percent(one) for one in text))


def text_field(text: str) -> str:
    """Return a string field's value."""
    clean = text.encode("utf-8", "replace").decode()
    return '"' + clean.replace("\\", "\\\\").replace('"', '\\"') + '"'


def identifier(name: str) -> str:
    """Return a name as InfluxQL quotes it."""
    return '"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"'


def literal(text: str) -> str:
    """Return a text as InfluxQL quotes it, as it stands in a tag."""
    clean = "".join(one if one.isprintable() and one != "\\" else _percent(one) for one in text)
    return "'" + clean.replace("'", "\\'") + "'"


def number(value: float) -> str:
    """Return a float field's value with all digits that a double has."""
    return repr(float(value))


def tags_of(place: MachinePlace) -> str:
    """Return the tags of a machine's data, sorted as InfluxDB wants them, each with a comma in front."""
    pairs = (
        ("area", place.area),
        ("asset", place.asset_id),
        ("class", place.machine_class),
        ("line", place.line),
        ("machine", place.machine),
        ("site", place.site),
    )
    return "".join(f",{name}={tag_value(value)}" for name, value in pairs if value)


def summary_line(stored: StoredSummary, tags: str, time_ns: int) -> str:
    """Return one summary."""
    summary = stored.summary
    fields = [
        f"windows={summary.windows}i",
        f"state={text_field(summary.operating_state)}",
        f"learning_progress={number(summary.learning_progress)}",
        f"end_ms={summary.end_ns // NS_PER_MS}i",
        f"received_ms={stored.received_ms}i",
        f"sequence={stored.sequence}i",
        f'record_id="{stored.record_id:016x}"',
        f"features={text_field(summary.feature_hash)}",
        f"vector={text_field(rest_of(summary))}",
    ]
    if summary.score is not None:
        fields.append(f"score={number(summary.score)}")
    if summary.health_index is not None:
        fields.append(f"health_index={number(summary.health_index)}")
    if summary.zone is not None:
        fields.append(f"zone={text_field(summary.zone)}")
    if stored.late:
        fields.append("late=true")
    statistics = summary.statistics
    fields += feature_fields(summary.feature_names, statistics.mean, statistics.minimum, statistics.maximum)
    return f"summary{tags} {','.join(fields)} {time_ns}"


def feature_fields(
    names: tuple[str, ...], mean: NDArray[np.floating], low: NDArray[np.floating], high: NDArray[np.floating]
) -> list[str]:
    """Return the fields of features, mean with 17 digits if it is a double; those that were not measured are left out.

    Args:
        names: of the features.
        mean: array (features,).
        low: array (features,).
        high: array (features,).
    """
    digits = 9 if mean.dtype == np.float32 else 17
    values = np.stack([mean, low, high], axis=1)
    if np.isfinite(values).all():
        return [_template(names, digits) % tuple(values.ravel().tolist())] if names else []
    fields = []
    for name, (one_mean, one_low, one_high) in zip(names, values.tolist(), strict=True):
        if math.isfinite(one_mean):
            base = key(column(name))
            fields.append(f"{base}={one_mean:.{digits}g}")
            fields += [f"{base}{MIN}={one_low:.9g}"] if math.isfinite(one_low) else []
            fields += [f"{base}{MAX}={one_high:.9g}"] if math.isfinite(one_high) else []
    return fields


@lru_cache(maxsize=1_024)
def _template(names: tuple[str, ...], digits: int) -> str:
    """Return a format for all fields at once: 9 digits bring a float32 back exactly, 17 a double."""
    escaped = [key(column(name)).replace("%", "%%") for name in names]
    return ",".join(f"{name}=%.{digits}g,{name}{MIN}=%.9g,{name}{MAX}=%.9g" for name in escaped)


def rest_of(summary: Summary) -> str:
    """Return what only retraining wants of a summary: deviation and sample, float32, base64."""
    rows = np.stack([summary.statistics.deviation, summary.sample]).astype("<f4")
    return base64.b64encode(rows.tobytes()).decode("ascii")


def alarm_line(event: AlarmEvent, tags: str) -> str:
    """Return one report on an alarm; its time is the end of the window that decided."""
    report = event.report
    texts = {
        "alarm_id": report.alarm_id,
        "state": report.state.value,
        "severity": report.severity.value,
        "label": report.diagnosis.label.value,
        "sentence": report.diagnosis.sentence,
        "next_step": report.diagnosis.next_step,
        "operating_state": report.operating_state,
        "model": report.model,
        "clock_quality": report.clock_quality.value,
    }
    whole = {
        "active": int(report.state.value == "active"),
        "level": LEVELS.get(report.severity.value, 0),
        "occurrence": report.occurrence,
        "revision": report.revision,
        "since_ms": report.since_ns // NS_PER_MS,
    }
    fields = [f"{name}={text_field(text)}" for name, text in texts.items()]
    fields += [f"{name}={value}i" for name, value in whole.items()]
    for name, value in (("score", report.score), ("confidence", report.diagnosis.confidence)):
        fields += [f"{name}={number(value)}"] if math.isfinite(value) else []
    fields += ["late=true"] if event.late else []
    time_ns = report.end_ns // NS_PER_MS * NS_PER_MS + event.record_id % TIES
    identity = f",component={tag_value(report.component)},family={tag_value(report.family.value)}"
    return f"alarm{tags}{identity} {','.join(fields)} {time_ns}"


def place_line(place: MachinePlace) -> str | None:
    """Return what people call a machine and where it stands, at time 0."""
    pairs = (
        ("site", place.site),
        ("area", place.area),
        ("line", place.line),
        ("machine", place.machine),
        ("class", place.machine_class),
        ("gateway", place.gateway_id),
        ("display_name", place.display_name or place.machine),
        ("criticality", place.criticality),
    )
    fields = ",".join(f"{name}={text_field(value)}" for name, value in pairs if value)
    return f"machine,asset={tag_value(place.asset_id)} {fields} 0" if fields else None


def or_filter(tag: str, values: Iterable[str]) -> str:
    """Return the InfluxQL condition that a tag is one of these."""
    return "(" + " OR ".join(f"{tag}={literal(value)}" for value in values) + ")"


def chosen_columns(names: Sequence[str], *, counts: bool) -> list[str]:
    """Return the quoted columns of features: mean, lowest, highest, and where asked for the count."""
    suffixes = ("", MIN, MAX, COUNT) if counts else ("", MIN, MAX)
    return [identifier(column(name) + suffix) for name in names for suffix in suffixes]
