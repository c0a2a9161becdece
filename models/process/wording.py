"""What people read of a process alarm: which rule, in plain words with numbers and units, or what differs most."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from models.contract.records import Diagnosis
from models.contract.vocabulary import DiagnosisLabel, Severity
from models.process.features import LAST, MEAN, NAMES, SLOPE, SPREAD
from models.process.rules import DoorRule, LimitRule, RateRule, StaleRule

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from models.process.rules import Rule

RULE_CONFIDENCE: Final = 0.95
"""A limit that is passed is passed; what is left is the sensor's own error."""
AIR_CONFIDENCE: Final = 0.8
"""A door known by the air only: a fan that fails, or goods that breathe heat into the probe, look alike."""
_NEXT_STEPS: Final = {
    DoorRule: "Close the door; if it is closed, look for a failed fan or warm goods at the probe.",
    LimitRule: "Check the process at this point and what feeds it; move goods that may suffer.",
    RateRule: "Check what changed at this time: valves, loads, doors, supply.",
}
_WORDS: Final = {MEAN: "level", SLOPE: "slope", SPREAD: "restlessness", LAST: "last value"}
_SERIES: Final = {
    "tracking": "The level of {channel} has left where it usually wanders: {now}, usually {usual}.",
    "discord": (
        "The last day and a half were like no other before, most in {channel}: of late {now}, {usual} at the time that "
        "was most like it."
    ),
}
"""By detector of slow series."""
_DIFFERENCES: Final = {"°C": "K", "°F": "°F"}


def rule_sentence(
    rule: Rule, *, value: float, unit: str, active_s: float, phase_names: Sequence[str] = (), phase: str = ""
) -> str:
    """Return why a rule's alarm stands.

    >>> rule_sentence(DoorRule("ROOM.T"), value=4.12, unit="°C", active_s=150.0, phase_names=["defrost"])
    'Door left open: ROOM.T is 4.1 K above its cycle for 2 min 30 s, no defrost running.'
    >>> rule_sentence(LimitRule("ROOM.T", high=8.0, delay_s=600.0), value=8.54, unit="°C", active_s=600.0)
    'ROOM.T is above its limit: 8.54 °C, limit 8 °C, for 10 min.'

    Args:
        rule: whose condition stands.
        value: in the channel's unit, the rate per minute of a `RateRule`, the rise of a `DoorRule` without a contact.
        unit: engUnit of the channel.
        active_s: so long already.
        phase_names: of all phases.
        phase: the present one.
    """
    lasted = f" for {duration(active_s)}" if active_s > 0.0 else ""
    if isinstance(rule, DoorRule):
        if rule.contact is not None:
            return f"Door left open: its contact {rule.contact} says so{lasted}."
        ending = ""
        if "defrost" in phase_names:
            ending = ", while a defrost runs" if phase == "defrost" else ", no defrost running"
        above = f"{value:.1f} {_DIFFERENCES.get(unit, unit)} above its cycle"
        return f"Door left open: {rule.channel} is {above}{lasted}{ending}."
    if isinstance(rule, LimitRule):
        is_high = rule.high is not None and (rule.low is None or abs(value - rule.high) < abs(value - rule.low))
        limit = rule.high if is_high else rule.low
        assert limit is not None  # noqa: S101 - a limit rule has one
        side = "above" if is_high else "below"
        numbers = f"{_number(value)} {unit}, limit {_number(limit)} {unit},{lasted or ' now'}"
        return f"{rule.channel} is {side} its limit: {numbers}."
    if isinstance(rule, RateRule):
        way, most = ("rises", rule.rise_per_min) if value > 0 else ("falls", rule.fall_per_min)
        per_minute = f"{_DIFFERENCES.get(unit, unit)}/min"
        numbers = f"{_number(abs(value))} {per_minute}, at most {_number(most or 0.0)} {per_minute}"
        return f"{rule.channel} {way} too fast: {numbers}."
    return f"Sensor {rule.channel} has not moved at all for {duration(active_s)}: it stands at {_number(value)} {unit}."


