"""What general libraries take for features that we compute too; run by an interpreter that has them installed.

This file is run by its path in an environment of its own (`make peers`), so it imports nothing of plantpulse. Each
library computes one channel in the way that suits it best: functions are called directly and not through a table of
features, what can be prepared is prepared, and the fastest of several runs counts. On standard output it prints one
JSON object: library → seconds of processor time for one channel.
"""

from __future__ import annotations

import importlib.util
import json
import sys
import time
import warnings
from typing import TYPE_CHECKING, Any, Final

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

RUNS: Final = 7
BANDS: Final = 8
LOWEST_HZ: Final = 10.0
HIGHEST_OF_RATE: Final = 0.45


def tsfresh(x: NDArray[np.float32], _rate_hz: float) -> Callable[[], Any]:
    """Mean, RMS, largest value, kurtosis and skewness by its calculators, without its tables."""
    from tsfresh.feature_extraction import feature_calculators as of  # type: ignore[import-not-found,import-untyped,unused-ignore]  # optional

    return lambda: (of.mean(x), of.root_mean_square(x), of.absolute_maximum(x), of.kurtosis(x), of.skewness(x))


def tsfel(x: NDArray[np.float32], _rate_hz: float) -> Callable[[], Any]:
    """Mean, RMS, kurtosis and skewness."""
    from tsfel.feature_extraction import features as of  # type: ignore[import-not-found,import-untyped,unused-ignore]  # optional

    return lambda: (of.calc_mean(x), of.rms(x), of.kurtosis(x), of.skewness(x))


def librosa(x: NDArray[np.float32], rate_hz: float) -> Callable[[], Any]:
    """RMS, and the powers in eight bands of one windowed spectrum; its filter bank is made beforehand."""
    import librosa as library  # type: ignore[import-not-found,import-untyped,unused-ignore]  # optional

    whole = {"hop_length": x.size, "center": False}
    bank = library.filters.mel(sr=rate_hz, n_fft=x.size, n_mels=BANDS)

    def compute() -> Any:
        rms = library.feature.rms(y=x, frame_length=x.size, **whole)
        return rms, bank @ np.abs(library.stft(x, n_fft=x.size, **whole)) ** 2

    return compute


def endaq(x: NDArray[np.float32], rate_hz: float) -> Callable[[], Any]:
    """RMS, and the powers in eight log-spaced bands of one windowed spectrum; its table is made beforehand."""
    import pandas as pd  # type: ignore[import-not-found,import-untyped,unused-ignore]  # optional
    from endaq.calc import psd, stats  # type: ignore[import-not-found,import-untyped,unused-ignore]  # optional

    table = pd.DataFrame({"x": x}, index=np.arange(x.size) / rate_hz)
    edges = np.geomspace(LOWEST_HZ, HIGHEST_OF_RATE * rate_hz, BANDS + 1)
    bin_hz = rate_hz / x.size
    return lambda: (stats.rms(x), psd.to_jagged(psd.welch(table, bin_width=bin_hz), edges, agg="sum"))


def nitime(x: NDArray[np.float32], rate_hz: float) -> Callable[[], Any]:
    """The spectrum alone, by its plainest function; that is less than our bands need."""
    from nitime import algorithms  # type: ignore[import-not-found,import-untyped,unused-ignore]  # optional

    return lambda: algorithms.periodogram(x, rate_hz)


PEERS: Final[dict[str, tuple[str, Callable[[NDArray[np.float32], float], Callable[[], Any]]]]] = {
    "tsfresh": ("tsfresh", tsfresh),
    "tsfel": ("tsfel", tsfel),
    "librosa": ("librosa", librosa),
    "endaq": ("endaq", endaq),
    "nitime": ("nitime", nitime),
}
"""Library → the package that must be there, and what prepares its call."""


def fastest_s(call: Callable[[], Any]) -> float:
    """Return the processor seconds of the fastest of several runs, after one that is not counted."""
    call()
    seconds = []
    for _ in range(RUNS):
        start = time.process_time()
        call()
        seconds.append(time.process_time() - start)
    return min(seconds)


def main(window_samples: int, rate_hz: float) -> None:
    """Measure what is installed and print it."""
    warnings.simplefilter("ignore")
    x = np.random.default_rng(20816).standard_normal(window_samples).astype(np.float32)
    found = {name: prepare for name, (package, prepare) in PEERS.items() if importlib.util.find_spec(package)}
    print(json.dumps({name: fastest_s(prepare(x, rate_hz)) for name, prepare in found.items()}))


if __name__ == "__main__":
    main(int(sys.argv[1]), float(sys.argv[2]))
