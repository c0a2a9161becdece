"""One runtime on one network, in a process of its own; run by its path, also by interpreters without plantpulse.

In order: the network is loaded, through the adapter or bare; for each batch it is called some hundred times uncounted
and then timed call by call; the largest error is found (through the adapter only); memory is read at the end. On
standard output it prints one JSON object: `rows`, or `missing` with the reason.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

# Behind everything else: the packages of this interpreter are its own.
sys.path.append(str(Path(__file__).resolve().parent.parent.parent))

import numpy as np

from models.runtimes.base import quantise
from models.runtimes.errors import RuntimeMissingError
from models.runtimes.table import RUNTIMES, load_network

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

BATCHES: Final = (1, 4, 16)
WARM_UP_CALLS: Final = 300


def measure(runtime: str, folder: Path, model: str, calls: int, through: str) -> dict[str, Any]:
    """Return what is printed.

    Args:
        runtime: a row of `RUNTIMES`.
        folder: holds the network in both formats, `rows.npy` and `answers.npy`.
        model: the network's name there.
        calls: so many are timed for each batch.
        through: `adapter` or `bare`.
    """
    data = (folder / f"{model}.{RUNTIMES[runtime].file_format}").read_bytes()
    every_row = np.load(folder / "rows.npy")
    error: float | None = None
    if through == "adapter":
        try:
            network = load_network(data, runtime)
        except RuntimeMissingError as missing:
            return {"missing": str(missing)}
        error = float(np.abs(network.run(every_row) - np.load(folder / "answers.npy")).max())
    timed = []
    for batch in BATCHES:
        rows = every_row[:batch]
        call = _bare(runtime, data, rows) if through == "bare" else lambda rows=rows: network.run(rows)
        if call is not None:
            timed.append({"batch": batch, **_times(call, calls), "max_abs_error": error})
    return {"rows": [{**row, "rss_mb": _resident_mb()} for row in timed]}


def _times(call: Callable[[], Any], calls: int) -> dict[str, float]:
    for _ in range(WARM_UP_CALLS):
        call()
    times_ns = []
    for _ in range(calls):
        begun_ns = time.perf_counter_ns()
        call()
        times_ns.append(time.perf_counter_ns() - begun_ns)
    median_ns, p99_ns = np.percentile(times_ns, [50.0, 99.0])
    return {"median_us": float(median_ns) / 1e3, "p99_us": float(p99_ns) / 1e3}


def _bare(runtime: str, data: bytes, rows: NDArray[np.float32]) -> Callable[[], Any] | None:
    """Return the library's own calls on rows that are as it takes them; None where there is no library."""
    if runtime == "onnx":
        return _bare_onnx(data, rows)
    if runtime == "numpy":
        return None
    if runtime == "litert":
        import ai_edge_litert.interpreter as library  # type: ignore[import-untyped] # ships no types
    else:
        import tflite_runtime.interpreter as library  # type: ignore[import-not-found] # not beside numpy 2
    interpreter: Any = library.Interpreter(
        model_content=data,
        num_threads=1,
        experimental_op_resolver_type=library.OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
    )
    before, after = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
    interpreter.resize_tensor_input(before["index"], rows.shape)
    interpreter.allocate_tensors()
    taken = quantise(rows, *before["quantization"]) if before["dtype"] == np.int8 else rows

    def call() -> Any:
        interpreter.set_tensor(before["index"], taken)
        interpreter.invoke()
        return interpreter.get_tensor(after["index"])

    return call


def _bare_onnx(data: bytes, rows: NDArray[np.float32]) -> Callable[[], Any]:
    import onnxruntime  # type: ignore[import-untyped] # ships no types

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(data, options, ["CPUExecutionProvider"])
    return lambda: session.run(None, {"input": rows})


def _resident_mb() -> float | None:
    """Return the most that was ever resident, None where the system does not say.

    Not `ru_maxrss`: it begins with what the parent had.
    """
    try:
        lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    return next(int(line.split()[1]) / 1024.0 for line in lines if line.startswith("VmHWM"))


if __name__ == "__main__":
    runtime, folder, model, calls, through = sys.argv[1:]
    print(json.dumps(measure(runtime, Path(folder), model, int(calls), through)))
