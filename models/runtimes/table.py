"""The runtimes there are, best first, and how a network is loaded into one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from models.runtimes.errors import DelegateError, NetworkError, RuntimeMissingError
from models.runtimes.litert import LitertNetwork
from models.runtimes.onnx import OnnxNetwork
from models.runtimes.plain_numpy import NumpyNetwork
from models.runtimes.tflite_file import IDENTIFIER
from models.runtimes.tflite_runtime import TfliteRuntimeNetwork

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from models.runtimes.base import Network
    from models.runtimes.interpreter import Delegate

TFLITE: Final = "TFLite"
ONNX: Final = "ONNX"


@dataclass(frozen=True, slots=True)
class Runtime:
    """One row.

    Attributes:
        file_format: what it reads, `TFLITE` or `ONNX`.
        load: makes a network of a file's bytes.
        takes_delegates: whether `load` also takes a `Delegate`.
    """

    file_format: str
    load: Callable[..., Network]
    takes_delegates: bool


RUNTIMES: Final[Mapping[str, Runtime]] = {
    "litert": Runtime(TFLITE, LitertNetwork, takes_delegates=True),
    "tflite-runtime": Runtime(TFLITE, TfliteRuntimeNetwork, takes_delegates=True),
    "onnx": Runtime(ONNX, OnnxNetwork, takes_delegates=False),
    "numpy": Runtime(TFLITE, NumpyNetwork, takes_delegates=False),
}
BEST: Final = "best"
"""The first runtime in the table that reads the file's format and whose library is installed."""


def file_format(data: bytes) -> str:
    """Return the format of a network's file: TFLite says what it is, ONNX does not."""
    return TFLITE if data[4:8] == IDENTIFIER else ONNX


def load_network(data: bytes, runtime: str = "litert", *, delegate: Delegate | None = None) -> Network:
    """Return a network, ready to run.

    Args:
        data: the bytes of a TFLite or ONNX file.
        runtime: a row of `RUNTIMES`, or `best`.
        delegate: an accelerator, for the runtimes that take one.

    Raises:
        DelegateError: the accelerator cannot be used, or not by this runtime.
        NetworkError: the bytes are no network this runtime can run.
        RuntimeMissingError: its library is not installed, or there is no such runtime.
    """
    if runtime == BEST:
        return _best(data, delegate)
    if runtime not in RUNTIMES:
        raise RuntimeMissingError(f"no runtime {runtime!r}; choose from {', '.join(RUNTIMES)}, {BEST}")
    row = RUNTIMES[runtime]
    if delegate and not row.takes_delegates:
        takers = ", ".join(name for name, other in RUNTIMES.items() if other.takes_delegates)
        raise DelegateError(f"the runtime {runtime} takes no delegate; choose from {takers}")
    options: dict[str, Any] = {"delegate": delegate} if delegate else {}
    return row.load(data, **options)


def _best(data: bytes, delegate: Delegate | None) -> Network:
    missing: RuntimeMissingError | None = None
    for name, row in RUNTIMES.items():
        if row.file_format != file_format(data) or (delegate and not row.takes_delegates):
            continue
        try:
            return load_network(data, name, delegate=delegate)
        except RuntimeMissingError as error:
            # The first one that is missing is the one to install.
            missing = missing or error
    raise missing or NetworkError(f"no runtime reads these {len(data)} bytes")
