"""Samples that cannot be judged are told from samples that can; healthy recordings are never flagged."""

from __future__ import annotations

import numpy as np
import pytest

from models.contract.vocabulary import QualityCause
from models.recordings import read_recording
from models.signal.quality import sample_quality

N = 25600
T = np.arange(N) / 25600.0
RNG = np.random.default_rng(11)
NOISE = RNG.standard_normal(N)


def quality(*channels, dtype=np.float32):
    return sample_quality(np.array(channels, dtype))


def with_value(value, at=100):
    x = NOISE.copy()
    x[at] = value
    return x


def test_each_channel_is_judged_for_itself():
    assert quality(NOISE, np.full(N, 9.81), with_value(np.nan)) == (
        (),
        (QualityCause.CONSTANT,),
        (QualityCause.NOT_FINITE,),
    )


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("at", [0, 12345, N - 1])
def test_a_single_sample_that_is_not_finite_is_found_wherever_it_is(value, at):
    assert quality(with_value(value, at)) == ((QualityCause.NOT_FINITE,),)


@pytest.mark.parametrize("sigmas", [1.0, 2.0, 3.0])
@pytest.mark.parametrize("side", ["both", "top", "bottom"])
def test_noise_cut_by_the_range_is_clipped(sigmas, side):
    low = -np.inf if side == "top" else -sigmas
    high = np.inf if side == "bottom" else sigmas
    assert quality(np.clip(NOISE, low, high)) == ((QualityCause.CLIPPED,),)


@pytest.mark.parametrize("over", [1.05, 1.5, 10.0])
def test_a_sine_beyond_the_range_is_clipped(over):
    assert quality(np.clip(over * np.sin(2 * np.pi * 50 * T), -1, 1)) == ((QualityCause.CLIPPED,),)


@pytest.mark.parametrize("levels", [2, 5, 20, 100, 1000, 30000])
@pytest.mark.parametrize("frequency_hz", [1.0, 50.0, 3000.0])
def test_a_sine_in_coarse_steps_is_not_clipped(levels, frequency_hz):
    """A slow sine rests at its top level; that is quantisation."""
    assert quality(np.round(levels * np.sin(2 * np.pi * frequency_hz * T + 0.3))) == ((),)


@pytest.mark.parametrize("step", [1e-6, 0.01, 0.1, 0.5, 2.0])
def test_noise_in_coarse_steps_is_not_clipped(step):
    assert quality(np.round(NOISE / step) * step) == ((),)


def test_a_few_equal_peaks_are_not_clipping():
    x = NOISE.copy()
    x[::8000] = 9.0
    assert quality(x) == ((),)


def test_a_square_wave_is_not_clipped():
    """Nothing lies below its top: a level, not the end of a range."""
    assert quality(np.sign(np.sin(2 * np.pi * 50 * T + 0.1))) == ((),)


def test_no_samples_are_no_data():
    assert sample_quality(np.zeros((2, 0), np.float32)) == ((QualityCause.NO_DATA,), (QualityCause.NO_DATA,))


@pytest.mark.parametrize(
    "name",
    [
        pytest.param("cwru/97_Normal_0_first_half.mat", marks=pytest.mark.needs("recordings/cwru")),
        pytest.param("mfpt/InnerRaceFault_vload_7.mat", marks=pytest.mark.needs("recordings/mfpt")),
        pytest.param("femto/Bearing1_1.npz", marks=pytest.mark.needs("recordings/femto")),
        pytest.param("ims/test1_raw/2003.10.22.12.06.24", marks=pytest.mark.needs("recordings/ims")),
        pytest.param("ims/test2_raw/2004.02.19.06.22.39", marks=pytest.mark.needs("recordings/ims")),
        pytest.param("gearbox/h30hz0.csv.gz", marks=pytest.mark.needs("recordings/gearbox")),
    ],
)
def test_real_sensors_that_work_are_not_flagged_not_even_on_a_stopped_rig(recordings, name):
    recording = read_recording(recordings / name)
    flagged = {
        cause for segment in recording.segments for causes in sample_quality(segment.samples) for cause in causes
    }
    assert flagged == set()
