"""tflite-runtime, where ai-edge-litert has no wheel: gateways with 32-bit ARM, or with Python 3.11 at most.

It is no longer maintained, was built for numpy 1 and crashes in native code on damaged files; that it is given none is
what `tflite_file` is for. With numpy 2 beside it, importing it fails, which is said like a library that is missing.
"""

from __future__ import annotations

import numpy as np

from models.runtimes.errors import RuntimeMissingError
from models.runtimes.interpreter import Delegate, InterpreterNetwork


class TfliteRuntimeNetwork(InterpreterNetwork):
    """A network loaded into tflite-runtime.

    Args:
        data: a TFLite file, float32 or fully int8.
        delegate: an accelerator, or None for the processor alone.

    Raises:
        DelegateError: the accelerator's library cannot be used.
        NetworkError: the bytes are no network that can be run.
        RuntimeMissingError: tflite-runtime is not installed, or not together with numpy 1.
    """

    def __init__(self, data: bytes, delegate: Delegate | None = None) -> None:
        # Asked before: beside numpy 2 the library prints half a screen before it fails to load.
        if int(np.__version__.partition(".")[0]) >= 2:
            raise RuntimeMissingError("the runtime tflite-runtime needs numpy below 2; use the runtime litert")
        try:
            import tflite_runtime.interpreter as library  # type: ignore[import-not-found] # not beside numpy 2
        except ImportError as error:
            raise RuntimeMissingError(
                "the runtime tflite-runtime needs its library; install the extra: pip install "
                "'plantpulse[tflite-runtime]'"
            ) from error
        super().__init__(data, library, "tflite-runtime", delegate)
