"""STATE of a host: JSON with exactly what the specification names."""

from __future__ import annotations

import pytest

from models.contract.errors import PayloadError
from models.contract.host_state import HostState, format_state, parse_state


@pytest.mark.parametrize("online", [True, False])
def test_tck_id_payloads_state_birth_and_will_payload(online: bool) -> None:  # noqa: FBT001 - the message's own field
    state = HostState(online, 1_760_000_000_000)
    assert parse_state(format_state(state)) == state
    assert format_state(state) == b'{"online":%s,"timestamp":1760000000000}' % (b"true" if online else b"false")


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"ONLINE",
        b"\xff",
        b"[]",
        b"{}",
        b'{"online":true}',
        b'{"online":1,"timestamp":1}',
        b'{"online":true,"timestamp":-1}',
        b'{"online":true,"timestamp":1.5}',
        b'{"online":true,"timestamp":1,"x":"' + b"x" * 5_000 + b'"}',
    ],
)
def test_what_is_no_state_is_a_named_error(data: bytes) -> None:
    with pytest.raises(PayloadError):
        parse_state(data)
