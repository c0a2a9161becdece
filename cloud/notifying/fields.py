"""What a message knows, by name: the fields of a webhook's template, as docs/notifications.md lists them."""

from __future__ import annotations

from typing import Final

FIELDS: Final = {
    "key": "identifies the message; the same in every attempt",
    "kind": "alarm, escalation, digest or test",
    "subject": "one line",
    "text": "the whole message as people read it",
    "target": "name of the target",
    "step": "0 when first told, 1 and 2 for the steps of an escalation",
    "count": "how many alarms the message tells of",
    "items": "list of the alarms it tells of",
    "alarm": "id of the alarm",
    "occurrence": "which time it is active",
    "occurrences": "how often it has been active",
    "state": "ISA-18.2 state",
    "condition": "active or returned",
    "severity": "watch, alert or danger",
    "priority": "low, medium, high or urgent",
    "label": "what it is taken for",
    "sentence": "what it is taken for, in a sentence",
    "next_step": "what to do next",
    "confidence": "0 to 1",
    "score": "1 is the threshold",
    "machine": "name of the machine",
    "machine_id": "its stable id",
    "machine_class": "its class",
    "path": "where it stands, with its name",
    "component": "part of the machine",
    "channel": "sensor that shows it best",
    "since": "ISO 8601, in UTC",
    "since_local": "in the plant's time zone",
    "lines": "list of the spectral lines that matched",
    "link": "address of the alarm in the console",
    "acknowledge_link": "address that acknowledges it",
}
"""Fields of the first alarm where a message tells of several."""
