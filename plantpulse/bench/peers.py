"""General feature libraries, for comparison where `make peers` has installed them; none of them is a dependency.

They live in an environment of their own, because together they are larger than everything else here and pin what they
like. Compared is what both compute: each library's time for one channel against ours for the same features of it.
"""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Final

from models.contract.errors import PlantpulseError
from plantpulse.bench import peer_calls

if TYPE_CHECKING:
    from collections.abc import Mapping

_BANDS: Final = tuple(f"band_{number}" for number in range(1, peer_calls.BANDS + 1))
_MOMENTS: Final = ("acceleration_mean", "acceleration_rms", "kurtosis", "skewness")
SHARED: Final[Mapping[str, tuple[str, ...]]] = {
    "tsfresh": (*_MOMENTS, "acceleration_peak"),
    "tsfel": _MOMENTS,
    "librosa": ("acceleration_rms", *_BANDS),
    "endaq": ("acceleration_rms", *_BANDS),
    "nitime": _BANDS,
}
"""Library → our features that `peer_calls` has it compute."""


class PeersError(PlantpulseError):
    """The environment of the libraries is there and does not work."""


def default_interpreter() -> Path:
    """Return where `make peers` puts the interpreter of the libraries."""
    cache = os.environ.get("PLANTPULSE_CACHE") or str(Path.home() / ".cache" / "plantpulse")
    return Path(cache) / "peers" / "bin" / "python"


def seconds_per_channel(interpreter: Path, window_samples: int, sample_rate_hz: float) -> dict[str, float]:
    """Return what each installed library takes for its `SHARED` features of one channel; empty without interpreter.

    Raises:
        PeersError: the interpreter is there and cannot run them.
    """
    if not interpreter.exists():
        return {}
    one_core = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS"), "1")
    # Warnings of the libraries are theirs, not ours.
    finished = subprocess.run(
        [str(interpreter), "-I", peer_calls.__file__, str(window_samples), str(sample_rate_hz)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **one_core},
    )
    if finished.returncode != 0:
        raise PeersError(
            f"{interpreter} cannot run the libraries: {finished.stderr.strip()[-300:]}; remove its folder and run "
            "make peers again"
        )
    seconds: dict[str, float] = json.loads(finished.stdout)
    return seconds
