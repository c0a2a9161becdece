"""Noise that comes in blows once per turn is told from steady noise, and from what load or vanes do to it."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from models.diagnosis.rattle import rattles

RATE_HZ = 12_000.0
SHAFT_HZ = 24.7


def noise_with(modulation: str, seconds: float = 4.0, *, seed: int = 0) -> NDArray[np.float32]:
    """Return noise of one channel whose strength follows the turns of a shaft."""
    turns = SHAFT_HZ * np.arange(round(seconds * RATE_HZ)) / RATE_HZ
    strength = {
        "steady": np.ones(turns.size),
        # A millisecond, as steel on steel touches.
        "blows": 1 + 3 * np.exp(-0.5 * ((np.mod(turns, 1.0) - 0.5) / (1e-3 * SHAFT_HZ)) ** 2),
        "load": 1 + 0.4 * np.cos(2 * np.pi * turns) + 0.2 * np.cos(4 * np.pi * turns),
        "seven vanes": 1 + 0.5 * np.cos(2 * np.pi * 7 * turns),
    }[modulation]
    random = np.random.default_rng(seed)
    noise: NDArray[np.float32] = (strength * random.standard_normal(turns.size)).astype(np.float32)
    return noise[None]


@pytest.mark.parametrize(
    ("modulation", "expected"), [("steady", False), ("blows", True), ("load", False), ("seven vanes", False)]
)
@pytest.mark.parametrize("seed", range(3))
def test_only_blows_rattle(modulation: str, *, expected: bool, seed: int) -> None:
    assert rattles(noise_with(modulation, seed=seed), RATE_HZ, SHAFT_HZ) is expected


def test_one_channel_that_hears_blows_is_enough() -> None:
    both = np.concatenate([noise_with("steady"), noise_with("blows")])
    assert rattles(both, RATE_HZ, SHAFT_HZ) is True


def test_its_unit_does_not_matter() -> None:
    blows = noise_with("blows")
    assert rattles(1e-3 * blows, RATE_HZ, SHAFT_HZ) is rattles(1e3 * blows, RATE_HZ, SHAFT_HZ) is True


def test_a_few_turns_say_nothing() -> None:
    assert rattles(noise_with("blows", seconds=0.5), RATE_HZ, SHAFT_HZ) is None
