"""LiteRT (`ai-edge-litert`), the maintained continuation of tflite-runtime: the runtime of gateways."""

from __future__ import annotations

from models.runtimes.errors import RuntimeMissingError
from models.runtimes.interpreter import Delegate, InterpreterNetwork


class LitertNetwork(InterpreterNetwork):
    """A network loaded into LiteRT.

    Args:
        data: a TFLite file, float32 or fully int8.
        delegate: an accelerator, or None for the processor alone.

    Raises:
        DelegateError: the accelerator's library cannot be used.
        NetworkError: the bytes are no network that can be run.
        RuntimeMissingError: ai-edge-litert is not installed.
    """

    def __init__(self, data: bytes, delegate: Delegate | None = None) -> None:
        try:
            import ai_edge_litert.interpreter as library  # type: ignore[import-untyped] # ships no types
        except ImportError as error:
            raise RuntimeMissingError(
                "the runtime litert needs ai-edge-litert; install the extra: pip install 'plantpulse[edge]'"
            ) from error
        super().__init__(data, library, "litert", delegate)
