"""The runtimes there are, best first, and how a network is loaded into one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from models.runtimes.errors import RuntimeMissingError
from models.runtimes.litert import LitertNetwork
from models.runtimes.plain_numpy import NumpyNetwork

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from models.runtimes.base import Network

RUNTIMES: Final[Mapping[str, Callable[[bytes], Network]]] = {
    "litert": LitertNetwork,
    "numpy": NumpyNetwork,
}
BEST: Final = "best"
"""The first runtime in the table whose library is installed."""


def load_network(data: bytes, runtime: str = "litert") -> Network:
    """Return a TFLite network, ready to run.

    Args:
        data: the file's bytes.
        runtime: a row of `RUNTIMES`, or `best`.

    Raises:
        NetworkError: the bytes are no network this runtime can run.
        RuntimeMissingError: its library is not installed, or there is no such runtime.
    """
    if runtime == BEST:
        try:
            return LitertNetwork(data)
        except RuntimeMissingError:
            return NumpyNetwork(data)
    if runtime not in RUNTIMES:
        raise RuntimeMissingError(f"no runtime {runtime!r}; choose from {', '.join(RUNTIMES)}, {BEST}")
    return RUNTIMES[runtime](data)
