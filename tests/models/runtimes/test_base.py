"""int8 and back: looked up for few numbers, computed for many, and always the same."""

from __future__ import annotations

import numpy as np
import pytest

from models.runtimes.base import FEW_NUMBERS, Int8Scale, dequantise, quantise

scales = pytest.mark.parametrize(
    ("scale", "zero_point"), [(12.0 / 255.0, 0), (0.0566933, -3), (0.1247, -128), (1e-30, 127), (1e30, 5)]
)


def test_int8_and_back_loses_half_a_step_at_most():
    values = np.linspace(-6.0, 6.0, 1001).astype(np.float32)
    scale = 12.0 / 255.0
    assert np.abs(dequantise(quantise(values, scale, -1), scale, -1) - values).max() <= 0.5001 * scale + 1e-6


@scales
def test_looking_up_gives_what_computing_gives_also_right_beside_every_edge(scale, zero_point):
    rng = np.random.default_rng(0)
    edges = (np.arange(-300, 300) + 0.5) * scale
    numbers = np.concatenate([rng.standard_normal(4000) * 60.0 * scale, edges, [0.0, -0.0]]).astype(np.float32)
    far = np.float32(np.inf)
    numbers = np.concatenate([numbers, np.nextafter(numbers, far), np.nextafter(numbers, -far), [far, -far]])
    table = Int8Scale(scale, zero_point)
    for few in np.array_split(numbers, len(numbers) // FEW_NUMBERS + 1):
        assert few.size <= FEW_NUMBERS
        np.testing.assert_array_equal(table.quantise(few), quantise(few, scale, zero_point))


@scales
def test_back_from_int8_is_the_same(scale, zero_point):
    codes = np.arange(-128, 128).astype(np.int8).reshape(2, 128)
    np.testing.assert_array_equal(Int8Scale(scale, zero_point).dequantise(codes), dequantise(codes, scale, zero_point))
