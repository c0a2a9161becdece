"""The fast Fourier transform of a gateway: scipy's pocketfft, loaded without the rest of scipy.

Importing `scipy.fft` costs a small gateway about 29 MB of memory, and `numpy.fft` is several times slower on
batches of float32. The compiled extension below scipy.fft is all that is needed, so it is found and loaded by its
path. That file is private to scipy: when it is not there, does not load, or fails a transform with a known answer,
the public `scipy.fft` is used instead and only memory is lost. `LOADED_FROM` says which one it became.

All transforms run along the last axis, on one thread, without normalisation forward and by 1/n backward.
"""

from __future__ import annotations

import importlib.util
import sys
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import ModuleType

    from numpy.typing import NDArray

_EXTENSION: Final = "scipy.fft._pocketfft.pypocketfft"
_FORWARD: Final = True
_BACKWARD: Final = False
_UNSCALED: Final = 0
_BY_LENGTH: Final = 2
_ONE_THREAD: Final = 1
_REAL: Final = True


def _load_extension() -> ModuleType | None:
    """Return the pocketfft extension without executing any package above it, or None."""
    if _EXTENSION in sys.modules:
        return sys.modules[_EXTENSION]
    scipy = importlib.util.find_spec("scipy")
    if scipy is None:
        return None
    for root in scipy.submodule_search_locations or ():
        for suffix in EXTENSION_SUFFIXES:
            path = Path(root) / "fft" / "_pocketfft" / f"pypocketfft{suffix}"
            if path.is_file():
                return _execute(path)
    return None


def _execute(path: Path) -> ModuleType | None:
    spec = importlib.util.spec_from_file_location("pypocketfft", path)
    if spec is None or spec.loader is None:
        return None
    try:
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    except ImportError:
        return None
    return module if _answers_right(module) else None


def _answers_right(module: Any) -> bool:
    """Return whether the private functions still take what we pass: a unit impulse is flat in frequency."""
    impulse = np.zeros((5, 16), np.float32)
    impulse[:, 0] = 1.0
    # In place, as features do it; five rows are a full vector of them and one more.
    spectrum = np.zeros((5, 9), np.complex64)
    samples = spectrum.view(np.float32)[:, :16]
    samples[:] = impulse
    try:
        module.r2c(samples, (1,), _FORWARD, _UNSCALED, spectrum, _ONE_THREAD)
        back = module.c2r(spectrum, (1,), 16, _BACKWARD, _BY_LENGTH, None, _ONE_THREAD)
        turned = module.c2c(spectrum, (1,), _FORWARD, _UNSCALED, None, _ONE_THREAD)
        good = module.good_size(17, _REAL) >= 17 >= module.prev_good_size(17, _REAL)
    except (AttributeError, TypeError, ValueError, RuntimeError):
        return False
    return bool(good and np.allclose(spectrum, 1.0) and np.allclose(back, impulse) and np.allclose(turned[:, 0], 9.0))


class _PublicScipy:
    """The same calls on the public scipy.fft, for a scipy whose inside has changed."""

    def __init__(self) -> None:
        import scipy.fft

        self._fft = scipy.fft

    @staticmethod
    def _into(result: NDArray[Any], out: NDArray[Any] | None) -> NDArray[Any]:
        if out is None:
            return result
        out[...] = result
        return out

    def r2c(self, x: Any, axes: Any, _forward: bool, _norm: int, out: Any, _threads: int) -> NDArray[Any]:  # noqa: FBT001 - the extension's own argument order
        return self._into(self._fft.rfft(x, axis=axes[0]), out)

    def c2r(self, x: Any, axes: Any, n: int, _forward: bool, _norm: int, out: Any, _threads: int) -> NDArray[Any]:  # noqa: FBT001 - the extension's own argument order
        return self._into(self._fft.irfft(x, n=n, axis=axes[0]), out)

    def c2c(self, x: Any, axes: Any, forward: bool, norm: int, out: Any, _threads: int) -> NDArray[Any]:  # noqa: FBT001 - the extension's own argument order
        scale: Literal["backward", "forward"] = "backward" if forward or norm == _BY_LENGTH else "forward"
        transform = self._fft.fft if forward else self._fft.ifft
        return self._into(transform(x, axis=axes[0], norm=scale), out)

    def good_size(self, target: int, real: bool) -> int:  # noqa: FBT001 - the extension's own argument order
        return int(self._fft.next_fast_len(target, real=real))

    def prev_good_size(self, target: int, real: bool) -> int:  # noqa: FBT001 - the extension's own argument order
        return int(self._fft.prev_fast_len(target, real=real))


