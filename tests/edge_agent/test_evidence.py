"""Pictures of a machine: true to the samples, and small."""

from __future__ import annotations

import numpy as np
import pytest

from edge_agent.evidence import SPECTRUM, packed, picture
from models.contract.evidence import join_evidence, unpack_evidence

RATE_HZ = 25_600.0
ASSET = "6f1c7a52-94a7-4f5f-8a0e-0d7a2f3c1b12"


def _picture(samples, waveform_s=0.5, subject="alarm"):
    names = [f"P{row}.H" for row in range(len(samples))]
    return picture(
        samples,
        RATE_HZ,
        names,
        subject=subject,
        end_ns=1,
        waveform_s=waveform_s,
        speed_rpm=1480.0,
        facts={"operating_state": "steady/default"},
    )


@pytest.fixture
def samples():
    t = np.arange(int(4 * RATE_HZ)) / RATE_HZ
    rng = np.random.default_rng(1)
    impacts = 1.0 + 0.9 * np.sin(2 * np.pi * 90.0 * t)
    return (2.0 * np.sin(2 * np.pi * 400.0 * t) + impacts * rng.standard_normal((4, t.size))).astype(np.float32)


def test_waveform_spectrum_and_envelope_say_what_the_samples_say(samples):
    channel = _picture(samples).channels[0]
    waveform = channel.waveform * channel.waveform_scale
    np.testing.assert_allclose(waveform, samples[0, -12_800:], atol=channel.waveform_scale)
    assert channel.spectrum_step_hz == 1.0
    assert channel.spectrum[400] == pytest.approx(2.0 / np.sqrt(2.0), rel=0.05)
    strongest = np.argmax(channel.envelope[8:]) + 8
    assert strongest * channel.envelope_step_hz == pytest.approx(90.0, abs=0.5)


def test_a_package_fits_its_budget_and_the_latest_samples_are_what_is_kept(samples):
    for most in (65_536, 30_000, 12_288):
        parts = packed(_picture(samples), ASSET, "pump-1", most)
        assert sum(len(part.data) for part in parts) <= most
        back = unpack_evidence(join_evidence(parts))
        waveform = back.channels[0].waveform
        assert waveform.size
        kept = waveform * back.channels[0].waveform_scale
        np.testing.assert_allclose(kept, samples[0, -waveform.size :], atol=back.channels[0].waveform_scale)


def test_the_periodic_picture_has_no_waveform(samples):
    moment = _picture(samples, waveform_s=0.0, subject=SPECTRUM)
    assert all(channel.waveform.size == 0 for channel in moment.channels)


@pytest.mark.parametrize("fill", [0.0, np.nan, np.inf])
def test_a_dead_sensor_still_has_a_picture(samples, fill):
    samples[1] = fill
    parts = packed(_picture(samples), ASSET, "pump-1", 65_536)
    assert unpack_evidence(join_evidence(parts)).channels[1].spectrum.max() == 0.0


def test_a_snapshot_shorter_than_the_picture_is_shown_whole(samples):
    moment = _picture(samples[:2, :2_560])
    assert moment.channels[0].waveform.size == 2_560
    assert moment.channels[0].spectrum_step_hz == 10.0
