"""How fast vibration features are, and what they cost over the one FFT that cannot be avoided.

The default set of 16 channels of 1 s at 25.6 kHz, on one core, against
- a bare batched float32 rfft of the same windows (scipy.fft, the fastest installed),
- the plain float64 reference in models/signal/reference.py, one channel and one feature at a time,
- general feature libraries, where `make peers` has installed them, on the features that both compute.

Contenders take turns in every round and the middle round counts. What is counted is the time of the processor, not of
the wall: on a busy machine a long call is interrupted more often than a short one, which would falsify every ratio.
"""

from __future__ import annotations

import functools
import os
import statistics
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from plantpulse.bench.peers import SHARED, default_interpreter, seconds_per_channel

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

    import numpy as np
    from numpy.typing import NDArray


SEED: Final = 20816
"""Any fixed number; the time does not depend on the samples."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument("--channels", type=int, default=16, metavar="N", help="channels at once (default 16)")
    parser.add_argument("--rate", type=float, default=25600.0, metavar="HZ", help="sample rate (default 25600)")
    parser.add_argument("--seconds", type=float, default=1.0, metavar="S", help="length of a window (default 1)")
    parser.add_argument("--rounds", type=int, default=40, metavar="N", help="rounds that are timed (default 40)")
    parser.add_argument(
        "--peers",
        type=Path,
        default=default_interpreter(),
        metavar="PYTHON",
        help="interpreter that has other libraries installed (default: that of `make peers`)",
    )


def measure(arguments: argparse.Namespace) -> dict[str, Any]:
    """Return the numbers of `plantpulse bench features`.

    Returns:
        `ms_per_channel_second`, `ratio_to_bare_rfft`, `speedup_over_plain_float64`, `peers` (library: how many times
        slower on the features that it shares with ours; empty where none is installed), and what they were measured
        with.
    """
    # Read by BLAS when numpy is loaded: the promise is for one core.
    for variable in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"):
        os.environ.setdefault(variable, "1")
    import numpy as np
    import scipy.fft

    from models.signal.features import FeatureExtractor
    from models.signal.reference import reference_features

    window_samples = round(arguments.rate * arguments.seconds)
    samples = np.random.default_rng(SEED).standard_normal((arguments.channels, window_samples)).astype(np.float32)
    extractor = FeatureExtractor(arguments.rate, window_samples)

    def features() -> None:
        extractor(samples)

    def bare() -> None:
        scipy.fft.rfft(samples)

    def plain() -> None:
        reference_features(samples[:1], arguments.rate, extractor.names)

    ours, rfft = _take_turns((features, bare), arguments.rounds)
    ratio = statistics.median(mine / theirs for mine, theirs in zip(ours, rfft, strict=True))
    per_channel_s = statistics.median(ours) / arguments.channels
    (reference,) = _take_turns((plain,), max(3, arguments.rounds // 8))
    peers = {}
    for name, theirs_s in seconds_per_channel(arguments.peers, window_samples, arguments.rate).items():
        shared = FeatureExtractor(arguments.rate, window_samples, SHARED[name])
        (mine,) = _take_turns((functools.partial(_discarded, shared, samples),), arguments.rounds)
        peers[name] = theirs_s * arguments.channels / statistics.median(mine)
    if not peers:
        print("no other library is compared: make peers installs some", file=sys.stderr)
    return {
        "ms_per_channel_second": 1000.0 * per_channel_s / arguments.seconds,
        "ratio_to_bare_rfft": ratio,
        "speedup_over_plain_float64": statistics.median(reference) / per_channel_s,
        "peers": peers,
        "features": len(extractor.names),
        "channels": arguments.channels,
        "sample_rate_hz": arguments.rate,
        "window_samples": window_samples,
    }


def _take_turns(contenders: tuple[Callable[[], None], ...], rounds: int) -> list[list[float]]:
    """Return the processor seconds of every round of every contender, after one round that is not counted."""
    seconds: list[list[float]] = [[] for _ in contenders]
    for counted in range(-1, rounds):
        for contender, times in zip(contenders, seconds, strict=True):
            start = time.thread_time()
            contender()
            if counted >= 0:
                times.append(time.thread_time() - start)
    return seconds


def _discarded(call: Callable[[NDArray[np.float32]], object], samples: NDArray[np.float32]) -> None:
    """Drop a result; only the time it took counts."""
    call(samples)
