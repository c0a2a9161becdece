"""General feature libraries, for comparison where they happen to be installed; none of them is a dependency.

Each call computes what that library offers as its usual small set for one channel: different features from ours, so
the numbers say what a plant would pay, not that one library is badly made.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    from numpy.typing import NDArray


def tsfresh(channel: NDArray[np.float32], _sample_rate_hz: float) -> Any:
    """Compute `MinimalFCParameters`: ten statistics, no spectrum."""
    import pandas as pd  # type: ignore[import-not-found,import-untyped,unused-ignore]  # comes with tsfresh only
    from tsfresh import extract_features  # type: ignore[import-not-found,unused-ignore]  # optional
    from tsfresh.feature_extraction import MinimalFCParameters  # type: ignore[import-not-found,unused-ignore]  # optional

    table = pd.DataFrame({"id": 0, "time": range(channel.size), "value": channel})
    return extract_features(
        table,
        column_id="id",
        column_sort="time",
        default_fc_parameters=MinimalFCParameters(),
        n_jobs=0,
        disable_progressbar=True,
    )


def tsfel(channel: NDArray[np.float32], sample_rate_hz: float) -> Any:
    """Compute the statistical domain: moments, quantiles and histograms."""
    import tsfel as library  # type: ignore[import-not-found,unused-ignore]  # optional

    configuration = library.get_features_by_domain("statistical")
    return library.time_series_features_extractor(configuration, channel, fs=sample_rate_hz, verbose=0)


def librosa(channel: NDArray[np.float32], sample_rate_hz: float) -> Any:
    """Compute RMS, centroid, bandwidth, roll-off and contrast, the usual audio set, frame by frame."""
    from librosa import feature  # type: ignore[import-not-found,unused-ignore]  # optional

    return (
        feature.rms(y=channel),
        feature.spectral_centroid(y=channel, sr=sample_rate_hz),
        feature.spectral_bandwidth(y=channel, sr=sample_rate_hz),
        feature.spectral_rolloff(y=channel, sr=sample_rate_hz),
        feature.spectral_contrast(y=channel, sr=sample_rate_hz),
    )


PEERS: Final[dict[str, Callable[[NDArray[np.float32], float], Any]]] = {
    "tsfresh": tsfresh,
    "tsfel": tsfel,
    "librosa": librosa,
}
"""By the name of the package that must be installed."""
