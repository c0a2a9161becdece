"""What a message says: a plain sentence first, then where, since when, how bad, what to do, and what was seen. Pure."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from cloud.notifying.fields import FIELDS
from cloud.notifying.message import Kind
from models.contract.vocabulary import Priority

if TYPE_CHECKING:
    from collections.abc import Mapping
    from zoneinfo import ZoneInfo

    from cloud.notifying.message import AlarmNews, Line, Waiting

LISTED: Final = 30
"""Alarms that a digest lists; the rest is counted. More than a screen is not read on a phone."""

LINES: Final = 4
"""Spectral lines that a message names: the strongest, which is what a reader checks first."""

_AGAIN: Final = {"raised_again": "raised again", "worse": "got worse", "wanted_again": "open again"}
_WHY: Final = {
    "quiet": "held back during quiet hours",
    "schedule": "gathered for this time",
    "flood": "more than this target takes at once",
}


@dataclass(frozen=True, slots=True)
class Links:
    """Addresses for one alarm; None where no address of the console is configured."""

    alarm: str | None = None
    acknowledge: str | None = None


@dataclass(frozen=True, slots=True)
class Written:
    """A message as people read it, and its fields for a webhook (`cloud.notifying.fields`)."""

    subject: str
    text: str
    fields: Mapping[str, Any]


def write(message: Waiting, links: Mapping[str, Links], zone: ZoneInfo, now_ms: int) -> Written:
    """Return the words of a message.

    Args:
        message: what to tell.
        links: by alarm id.
        zone: of the plant.
        now_ms: the time, for how long ago things happened.
    """
    message = replace(message, news=tuple(map(_plain, message.news)))
    if message.kind is Kind.TEST or not message.news:
        subject = "plantpulse: test message"
        text = f"This is a test of the target {message.target!r}, asked for by {message.by or 'somebody'}."
        return Written(subject, f"{text}\nNothing needs to be done.\n", _fields(message, subject, text, links, zone))
    if message.kind is Kind.DIGEST:
        subject, text = _digest(message, links, zone)
    else:
        subject, text = _single(message, message.news[0], links, zone, now_ms)
    return Written(one_line(subject), text, _fields(message, one_line(subject), text, links, zone))


def one_line(text: str) -> str:
    r"""Return text without breaks and signs that control something: it stands in headers and beside our own words.

    >>> one_line("a\nBcc: b")
    'a Bcc: b'
    """
    return " ".join("".join(sign if sign.isprintable() else " " for sign in text).split())


def duration_words(passed_ms: int) -> str:
    """Return how long something lasts, as people say it.

    >>> duration_words(95 * 60_000)
    '1 h 35 min'
    """
    minutes = max(passed_ms, 0) // 60_000
    days, hours = minutes // 1_440, minutes // 60 % 24
    if days:
        return f"{days} d {hours} h" if hours else f"{days} d"
    if hours:
        return f"{hours} h {minutes % 60} min" if minutes % 60 else f"{hours} h"
    return f"{minutes} min" if minutes else "less than a minute"


def local_time(time_ms: int, zone: ZoneInfo) -> str:
    """Return a time on the plant's wall clock with its offset.

    >>> from zoneinfo import ZoneInfo
    >>> local_time(0, ZoneInfo("UTC"))
    '1970-01-01 00:00 +00:00'
    """
    moment = datetime.fromtimestamp(time_ms / 1000, zone)
    offset = moment.strftime("%z")
    return f"{moment:%Y-%m-%d %H:%M} {offset[:3]}:{offset[3:]}"


def _plain(news: AlarmNews) -> AlarmNews:
    """Return news whose texts, which come from gateways and people, cannot pretend to be lines of ours."""
    return replace(
        news,
        sentence=one_line(news.sentence),
        next_step=one_line(news.next_step),
        machine=one_line(news.machine),
        path=one_line(news.path),
        component=one_line(news.component),
        acknowledged_by=one_line(news.acknowledged_by) if news.acknowledged_by else None,
        lines=tuple(replace(line, line=one_line(line.line)) for line in news.lines),
    )


def _single(
    message: Waiting, news: AlarmNews, links: Mapping[str, Links], zone: ZoneInfo, now_ms: int
) -> tuple[str, str]:
    """Return subject and text of a message about one alarm."""
    mine = links.get(news.alarm_id, Links())
    told = f"Nobody has answered for {duration_words(now_ms - news.at_ms)}. " if message.step else ""
    rows = [
        ("Machine", f"{news.path}" + ("" if news.component == "machine" else f", {news.component}")),
        ("Since", f"{local_time(news.since_ms, zone)} ({duration_words(now_ms - news.since_ms)})"),
        ("Priority", f"{news.priority} ({news.severity}{_history(news)})"),
        ("State", _state(news)),
        ("Do next", news.next_step),
    ]
    rows += [("Evidence" if not at else "", _line(line)) for at, line in enumerate(_strongest(news))]
    rows += [(name, address) for name, address in (("Open", mine.alarm), ("Acknowledge", mine.acknowledge)) if address]
    body = "\n".join(f"{name + ':' if name else '':<13}{value}" for name, value in rows if value)
    prefix = f"{news.priority.upper()}: " if not message.step else f"{news.priority.upper()}, unanswered: "
    return f"{prefix}{news.machine}: {news.sentence}", f"{told}{news.sentence}\n\n{body}\n\nReference: {message.id}\n"


def _digest(message: Waiting, links: Mapping[str, Links], zone: ZoneInfo) -> tuple[str, str]:
    """Return subject and text of a message about several alarms: counted, then listed, the worst first."""
    counts = [f"{count} {priority}" for priority in reversed(Priority) if (count := _count(message.news, priority)) > 0]
    total = len(message.news)
    subject = f"{total} {'alarm' if total == 1 else 'alarms'}: {', '.join(counts)}"
    parts = [f"{subject} ({_WHY.get(message.why, 'together')}).", ""]
    for news in message.news[:LISTED]:
        mine = links.get(news.alarm_id, Links())
        parts.append(f"- {news.priority}: {news.path}: {news.sentence}")
        parts.append(f"  since {local_time(news.since_ms, zone)}, {_state(news)}{_history(news)}")
        parts += [f"  {address}" for address in (mine.alarm,) if address]
        parts += [f"  acknowledge: {address}" for address in (mine.acknowledge,) if address]
    if total > LISTED:
        parts.append(f"and {total - LISTED} more.")
    return subject, "\n".join([*parts, "", f"Reference: {message.id}", ""])


def _count(news: tuple[AlarmNews, ...], priority: Priority) -> int:
    return sum(one.priority == priority for one in news)


def _history(news: AlarmNews) -> str:
    again = _AGAIN.get(news.cause)
    if again is None:
        return ""
    return f", {again}" + (f", {news.occurrences} times so far" if news.occurrences > 1 else "")


def _state(news: AlarmNews) -> str:
    state = news.state.replace("_", " ")
    return f"{state}, acknowledged by {news.acknowledged_by}" if news.acknowledged_by else state


def _strongest(news: AlarmNews) -> list[Line]:
    return sorted(news.lines, key=lambda line: line.snr_db, reverse=True)[:LINES]


def _line(line: Line) -> str:
    found = f"{line.line} at {line.found_hz:.4g} Hz (expected {line.expected_hz:.4g} Hz)"
    return f"{found}, {line.snr_db:.0f} dB above the rest"


def _fields(message: Waiting, subject: str, text: str, links: Mapping[str, Links], zone: ZoneInfo) -> Mapping[str, Any]:
    """Return every field of `FIELDS`; those of an alarm are the first one's, empty where there is none."""
    items = [_alarm_fields(one, links.get(one.alarm_id, Links()), zone) for one in message.news]
    common = {
        "key": message.id,
        "kind": message.kind.value,
        "subject": subject,
        "text": text,
        "target": message.target,
        "step": message.step,
        "count": len(items),
        "items": items,
    }
    return {**dict.fromkeys(FIELDS, ""), **(items[0] if items else {}), **common}


def _alarm_fields(news: AlarmNews, links: Links, zone: ZoneInfo) -> dict[str, Any]:
    return {
        "alarm": news.alarm_id,
        "occurrence": news.occurrence,
        "occurrences": news.occurrences,
        "state": news.state,
        "condition": news.condition,
        "severity": news.severity,
        "priority": news.priority,
        "label": news.label,
        "sentence": news.sentence,
        "next_step": news.next_step,
        "confidence": news.confidence,
        "score": news.score,
        "machine": news.machine,
        "machine_id": news.machine_id,
        "machine_class": news.machine_class or "",
        "path": news.path,
        "component": news.component,
        "channel": news.channel or "",
        "since": datetime.fromtimestamp(news.since_ms / 1000, UTC).isoformat().replace("+00:00", "Z"),
        "since_local": local_time(news.since_ms, zone),
        "lines": [asdict(line) for line in _strongest(news)],
        "link": links.alarm or "",
        "acknowledge_link": links.acknowledge or "",
    }