_extension: Final = _load_extension()
_pocketfft: Final[Any] = _extension if _extension is not None else _PublicScipy()
LOADED_FROM: Final = "extension" if _extension is not None else "scipy.fft"


def rfft(x: NDArray[Any], *, out: NDArray[Any] | None = None) -> NDArray[Any]:
    """Return the one-sided spectrum of real samples along the last axis.

    Args:
        x: real samples (..., n); float32 gives complex64, everything else complex128.
        out: where to write (..., n // 2 + 1); allocating it once saves page faults in a hot loop. Each row may lie
            where the samples of the same row lie.

    Returns:
        complex spectrum (..., n // 2 + 1), not normalised.
    """
    return _pocketfft.r2c(_floating(x), (x.ndim - 1,), _FORWARD, _UNSCALED, out, _ONE_THREAD)  # type: ignore[no-any-return]  # the extension has no types


def irfft(x: NDArray[Any], n: int | None = None) -> NDArray[Any]:
    """Return the real samples (..., n) of a one-sided spectrum (..., n // 2 + 1), scaled by 1/n; n even if not given.

    >>> import numpy as np
    >>> irfft(rfft(np.array([1.0, 2.0, 3.0])), 3).round(6).tolist()
    [1.0, 2.0, 3.0]
    """
    samples = 2 * (x.shape[-1] - 1) if n is None else n
    bins = samples // 2 + 1
    if x.shape[-1] < bins:
        x = np.concatenate([x, np.zeros((*x.shape[:-1], bins - x.shape[-1]), x.dtype)], axis=-1)
    return _pocketfft.c2r(x[..., :bins], (x.ndim - 1,), samples, _BACKWARD, _BY_LENGTH, None, _ONE_THREAD)  # type: ignore[no-any-return]  # the extension has no types


def fft(x: NDArray[Any], *, out: NDArray[Any] | None = None) -> NDArray[Any]:
    """Return the two-sided spectrum of complex samples (..., n) along the last axis, not normalised."""
    return _pocketfft.c2c(x, (x.ndim - 1,), _FORWARD, _UNSCALED, out, _ONE_THREAD)  # type: ignore[no-any-return]  # the extension has no types


def ifft(x: NDArray[Any], *, out: NDArray[Any] | None = None) -> NDArray[Any]:
    """Return the complex samples (..., n) of a two-sided spectrum along the last axis, scaled by 1/n."""
    return _pocketfft.c2c(x, (x.ndim - 1,), _BACKWARD, _BY_LENGTH, out, _ONE_THREAD)  # type: ignore[no-any-return]  # the extension has no types


def ifft_unscaled(x: NDArray[Any], *, out: NDArray[Any] | None = None) -> NDArray[Any]:
    """Return `ifft` times n: the plain sum over bins, which saves one pass where a scale is applied later anyway."""
    return _pocketfft.c2c(x, (x.ndim - 1,), _BACKWARD, _UNSCALED, out, _ONE_THREAD)  # type: ignore[no-any-return]  # the extension has no types


def next_fast_len(n: int, *, real: bool = True) -> int:
    """Return the smallest length of at least n that transforms fast.

    >>> next_fast_len(25601)
    25920
    """
    return int(_pocketfft.good_size(n, real))


def prev_fast_len(n: int, *, real: bool = True) -> int:
    """Return the largest length of at most n that transforms fast.

    >>> prev_fast_len(25601)
    25600
    """
    return int(_pocketfft.prev_good_size(n, real))


def pairs_of(channels: NDArray[Any]) -> Iterator[NDArray[Any]]:
    """Yield channels (channels, samples) by two at a time, (2, samples), the last one alone if need be: (1, samples).

    A transform takes hardly longer for two than for one; the spectra of more would not fit beside the rest of a small
    gateway's agent.

    >>> import numpy as np
    >>> [pair.shape for pair in pairs_of(np.zeros((3, 8)))]
    [(2, 8), (1, 8)]
    """
    for row in range(0, channels.shape[0], 2):
        yield channels[row : row + 2]


def _floating(x: NDArray[Any]) -> NDArray[Any]:
    return x if x.dtype in (np.float32, np.float64) else x.astype(np.float64)
