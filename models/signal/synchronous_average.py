"""Gears: what repeats with every turn of one shaft, and what does not.

In this order: samples at constant angle (`order_tracking`) are averaged over turns, so that everything that does not
repeat with this shaft fades with the root of their number; the average of one turn has its mesh harmonics at multiples
of the number of teeth, and sidebands around them where one tooth is not like the others; without mesh and first
sidebands the *difference* is left, which a healthy gear has nearly none of; without the whole average the *residual*
of the record is left, where bearings show.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from models.signal.errors import ResolutionError, SampleError, SpeedError
from models.signal.fourier import irfft, rfft

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from models.signal.order_tracking import AngularSamples

FEWEST_TURNS: Final = 4
"""What is not synchronous is then still half as strong: below, an average is none."""

REGULAR_SIDEBANDS: Final = 1
"""Sidebands that belong to a healthy gear, whose wheels are never quite round. Source: Večeř et al. (2005)."""

MESH_HARMONICS: Final = 3
SIDEBANDS: Final = 3
"""To either side. Source: Večeř, Kreidl and Šmíd, Condition indicators for gearbox condition monitoring systems,
Acta Polytechnica 45 (2005); the sideband ratio sums six."""


@dataclass(frozen=True, slots=True)
class SynchronousAverage:
    """One turn of a shaft, averaged.

    Attributes:
        samples: (channels, samples_per_turn) in the unit they had, without mean.
        turns: how many were averaged; asynchronous noise is lower by its root.
        noise_rms: (channels,) RMS that is left of what does not repeat, estimated from how the turns differ.
    """

    samples: NDArray[Any]
    turns: int
    noise_rms: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class MeshSidebands:
    """Lines of a gear in the average.

    Attributes:
        mesh_rms: (channels, harmonics) RMS at k · teeth orders.
        lower_rms: (channels, harmonics, sidebands) RMS at k · teeth - n orders, n from 1.
        upper_rms: the same at k · teeth + n orders.
        ratio: (channels, harmonics) sum of all sidebands over the mesh line, 1; inf where there is no mesh line.
    """

    mesh_rms: NDArray[np.float64]
    lower_rms: NDArray[np.float64]
    upper_rms: NDArray[np.float64]
    ratio: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class GearIndicators:
    """Condition indicators of one gear, (channels,) each.

    Attributes:
        fm0: peak-to-peak of the average over the sum of mesh amplitudes, 1; rises with a bad tooth and with less mesh.
        fm4: kurtosis of the difference, 1; 3 for noise, higher where one or two teeth differ.
        difference_rms: RMS of the difference in the unit of the samples; rises with wear, where FM4 falls back.
        difference_variance: its square, to be kept as history.
    """

    fm0: NDArray[np.float64]
    fm4: NDArray[np.float64]
    difference_rms: NDArray[np.float64]
    difference_variance: NDArray[np.float64]


def synchronous_average(angular: AngularSamples) -> SynchronousAverage:
    """Return the average turn.

    Args:
        angular: samples at constant angle of the shaft in question (`ShaftAngle.geared` for the other wheel).

    Raises:
        ResolutionError: fewer than 4 turns.

    Source: McFadden, A revised model for the extraction of periodic waveforms by time domain averaging, Mech. Syst.
        Signal Process. 1 (1987); Braun, The synchronous (time domain) average revisited, ibid. 25 (2011).
    """
    turns = angular.by_turn
    count = turns.shape[1]
    if count < FEWEST_TURNS:
        raise ResolutionError(f"{count} turns do not make an average: record at least {FEWEST_TURNS}, better 50")
    mean_turn = turns.mean(axis=1)
    rest = (turns - mean_turn[:, None]).astype(np.float64)
    # Differences from their own mean are small by (n - 1)/n; the mean of n has 1/n of the variance.
    noise_rms = np.sqrt((rest**2).sum(axis=(1, 2)) / (count - 1) / angular.samples_per_turn / count)
    return SynchronousAverage(mean_turn - mean_turn.mean(axis=1, keepdims=True), count, noise_rms)


def without_average(angular: AngularSamples, average: SynchronousAverage) -> NDArray[Any]:
    """Return the residual record (channels, samples) at constant angle: everything but what repeats with the shaft.

    Raises:
        SampleError: the average is of another number of channels or samples per turn.
    """
    if average.samples.shape != (angular.samples.shape[0], angular.samples_per_turn):
        raise SampleError(
            f"an average of shape {average.samples.shape} does not fit {angular.samples.shape[0]} channels with "
            f"{angular.samples_per_turn} samples per turn"
        )
    rest = angular.by_turn - average.samples[:, None]
    return np.asarray(rest.reshape(angular.samples.shape))


def mesh_sidebands(
    average: SynchronousAverage, teeth: int, *, harmonics: int = MESH_HARMONICS, sidebands: int = SIDEBANDS
) -> MeshSidebands:
    """Return the lines at k · teeth and k · teeth ± n orders.

    Args:
        average: of the shaft that the gear sits on.
        teeth: of that gear.
        harmonics: of the mesh.
        sidebands: to either side; fewer than half of the teeth, or those of two harmonics are the same.

    Raises:
        SpeedError: teeth, harmonics or sidebands that cannot be.
        ResolutionError: the highest line lies beyond half of the samples per turn.

    Source: Večeř, Kreidl and Šmíd (2005), sideband level factor; ISO 13373-9, gearboxes.
    """
    amplitude = _order_amplitudes(average.samples)
    _check_lines(amplitude.shape[1] - 1, teeth, harmonics, sidebands)
    mesh = np.arange(1, harmonics + 1) * teeth
    beside = np.arange(1, sidebands + 1)
    rms = amplitude / math.sqrt(2.0)
    mesh_rms = rms[:, mesh]
    lower_rms, upper_rms = rms[:, mesh[:, None] - beside], rms[:, mesh[:, None] + beside]
    total = lower_rms.sum(axis=2) + upper_rms.sum(axis=2)
    ratio = np.divide(total, mesh_rms, out=np.full_like(total, np.inf), where=mesh_rms > 0)
    return MeshSidebands(mesh_rms, lower_rms, upper_rms, ratio)


def difference_signal(
    average: SynchronousAverage, teeth: int, *, regular_sidebands: int = REGULAR_SIDEBANDS
) -> NDArray[Any]:
    """Return the average without shaft orders 1 and 2, mesh harmonics and their regular sidebands.

    Args:
        average: of the shaft that the gear sits on.
        teeth: of that gear.
        regular_sidebands: to either side, which go too; 0 leaves what is called the residual signal, for NA4.

    Returns:
        (channels, samples_per_turn) in the unit of the samples.

    Raises:
        SpeedError, ResolutionError: as `mesh_sidebands`.

    Source: Stewart, Some useful data analysis techniques for gearbox diagnostics, ISVR MHM/R/10/77 (1977); Zakrajsek,
        Townsend and Decker, An analysis of gear fault detection methods, NASA TM 105950 (1993).
    """
    transform = rfft(average.samples)
    highest = transform.shape[1] - 1
    _check_lines(highest, teeth, 1, regular_sidebands)
    transform[:, :3] = 0
    for mesh in range(teeth, highest + regular_sidebands + 1, teeth):
        transform[:, mesh - regular_sidebands : mesh + regular_sidebands + 1] = 0
    return irfft(transform, average.samples.shape[1])


def gear_indicators(average: SynchronousAverage, teeth: int) -> GearIndicators:
    """Return FM0, FM4 and the strength of the difference.

    Args:
        average: of the shaft that the gear sits on.
        teeth: of that gear.

    Raises:
        SpeedError, ResolutionError: as `mesh_sidebands`.

    Source: Zakrajsek, Townsend and Decker, NASA TM 105950 (1993), FM0 and FM4.
    """
    samples = average.samples.astype(np.float64)
    amplitude = _order_amplitudes(samples)
    _check_lines(amplitude.shape[1] - 1, teeth, 1, REGULAR_SIDEBANDS)
    mesh_sum = amplitude[:, teeth::teeth].sum(axis=1)
    reach = samples.max(axis=1) - samples.min(axis=1)
    fm0 = np.divide(reach, mesh_sum, out=np.full_like(reach, np.inf), where=mesh_sum > 0)
    difference = difference_signal(average, teeth).astype(np.float64)
    variance, fourth = (difference**2).mean(axis=1), (difference**4).mean(axis=1)
    silent = variance <= np.finfo(np.float64).tiny
    fm4 = np.where(silent, 0.0, fourth / np.where(silent, 1.0, variance) ** 2)
    return GearIndicators(fm0, fm4, np.sqrt(variance), variance)


def na4(average: SynchronousAverage, teeth: int, healthy_variance: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return NA4*: the fourth moment of the residual over the squared variance of healthy residuals, (channels,), 1.

    Unlike FM4 it keeps rising when damage spreads, because the divisor does not follow.

    Args:
        average: of the shaft that the gear sits on.
        teeth: of that gear.
        healthy_variance: (channels,) mean variance of `difference_signal(..., regular_sidebands=0)` over averages of
            the healthy gear, above 0. With the mean over all averages up to now instead it is NA4.

    Raises:
        SampleError: not one variance above 0 per channel.
        SpeedError, ResolutionError: as `mesh_sidebands`.

    Source: Zakrajsek, Townsend and Decker, NASA TM 105950 (1993), NA4; Decker, Handschuh and Zakrajsek, An
        enhancement to the NA4 gear vibration diagnostic parameter, NASA TM (1994), NA4*.
    """
    variance = np.asarray(healthy_variance, np.float64)
    if variance.shape != (average.samples.shape[0],) or not (np.isfinite(variance) & (variance > 0)).all():
        raise SampleError(
            f"healthy variances {variance.tolist()} do not fit {average.samples.shape[0]} channels: "
            "give one above 0 per channel"
        )
    residual = difference_signal(average, teeth, regular_sidebands=0).astype(np.float64)
    return np.asarray((residual**4).mean(axis=1) / variance**2)


def _order_amplitudes(samples: NDArray[Any]) -> NDArray[np.float64]:
    """Return the peak amplitude at every order (channels, orders): one turn needs no window."""
    amplitude = np.abs(rfft(samples)).astype(np.float64) * (2.0 / samples.shape[1])
    amplitude[:, 0] *= 0.5
    return np.asarray(amplitude, np.float64)


def _check_lines(highest_order: int, teeth: int, harmonics: int, sidebands: int) -> None:
    if teeth < 4 or harmonics < 1 or not 0 <= sidebands < teeth / 2:
        raise SpeedError(
            f"a gear of {teeth} teeth with {harmonics} mesh harmonics and {sidebands} sidebands cannot be measured: "
            "at least 4 teeth, 1 harmonic, and fewer sidebands than half of the teeth"
        )
    if harmonics * teeth + sidebands > 0.8 * highest_order:
        raise ResolutionError(
            f"order {harmonics * teeth + sidebands} needs at least {math.ceil(2.5 * (harmonics * teeth + sidebands))} "
            f"samples per turn, there are {2 * highest_order}"
        )
