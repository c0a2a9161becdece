"""Tables of a process (`kind = "process"`): its phases and its rules, and what is usual for slow signals.

`models.process` explains each setting; here is what a person may write, and which keys belong to which kind of rule.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Literal, Self

from pydantic import Field, model_validator

from edge_agent.settings_table import Positive, Table, as_value_error
from models.contract.strict_toml import nearest
from models.contract.vocabulary import Severity
from models.process import usual

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from models.process.phases import Phase
    from models.process.rules import Rule

KEYS: Final = {
    "limit": ("high", "low", "delay_s", "hysteresis", "severity", "not_in"),
    "rate": ("rise_per_min", "fall_per_min", "over_s", "delay_s", "severity", "not_in"),
    "door": ("contact", "contact_open_above", "after_s", "rise", "explained_by", "learning_h", "severity"),
    "stale": ("after_s",),
}


class PhaseTable(Table):
    """One phase of the process, such as `defrost`; `off` is not judged."""

    name: str = Field(pattern=r"^[a-z][a-z0-9_]{0,31}$")
    channel: str
    above: float | None = Field(default=None, allow_inf_nan=False)
    below: float | None = Field(default=None, allow_inf_nan=False)

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        as_value_error(self.phase)
        return self

    def phase(self) -> Phase:
        """Return the phase as the pipeline needs it."""
        from models.process.phases import Phase

        return Phase(self.name, self.channel, self.above, self.below)


class RuleTable(Table):
    """One rule; which keys it may have depends on its kind, and what is left out has the rule's own default."""

    kind: Literal["limit", "rate", "door", "stale"]
    channel: str
    severity: Literal["watch", "alert", "danger"] | None = None
    high: float | None = Field(default=None, allow_inf_nan=False)
    low: float | None = Field(default=None, allow_inf_nan=False)
    hysteresis: float | None = Field(default=None, ge=0.0, allow_inf_nan=False)
    rise_per_min: Positive | None = None
    fall_per_min: Positive | None = None
    over_s: float | None = Field(default=None, ge=15.0, le=86_400.0)
    """At least 15 s: a rate is taken between fifteenths of it, and values come at most once a second."""
    delay_s: float | None = Field(default=None, ge=0.0, le=604_800.0)
    not_in: tuple[str, ...] | None = Field(default=None, strict=False)
    contact: str | None = None
    contact_open_above: float | None = Field(default=None, allow_inf_nan=False)
    after_s: Positive | None = None
    rise: Positive | None = None
    explained_by: tuple[str, ...] | None = Field(default=None, max_length=8, strict=False)
    learning_h: float | None = Field(default=None, ge=6.0, le=168.0)
    """At least one defrost must be in it, usually every six to eight hours."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        for key in sorted(self.model_fields_set - {"kind", "channel"}):
            if key not in KEYS[self.kind]:
                raise ValueError(
                    f"{key} = does not belong to a rule of kind {self.kind!r}: {', '.join(KEYS[self.kind])}"
                )
        if self.kind == "door":
            by_contact = self.contact is not None
            for key in ("rise", "explained_by", "learning_h") if by_contact else ("contact_open_above", "after_s"):
                if key in self.model_fields_set:
                    needs = "no contact" if by_contact else "a contact"
                    raise ValueError(f"{key} = belongs to a door with {needs}")
        as_value_error(self.rule)
        return self

    def rule(self) -> Rule:
        """Return the rule as the pipeline needs it."""
        from models.process.rules import DoorRule, LimitRule, RateRule, StaleRule

        given = {name: getattr(self, name) for name in self.model_fields_set - {"kind"}}
        if "severity" in given:
            given["severity"] = Severity(given["severity"])
        if "learning_h" in given:
            given["learning_s"] = 3_600.0 * given.pop("learning_h")
        kinds: dict[str, type[Rule]] = {"limit": LimitRule, "rate": RateRule, "door": DoorRule, "stale": StaleRule}
        return kinds[self.kind](**given)


def with_usual(document: Any) -> Any:
    """Return the raw table of a machine; a process gets what is usual for slow signals where nothing is said."""
    if not isinstance(document, dict) or document.get("kind") != "process":
        return document
    rate_hz = document.get("sample_rate_hz")
    window_s = usual.window_s(rate_hz if isinstance(rate_hz, int | float) and rate_hz > 0 else None)
    of_slow_signals: dict[str, dict[str, Any]] = {
        "window": {"length_s": window_s, "overlap": usual.OVERLAP},
        "learning": {"windows": usual.LEARNING_WINDOWS, "least_h": usual.LEARNING_S / 3_600.0},
        "alarm": {"on_windows": list(usual.ON_WINDOWS)},
    }
    tables = {name: document.get(name, {}) for name in of_slow_signals}
    return {
        **document,
        **{
            name: {**of_slow_signals[name], **table} if isinstance(table, dict) else table
            for name, table in tables.items()
        },
    }


def unknown_detector(name: str, kind: str) -> str | None:
    """Return what is wrong with a detector's name for a machine of this kind, None where nothing is."""
    from models.detectors.table import DETECTORS, STREAM_DETECTORS

    if name in DETECTORS or (kind == "process" and name in STREAM_DETECTORS):
        return None
    if name in STREAM_DETECTORS:
        return f'detector {name!r} judges slow signals: it needs kind = "process"'
    return f"unknown detector {name!r}{nearest(name, (*DETECTORS, *STREAM_DETECTORS))}"


def unknown_names(
    phases: Sequence[PhaseTable], rules: Sequence[RuleTable], channels: Sequence[str]
) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Yield for each channel or phase that is named and not there the place inside the machine's table and a complaint.

    Args:
        phases: of one machine.
        rules: of the same.
        channels: names of its channels.
    """
    used: list[tuple[tuple[str | int, ...], str]] = [
        (("phase", number, "channel"), phase.channel) for number, phase in enumerate(phases)
    ]
    for number, rule in enumerate(rules):
        used.append((("rule", number, "channel"), rule.channel))
        if rule.contact is not None:
            used.append((("rule", number, "contact"), rule.contact))
        used += [(("rule", number, "explained_by"), name) for name in rule.explained_by or ()]
    for path, name in used:
        if name not in channels:
            yield path, f"unknown channel {name!r}{nearest(name, channels)}"
    names = [phase.name for phase in phases]
    for number, rule in enumerate(rules):
        for name in rule.not_in or ():
            if name not in (*names, "default"):
                yield ("rule", number, "not_in"), f"unknown phase {name!r}{nearest(name, names)}"
