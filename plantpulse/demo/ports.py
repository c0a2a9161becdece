"""Free ports: the usual one when nobody asked, with a word if it is taken; the asked one or an error."""

from __future__ import annotations

import socket
from typing import NamedTuple

from models.contract.errors import InputError

LOOPBACK = "127.0.0.1"


class PortBusyError(InputError):
    """A port that a person asked for is taken or not allowed."""


class PickedPort(NamedTuple):
    """A port that was free a moment ago, and what to tell people if it is not the usual one."""

    number: int
    note: str | None


def pick_port(asked: int | None, usual: int, flag: str) -> PickedPort:
    """Return the asked port, else the usual one, else any free one.

    Args:
        asked: what the person gave, or None.
        usual: what is tried when nothing was given.
        flag: name of the argument, for the complaint.

    Raises:
        PortBusyError: the asked port cannot be used.
    """
    if asked is not None:
        reason = _reason_not_free(asked)
        if reason is not None:
            raise PortBusyError(f"port {asked} on {LOOPBACK} cannot be used ({reason}): choose another with {flag}")
        return PickedPort(asked, None)
    reason = _reason_not_free(usual)
    if reason is None:
        return PickedPort(usual, None)
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        free = int(probe.getsockname()[1])
    return PickedPort(free, f"port {usual} is taken ({reason}); using {free} ({flag} chooses one)")


def _reason_not_free(port: int) -> str | None:
    with socket.socket() as probe:
        # As servers do: a port in TIME_WAIT is free, one that somebody listens on is not.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError as error:
            return (error.strerror or str(error)).lower()
    return None
