"""The STATE message of a host: the one Sparkplug message that is JSON and not protobuf.

Source: Sparkplug B 3.0.0, section 6.4.26, *STATE*; tck-id-payloads-state-birth-payload, -will-message-payload.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from models.contract.errors import PayloadError, RecordError
from models.contract.strict_json import Reader, format_object, parse_object

_STATE_BYTES: Final = 4_096
_WHAT: Final = "STATE"


@dataclass(frozen=True, slots=True)
class HostState:
    """Whether a host is online; a birth and its will carry the same `timestamp_ms`, UTC."""

    online: bool
    timestamp_ms: int


def format_state(state: HostState) -> bytes:
    """Return the payload of a STATE message.

    >>> format_state(HostState(online=True, timestamp_ms=1760000000000))
    b'{"online":true,"timestamp":1760000000000}'
    """
    return format_object({"online": state.online, "timestamp": state.timestamp_ms}, _WHAT).encode()


def parse_state(data: bytes) -> HostState:
    """Return what a STATE message says; other keys are ignored.

    Raises:
        PayloadError: not JSON, too long, or without `online` and `timestamp` of the right types.
    """
    if len(data) > _STATE_BYTES:
        raise PayloadError(f"{_WHAT} of {len(data)} bytes: at most {_STATE_BYTES} are read")
    try:
        read = Reader(parse_object(data.decode(), _STATE_BYTES, _WHAT), _WHAT)
        return HostState(read.boolean("online"), read.integer("timestamp"))
    except (RecordError, UnicodeDecodeError) as error:
        raise PayloadError(f"{error}") from None