def rules_diagnosis(rules: Sequence[Rule], sentences: Sequence[str], channels: Sequence[str]) -> Diagnosis:
    """Return one diagnosis for all rules whose condition stands, the most telling first: one alarm per cause.

    Args:
        rules: at least one.
        sentences: one for each.
        channels: of the machine; a contact is told by its own name.
    """
    order = sorted(range(len(rules)), key=lambda number: _rank(rules[number]))
    first = rules[order[0]]
    by_air = isinstance(first, DoorRule) and first.contact is None
    return Diagnosis(
        DiagnosisLabel.PROCESS_CHANGED,
        first.channel if first.channel in channels else None,
        AIR_CONFIDENCE if by_air else RULE_CONFIDENCE,
        " ".join(sentences[number] for number in order),
        _NEXT_STEPS.get(type(first), ""),
    )


def difference_diagnosis(
    away: NDArray[np.float32],
    features: NDArray[np.float32],
    normal: NDArray[np.float32],
    channels: Sequence[str],
    units: Sequence[str],
) -> Diagnosis:
    """Return what differs most from what was learnt.

    Args:
        away: of each feature from its normal in scatters, (channels · features).
        features: now, (channels · features) in their units.
        normal: usually, the same.
        channels: names.
        units: engUnit of every feature.
    """
    place = max(range(len(away)), key=lambda number: abs(float(away[number])))
    channel, feature = channels[place // len(NAMES)], place % len(NAMES)
    return Diagnosis(
        DiagnosisLabel.CHANGED,
        channel,
        1.0 - math.exp(-abs(float(away[place])) / 6.0),
        f"The process differs from what was learnt in this phase, most in the {_WORDS[feature]} of {channel}: "
        f"{_number(float(features[place]))} {units[place]} instead of {_number(float(normal[place]))} {units[place]}. "
        "The cause cannot be named.",
        "Compare the trends with those of the learnt days; if the process was changed on purpose, learn it anew.",
    )


def series_diagnosis(detector: str, score: float, *, now: float, usual: float, channel: str, unit: str) -> Diagnosis:
    """Return what a detector of slow series found.

    >>> told = series_diagnosis("tracking", 2.0, now=3.61, usual=2.42, channel="LOOP.P", unit="bar")
    >>> told.sentence.partition(". ")[0]
    'The level of LOOP.P has left where it usually wanders: 3.61 bar, usually 2.42 bar'

    Args:
        detector: its name.
        score: 1.0 = threshold.
        now: value of the channel that says most, in its unit.
        usual: what would be usual.
        channel: its name.
        unit: its engUnit.
    """
    numbers = {"now": f"{_number(now)} {unit}", "usual": f"{_number(usual)} {unit}", "channel": channel}
    return Diagnosis(
        DiagnosisLabel.CHANGED,
        channel,
        1.0 - math.exp(-score),
        f"{_SERIES[detector].format(**numbers)} The cause cannot be named.",
        "Compare the trends with those of the days before; if the process was changed on purpose, learn it anew.",
    )


def stale_diagnosis(sentence: str, channel: str) -> Diagnosis:
    """Return what to say of a sensor that stands still."""
    return Diagnosis(
        DiagnosisLabel.SENSOR_FAULT,
        channel,
        RULE_CONFIDENCE,
        sentence,
        "Check the sensor, its converter and the connection to it.",
    )


def missing_diagnosis(channel: str, *, nothing: bool) -> Diagnosis:
    """Return what to say of a sensor that delivers nothing, or hardly anything."""
    what = "delivers no data" if nothing else "delivers less than half of its values"
    return Diagnosis(
        DiagnosisLabel.SENSOR_FAULT,
        channel,
        RULE_CONFIDENCE,
        f"Sensor {channel} {what}; the process cannot be judged meanwhile.",
        "Check the sensor, its converter and the connection to it.",
    )


def duration(seconds: float) -> str:
    """Return a duration as people say it.

    >>> duration(150.0), duration(600.0), duration(7_260.0), duration(12.0)
    ('2 min 30 s', '10 min', '2 h 1 min', '12 s')
    """
    whole = round(seconds)
    hours, minutes, rest = whole // 3600, whole // 60 % 60, whole % 60
    if hours:
        return f"{hours} h" + (f" {minutes} min" if minutes else "")
    if minutes:
        return f"{minutes} min" + (f" {rest} s" if rest else "")
    return f"{rest} s"


def _rank(rule: Rule) -> tuple[int, int]:
    kinds = (DoorRule, LimitRule, RateRule, StaleRule)
    severity = Severity.WATCH if isinstance(rule, StaleRule) else rule.severity
    return kinds.index(type(rule)), -list(Severity).index(severity)


def _number(value: float) -> str:
    """Return three significant digits without an exponent."""
    return f"{float(f'{value:.3g}'):.10g}"
