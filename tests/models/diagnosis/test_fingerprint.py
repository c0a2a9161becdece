"""A fingerprint measures what it says, survives storage, and tells change from chance."""

from __future__ import annotations

import numpy as np
import pytest
from support.bearing_signals import noise, shaft_lines

from models.diagnosis.fingerprint import (
    ORDERS,
    Fingerprint,
    FingerprintError,
    combine,
    fingerprint,
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


def test_channels_are_put_in_order() -> None:
    made = fingerprint(healthy(1), RATE_HZ, 60 * SHAFT_HZ)
    swapped = made.select([1, None, 0])
    assert swapped.velocity_mm_s[2] == made.velocity_mm_s[0]
    assert np.isnan(swapped.velocity_mm_s[1])
