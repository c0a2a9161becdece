"""The FFT of a gateway: right numbers, without the memory of the rest of scipy."""

from __future__ import annotations

import importlib
import json
import pkgutil
import subprocess
import sys

import numpy as np
import pytest

import models.signal
from models.signal import fourier

SIGNAL_MODULES = sorted(
    f"models.signal.{module.name}"
    for module in pkgutil.iter_modules(models.signal.__path__)
    # The plain reference is for tests and benchmarks and may use all of scipy.
    if module.name != "reference"
)


def test_the_extension_is_loaded_alone_with_the_scipy_that_is_locked():
    """If this fails, scipy has moved its extension: everything still works, and gateways pay 29 MB."""
    assert fourier.LOADED_FROM == "extension"


def test_importing_every_signal_module_loads_neither_scipy_fft_nor_scipy_signal_nor_their_memory():
    """Measured 33 MB in all, numpy included; scipy.fft would add about 29 MB, scipy.signal 55 MB more."""
    code = f"""
import importlib, json, resource, sys
for name in {SIGNAL_MODULES!r}:
    importlib.import_module(name)
heavy = [name for name in ("scipy.fft", "scipy.signal", "scipy.stats", "scipy.io") if name in sys.modules]
pages = open("/proc/self/statm").read().split()[1]
print(json.dumps({{"heavy": heavy, "rss_mb": int(pages) * resource.getpagesize() / 1e6}}))
"""
    found = json.loads(subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True).stdout)
    assert found["heavy"] == []
    assert found["rss_mb"] < 48


@pytest.mark.parametrize("order", [("models.signal.fourier", "scipy.fft"), ("scipy.fft", "models.signal.fourier")])
def test_it_lives_in_one_process_with_scipy_fft_whoever_comes_first(order):
    """The same compiled file is then loaded twice, or found already loaded."""
    code = f"""
import importlib
for name in {order!r}:
    importlib.import_module(name)
import numpy as np, scipy.fft
from models.signal import fourier
x = np.arange(64, dtype=np.float32).reshape(2, 32)
assert np.array_equal(fourier.rfft(x), scipy.fft.rfft(x))
print(fourier.LOADED_FROM)
"""
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True).stdout
    assert out.strip() == "extension"


@pytest.fixture(params=["extension", "scipy.fft"])
def transforms(request, monkeypatch):
    """The module on the extension, and on its fallback."""
    if request.param == "scipy.fft":
        monkeypatch.setattr(fourier, "_pocketfft", fourier._PublicScipy())
    return fourier


@pytest.mark.parametrize("n", [16, 25, 2560, 25601])
def test_forward_and_back_give_the_samples_for_even_odd_and_prime_lengths(transforms, n):
    """float32 keeps 7 digits; the transform of 25,601 points loses less than one of them."""
    x = np.random.default_rng(n).standard_normal((3, n)).astype(np.float32)
    spectrum = transforms.rfft(x)
    assert spectrum.dtype == np.complex64
    assert spectrum.shape == (3, n // 2 + 1)
    assert np.allclose(transforms.irfft(spectrum, n), x, atol=3e-6)
    assert np.allclose(spectrum, np.fft.rfft(x.astype(np.float64)), atol=1e-5 * n**0.5)
    assert np.allclose(transforms.ifft(transforms.fft(spectrum)), spectrum, atol=1e-5 * n**0.5)
    assert np.allclose(transforms.ifft_unscaled(spectrum), transforms.ifft(spectrum) * spectrum.shape[1], rtol=1e-5)


def test_the_result_is_written_where_the_caller_wants_it(transforms):
    x = np.random.default_rng(1).standard_normal((2, 64)).astype(np.float32)
    memory = np.full((4, 40), -1, np.complex64)
    out = memory[:2, :33]
    transforms.rfft(x, out=out)
    assert np.allclose(out, np.fft.rfft(x), atol=1e-5)
    assert np.all(memory[2:] == -1)
    assert np.all(memory[:, 33:] == -1)


@pytest.mark.parametrize("rows", [1, 3, 4, 5, 16])
@pytest.mark.parametrize("n", [256, 25600, 12207])
def test_each_row_may_be_transformed_in_its_own_place(transforms, rows, n):
    x = np.random.default_rng(5).standard_normal((rows, n)).astype(np.float32)
    expected = transforms.rfft(x.copy())
    spectrum = np.zeros((rows, n // 2 + 1), np.complex64)
    place = spectrum.view(np.float32)[:, :n]
    place[:] = x
    transforms.rfft(place, out=spectrum)
    assert np.array_equal(spectrum, expected)


def test_integers_and_float64_are_transformed_in_double_precision(transforms):
    assert transforms.rfft(np.arange(8)).dtype == np.complex128
    assert transforms.rfft(np.arange(8.0)).dtype == np.complex128


def test_a_spectrum_is_cut_or_padded_to_the_length_asked_for(transforms):
    x = np.cos(2 * np.pi * np.arange(32) / 32)
    assert np.allclose(transforms.irfft(transforms.rfft(x), 64)[::2] * 2, x)
    assert transforms.irfft(transforms.rfft(x)).shape == (32,)


def test_fast_lengths_have_only_small_prime_factors(transforms):
    assert transforms.prev_fast_len(25601) == 25600
    assert transforms.next_fast_len(25601) == 25920
    assert transforms.next_fast_len(7, real=False) == 7


def test_without_the_extension_the_public_scipy_takes_over(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda _name: None)
    monkeypatch.delitem(sys.modules, "scipy.fft._pocketfft.pypocketfft", raising=False)
    assert fourier._load_extension() is None


def test_an_extension_that_answers_wrongly_is_not_used():
    class Scaled:
        def __getattr__(self, _name):
            return lambda *_arguments: np.zeros((2, 9))

    assert not fourier._answers_right(Scaled())
    assert not fourier._answers_right(object())
