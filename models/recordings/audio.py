"""WAV files: PCM of 8 to 32 bits through the standard library, floating point and extensible headers through scipy.

PCM becomes parts of full scale (−1 to 1); what full scale means (g, m/s²) only the person who set up the recorder
knows. Floating point samples are taken as they are.
"""

from __future__ import annotations

import struct
import warnings
import wave
from typing import TYPE_CHECKING, Any

import numpy as np

from models.recordings.contents import Contents, Series
from models.recordings.recording import RecordingError

if TYPE_CHECKING:
    from pathlib import Path


def read(path: Path) -> Contents:
    """Return the channels of a WAV file.

    Raises:
        RecordingError: truncated, no WAV file, or a coding that is not linear.
    """
    _check_chunks(path)
    try:
        with wave.open(str(path), "rb") as file:
            frames, width, channels = file.getnframes(), file.getsampwidth(), file.getnchannels()
            rate = file.getframerate()
            content = file.readframes(frames)
    except wave.Error as error:
        if "unknown format" in str(error):
            return _read_with_scipy(path)
        raise RecordingError(f"{path}: is no WAV file ({error}): convert it, or give it its right ending") from error
    except (EOFError, OSError, RuntimeError, struct.error, ZeroDivisionError) as error:
        raise RecordingError(f"{path}: has a damaged header: copy it again") from error
    if channels == 0 or len(content) != frames * width * channels:
        raise RecordingError(f"{path}: holds {len(content)} bytes for {frames} samples: copy it again")
    samples = _full_scale(path, content, width).reshape(-1, channels)
    return _contents(path, samples, rate, width)


def _check_chunks(path: Path) -> None:
    """Refuse a file whose chunks reach beyond its end: readers would allocate first and notice later."""
    size = path.stat().st_size
    with path.open("rb") as file:
        if file.read(4) != b"RIFF":
            raise RecordingError(f"{path}: is no WAV file: give it its right ending, or convert it")
        file.seek(12)
        while len(head := file.read(8)) == 8:
            length = int.from_bytes(head[4:], "little")
            if head[:4] == b"data" and file.tell() + length > size:
                raise RecordingError(
                    f"{path}: is truncated: {max(0, size - file.tell())} of {length} bytes of samples: copy it again"
                )
            file.seek(length + length % 2, 1)


def _full_scale(path: Path, content: bytes, width: int) -> np.ndarray[Any, np.dtype[np.float32]]:
    """Return PCM samples as parts of full scale."""
    if width == 1:
        # Of all widths only 8 bits are unsigned.
        return (np.frombuffer(content, np.uint8).astype(np.float32) - 128.0) / 128.0
    if width == 2:
        return np.frombuffer(content, "<i2").astype(np.float32) / 2.0**15
    if width == 3:
        wide = np.zeros((len(content) // 3, 4), np.uint8)
        wide[:, 1:] = np.frombuffer(content, np.uint8).reshape(-1, 3)
        return np.asarray(wide.view("<i4")[:, 0] / 2.0**31, np.float32)
    if width == 4:
        return np.asarray(np.frombuffer(content, "<i4") / 2.0**31, np.float32)
    raise RecordingError(f"{path}: has samples of {8 * width} bits: convert it to 16, 24 or 32 bits")


def _read_with_scipy(path: Path) -> Contents:
    from scipy.io import wavfile

    try:
        with warnings.catch_warnings():
            # Chunks that are not understood hold text about the recording; scipy warns of each.
            warnings.filterwarnings("ignore", message="Chunk .* not understood", category=wavfile.WavFileWarning)
            warnings.filterwarnings("error", category=wavfile.WavFileWarning)
            rate, samples = wavfile.read(path)
    except Exception as error:  # scipy lets through what a broken header causes: unbound names, divisions by zero
        raise RecordingError(
            f"{path}: is damaged, or neither linear PCM nor float ({type(error).__name__}): convert it"
        ) from error
    if samples.dtype.kind in "iu":
        bits = 8 * samples.dtype.itemsize
        offset = 128.0 if samples.dtype.kind == "u" else 0.0
        scaled = np.asarray((samples - offset) / 2.0 ** (bits - 1), np.float32)
    else:
        scaled = np.asarray(samples, np.float32)
    return _contents(path, scaled.reshape(len(scaled), -1), int(rate), samples.dtype.itemsize)


def _contents(path: Path, samples: np.ndarray[Any, np.dtype[np.float32]], rate: int, width: int) -> Contents:
    if samples.shape[0] == 0:
        raise RecordingError(f"{path}: holds no samples: copy it again from where it was recorded")
    names = [f"channel_{number}" for number in range(1, samples.shape[1] + 1)]
    return Contents(
        tuple(Series(name, name, None, column) for name, column in zip(names, samples.T, strict=True)),
        float(rate),
        word_bytes=width,
    )
