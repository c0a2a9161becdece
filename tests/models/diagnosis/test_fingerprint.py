"""A fingerprint measures what it says, survives storage, and tells change from chance."""

from __future__ import annotations

import numpy as np
import pytest
from support.bearing_signals import impacts, noise, shaft_lines

from models.diagnosis.fingerprint import (
    ORDERS,
    Fingerprint,
    FingerprintError,
    combine,
    fingerprint,
    largest_change,
)

RATE_HZ = 25_600.0
SHAFT_HZ = 24.6


def healthy(seed: int, seconds: float = 2.0) -> np.ndarray:
    lines = shaft_lines(seconds, RATE_HZ, SHAFT_HZ, {1.0: 1.2, 2.0: 0.4, 3.0: 0.1})
    return np.stack([noise(seconds, RATE_HZ, seed) + lines, noise(seconds, RATE_HZ, seed + 100, level=0.5)])


@pytest.mark.parametrize("seconds", [1.0, 2.0, 5.0])
def test_order_velocity_is_that_of_the_line(seconds: float) -> None:
    orders = fingerprint(healthy(1, seconds), RATE_HZ, 60 * SHAFT_HZ).order_mm_s
    # Noise of 1 m/s² under a 3 m/s² peak line leaves a few per cent.
    assert orders[0, ORDERS.index(1.0)] == pytest.approx(1.2, rel=0.05)
    assert orders[0, ORDERS.index(2.0)] == pytest.approx(0.4, rel=0.1)


def test_noise_is_no_line_at_any_order() -> None:
    loud = noise(1, RATE_HZ, 2, level=30.0)[None]
    assert fingerprint(loud, RATE_HZ, 60 * SHAFT_HZ).order_mm_s.max() == 0.0


def test_without_a_speed_there_are_no_orders() -> None:
    assert np.isnan(fingerprint(healthy(1), RATE_HZ, None).order_mm_s).all()


def test_orders_that_melt_together_are_not_measured() -> None:
    assert np.isnan(fingerprint(healthy(1, 0.1), RATE_HZ, 60 * SHAFT_HZ).order_mm_s).all()


def test_it_survives_storage() -> None:
    made = combine([fingerprint(healthy(seed), RATE_HZ, 60 * SHAFT_HZ) for seed in range(3)])
    back = Fingerprint.from_bytes(made.to_bytes())
    assert back.speed_rpm == pytest.approx(made.speed_rpm)
    np.testing.assert_allclose(back.order_mm_s, made.order_mm_s, rtol=1e-6)
    np.testing.assert_allclose(back.band_db, made.band_db, rtol=1e-6)
    assert len(made.to_bytes()) < 2000


@pytest.mark.parametrize(
    "spoil", [lambda data: data[:-4], lambda data: b"x" + data, lambda data: data[:6], lambda _: b""]
)
def test_damaged_bytes_are_refused(spoil) -> None:
    with pytest.raises(FingerprintError):
        Fingerprint.from_bytes(spoil(fingerprint(healthy(1), RATE_HZ, None).to_bytes()))


def test_chance_is_no_change() -> None:
    reference = combine([fingerprint(healthy(seed), RATE_HZ, 60 * SHAFT_HZ) for seed in range(5)])
    for seed in range(10, 40):
        now = fingerprint(healthy(seed), RATE_HZ, 60 * SHAFT_HZ)
        assert largest_change(now, reference, 0) is None
        assert largest_change(now, reference, 1) is None


def test_a_resonance_that_rises_is_a_change_in_its_band() -> None:
    reference = fingerprint(healthy(1), RATE_HZ, 60 * SHAFT_HZ)
    struck = healthy(2)
    struck[1] += impacts(2, RATE_HZ, 33.3, 1, height=30.0, resonance_hz=3100.0)
    change = largest_change(fingerprint(struck, RATE_HZ, 60 * SHAFT_HZ), reference, 1)
    assert change is not None
    assert change.band_hz == pytest.approx(3162, rel=0.3)
    assert largest_change(fingerprint(struck, RATE_HZ, 60 * SHAFT_HZ), reference, 0) is None


def test_a_lower_sampling_rate_is_compared_where_both_have_bands() -> None:
    reference = fingerprint(healthy(1), RATE_HZ, 60 * SHAFT_HZ)
    slower = shaft_lines(2, 12_800.0, SHAFT_HZ, {1.0: 1.2, 2.0: 0.4, 3.0: 0.1}) + noise(2, 12_800.0, 3, level=0.5**0.5)
    now = fingerprint(np.stack([slower, slower]), 12_800.0, 60 * SHAFT_HZ)
    assert largest_change(now, reference, 0) is None


def test_channels_are_put_in_order() -> None:
    made = fingerprint(healthy(1), RATE_HZ, 60 * SHAFT_HZ)
    swapped = made.select([1, None, 0])
    assert swapped.velocity_mm_s[2] == made.velocity_mm_s[0]
    assert np.isnan(swapped.velocity_mm_s[1])
