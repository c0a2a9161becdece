"""How long one inference of the network that ships takes, on every runtime there is.

The shipped int8 autoencoder and its float32 twin (the same weights, activations not rounded), 1, 4 and 16 rows at a
time. Every runtime runs each network in a process of its own, so that its memory is its own; once through our adapter,
float32 rows in and out, and once bare: the library's own calls on what it takes, without quantising or scaling back.
The error is the largest one against the twin in float64. A runtime that is not installed is named and left out.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from models.contract.errors import PlantpulseError
from plantpulse.bench import inference_child

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping

    import numpy as np
    from numpy.typing import NDArray

SEED: Final = 20816
ERROR_ROWS: Final = 1000
"""So many rows are answered to find the largest error."""
TIMEOUT_S: Final = 120.0


class InferenceBenchmarkError(PlantpulseError):
    """A runtime that is installed did not run to its end."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument("--calls", type=int, default=20_000, metavar="N", help="calls that are timed (default 20000)")
    parser.add_argument(
        "--tflite-runtime",
        type=Path,
        default=default_interpreter(),
        metavar="PYTHON",
        help="interpreter that has tflite-runtime beside numpy 1 (default: that of `make services`)",
    )


def default_interpreter() -> Path:
    """Return where `make services` puts the interpreter with tflite-runtime, the newest if there are several."""
    cache = Path(os.environ.get("PLANTPULSE_CACHE") or Path.home() / ".cache" / "plantpulse")
    found = sorted(cache.glob("tflite-runtime-*/bin/python"))
    return found[-1] if found else cache / "tflite-runtime" / "bin" / "python"


def measure(arguments: argparse.Namespace) -> dict[str, Any]:
    """Return the numbers of `plantpulse bench inference`.

    Returns:
        `rows`, one per runtime, model and batch, with `median_us`, `p99_us` and `rss_mb` through the adapter,
        `bare_median_us`, `bare_p99_us` and `bare_rss_mb` without it (None where there is no library), and
        `max_abs_error`; `skipped`, runtimes that are not installed and why; and `litert_us`, the median of litert on
        one row of the int8 network.

    Raises:
        InferenceBenchmarkError: a runtime did not run.
        TrainingExtraMissingError: the twin cannot be written without the extra `train`.
    """
    from models.runtimes.table import RUNTIMES

    rows: list[dict[str, Any]] = []
    skipped = []
    with tempfile.TemporaryDirectory(prefix="plantpulse-bench-") as name:
        folder = Path(name)
        _write_networks(folder)
        for runtime in RUNTIMES:
            interpreter = arguments.tflite_runtime if runtime == "tflite-runtime" else Path(sys.executable)
            if not interpreter.exists():
                skipped.append({"runtime": runtime, "reason": f"no {interpreter}: make services installs it"})
                continue
            # Once for nothing: what Python keeps of compiling its modules would be counted as the runtime's memory.
            _child(interpreter, runtime, folder, "int8", calls=1, through="adapter")
            for model in ("int8", "float32"):
                found = _run_apart(interpreter, runtime, folder, model, arguments.calls)
                if "missing" in found:
                    skipped.append({"runtime": runtime, "reason": found["missing"]})
                    break
                rows += [{"runtime": runtime, "model": model, **row} for row in found["rows"]]
    results: dict[str, Any] = {"rows": rows, "skipped": skipped, "calls": arguments.calls}
    for row in rows:
        if (row["runtime"], row["model"], row["batch"]) == ("litert", "int8", 1):
            results["litert_us"] = row["median_us"]
    return results


def _write_networks(folder: Path) -> None:
    """Write both networks in both formats, rows to be answered, and what the twin answers in float64."""
    import numpy as np

    from models.detectors.autoencoder import BASE_NETWORK, INPUT_RANGE
    from models.runtimes.tflite_file import read_dense
    from models.training.onnx_writer import to_onnx
    from models.training.tflite_writer import float_twin

    int8 = BASE_NETWORK.read_bytes()
    twin = float_twin(int8)
    layers = read_dense(twin)
    for name, network in (("int8", int8), ("float32", twin)):
        (folder / f"{name}.TFLite").write_bytes(network)
        (folder / f"{name}.ONNX").write_bytes(to_onnx(network))
    rows = np.random.default_rng(SEED).standard_normal((ERROR_ROWS, layers[0].source.shape[1])).astype(np.float32)
    np.clip(rows, -INPUT_RANGE, INPUT_RANGE, out=rows)
    np.save(folder / "rows.npy", rows)
    answers: NDArray[np.float64] = rows.astype(np.float64)
    for layer in layers:
        answers = answers @ layer.stored_weights().T.astype(np.float64) + layer.stored_bias()
        answers = np.maximum(answers, 0.0) if layer.relu else answers
    np.save(folder / "answers.npy", answers)


def _run_apart(interpreter: Path, runtime: str, folder: Path, model: str, calls: int) -> Mapping[str, Any]:
    """Return rows through the adapter with the bare numbers beside them, or what is missing."""
    ours = _child(interpreter, runtime, folder, model, calls=calls, through="adapter")
    if "missing" in ours:
        return ours
    bare = _child(interpreter, runtime, folder, model, calls=calls, through="bare")
    beside = {row["batch"]: row for row in bare["rows"]}
    for row in ours["rows"]:
        for key in ("median_us", "p99_us", "rss_mb"):
            row[f"bare_{key}"] = beside.get(row["batch"], {}).get(key)
    return ours


def _child(interpreter: Path, runtime: str, folder: Path, model: str, *, calls: int, through: str) -> dict[str, Any]:
    # Read by BLAS when numpy is loaded: one inference is for one core.
    one_core = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
    finished = subprocess.run(
        [str(interpreter), "-I", inference_child.__file__, runtime, str(folder), model, str(calls), through],
        capture_output=True,
        text=True,
        check=False,
        timeout=TIMEOUT_S,
        env={**os.environ, **one_core},
    )
    if finished.returncode != 0:
        raise InferenceBenchmarkError(f"{runtime} on {model} did not run: {finished.stderr.strip()[-300:]}")
    found: dict[str, Any] = json.loads(finished.stdout)
    return found
