"""`plantpulse analyze` of what a microphone recorded, alone and beside accelerometers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.io import wavfile
from support.bearing_signals import impacts, noise, shaft_lines

from models.diagnosis.bearings import find_bearing
from models.diagnosis.wording import NOT_HEARD
from models.recordings.reading import read_recording
from plantpulse.analysis import choose_stretch
from plantpulse.command_line import main

RATE_HZ = 48_000
SHAFT_HZ = 24.6
BEARING = find_bearing("6205")
SOUND_FEATURES = {
    "sound_level", "sound_pressure_peak", "crest_factor", "kurtosis", "sound_level_a",
    *(f"band_{number}" for number in range(1, 9)), *(f"envelope_{number}" for number in range(1, 5)),
}  # fmt: skip


def tone(rms_pa: float, frequency_hz: float, seconds: float = 2.0) -> np.ndarray:
    return rms_pa * np.sqrt(2.0) * np.sin(2 * np.pi * frequency_hz * np.arange(round(seconds * RATE_HZ)) / RATE_HZ)


def written(path: Path, *channels: np.ndarray) -> Path:
    """Write a .wav of floating point, whose numbers are taken as they are."""
    wavfile.write(path, RATE_HZ, np.stack(channels, axis=1).astype(np.float32))
    return path


def machine(seed: int, *, damaged: bool = False) -> np.ndarray:
    """Return two seconds of acceleration in m/s²."""
    levels = {float(order): 0.3 / order for order in range(1, 25)}
    signal = noise(2.0, RATE_HZ, seed) + shaft_lines(2.0, RATE_HZ, SHAFT_HZ, levels)
    if damaged:
        signal += impacts(2.0, RATE_HZ, BEARING.bpfo * SHAFT_HZ * 0.996, seed, height=10.0)
    return signal


def analyzed(capsys: pytest.CaptureFixture[str], *words: object) -> dict[str, Any]:
    assert main(["analyze", *map(str, words), "--json"]) == 0
    document: dict[str, Any] = json.loads(capsys.readouterr().out)
    return document


def test_one_pascal_at_one_kilohertz_is_94_decibels(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = written(tmp_path / "mic.wav", tone(1.0, 1000.0))
    (channel,) = analyzed(capsys, path, "--unit", "Pa", "--machine-group", "2", "--support", "rigid")["channels"]
    assert channel["unit"] == "Pa"
    assert set(channel["features"]) == SOUND_FEATURES
    for name in ("sound_level", "sound_level_a"):
        assert channel["features"][name] == {"value": pytest.approx(93.979, abs=2e-3), "unit": "dB re 20 µPa"}
    assert channel["features"]["sound_pressure_peak"] == {"value": pytest.approx(2**0.5, rel=1e-4), "unit": "Pa"}
    assert channel["iso20816"] is None


@pytest.mark.parametrize(("unit", "pascals"), [("mPa", 1e-3), ("uPa", 1e-6), ("Pa", 1.0)])
def test_the_level_follows_the_unit(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], unit: str, pascals: float
) -> None:
    path = written(tmp_path / "mic.wav", tone(0.5 / pascals, 31.62))
    (channel,) = analyzed(capsys, path, "--unit", unit)["channels"]
    assert channel["features"]["sound_level"]["value"] == pytest.approx(93.979 - 6.021, abs=0.02)
    # The table of IEC 61672-1, rounded to 0.1 dB; a line of one hertz's resolution adds less than 0.05 dB.
    assert channel["features"]["sound_level_a"]["value"] == pytest.approx(93.979 - 6.021 - 39.4, abs=0.1)


def test_the_level_of_an_uneven_recording_is_that_of_its_energy(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Loud at one end for a tenth of the time: 10 dB below the loud part, however a window would have weighed it.

    The first half second lies in one of the overlapping seconds only, which moves the share of A, not the level.
    """
    sound = tone(1.0, 1000.0, 20.0)
    sound[2 * RATE_HZ :] *= 1e-4
    path = written(tmp_path / "slam.wav", sound)
    (channel,) = analyzed(capsys, path, "--unit", "Pa")["channels"]
    for name in ("sound_level", "sound_level_a"):
        assert channel["features"][name]["value"] == pytest.approx(93.979 - 10.0, abs=0.01)


def test_damage_is_heard_and_what_is_not_judged_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ("--unit", "Pa", "--rpm", str(60 * SHAFT_HZ), "--bearing", "6205")
    path = written(tmp_path / "mic.wav", 0.02 * machine(1, damaged=True) + noise(2.0, RATE_HZ, 9, 0.004))
    assert analyzed(capsys, path, *words)["verdict"]["label"] == "outer_race"
    healthy = written(tmp_path / "healthy.wav", 0.02 * machine(2) + noise(2.0, RATE_HZ, 8, 0.004))
    verdict = analyzed(capsys, healthy, *words)["verdict"]
    assert verdict["label"] == "no_fault_found"
    assert NOT_HEARD in verdict["sentence"]
    assert analyzed(capsys, healthy, *words, "--baseline", healthy)["verdict"]["label"] == "healthy"


def mixed(path: Path) -> Path:
    """Write two accelerometers in g and a microphone in Pa, as their names say."""
    acceleration = machine(1), machine(3)
    np.savez(
        path,
        DE_g=acceleration[0] / 9.80665,
        MIC_Pa=0.02 * acceleration[0] + noise(2.0, RATE_HZ, 4, 0.004),
        NDE_g=acceleration[1] / 9.80665,
        fs_hz=RATE_HZ,
        rpm=60 * SHAFT_HZ,
    )
    return path


def test_each_channel_of_a_mixed_recording_has_what_it_measures(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    document = analyzed(capsys, mixed(tmp_path / "pump.npz"), "--machine-group", "2", "--support", "rigid")
    by_name = {channel["name"]: channel for channel in document["channels"]}
    assert list(by_name) == ["DE", "MIC", "NDE"]
    assert set(by_name["MIC"]["features"]) == SOUND_FEATURES
    assert by_name["MIC"]["iso20816"] is None
    for name in ("DE", "NDE"):
        assert {"velocity_rms", "velocity_peak", "displacement_peak_to_peak"} <= set(by_name[name]["features"])
        assert not any(feature.startswith("sound") for feature in by_name[name]["features"])
        assert by_name[name]["iso20816"]["zone"] == "A"
        assert by_name[name]["features"]["acceleration_rms"]["unit"] == "m/s²"


def test_people_read_levels_and_no_velocity_of_a_sound(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["analyze", str(written(tmp_path / "mic.wav", tone(1.0, 1000.0))), "--unit", "Pa"]) == 0
    shown = capsys.readouterr().out
    assert "dB re 20 µPa" in shown
    assert "94.0" in shown
    assert "mm/s" not in shown
    assert "ISO" not in shown
    assert main(["analyze", str(mixed(tmp_path / "pump.npz"))]) == 0
    shown = capsys.readouterr().out
    assert shown.index("mm/s RMS") < shown.index("dB re 20 µPa")


@pytest.mark.parametrize("is_mixed", [False, True])
def test_the_picture_is_a_png_in_decibels(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, *, is_mixed: bool
) -> None:
    """What is written on the page is looked at before it becomes dots."""
    from matplotlib.figure import Figure

    written_words: list[str] = []
    save = Figure.savefig

    def saved(figure: Figure, *words: Any, **more: Any) -> None:
        for axes in figure.axes:
            written_words.extend(
                [axes.get_title(loc="left"), axes.get_ylabel(), *(one.get_text() for one in axes.texts)]
            )
        save(figure, *words, **more)

    monkeypatch.setattr(Figure, "savefig", saved)
    path = mixed(tmp_path / "pump.npz") if is_mixed else written(tmp_path / "mic.wav", tone(1.0, 1000.0))
    picture = tmp_path / "page.png"
    analyzed(capsys, path, *(() if is_mixed else ("--unit", "Pa")), "--plot", picture)
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert picture.stat().st_size > 20_000
    if is_mixed:
        assert "m/s² or dB" in written_words
    else:
        assert "Third-octave bands: together 94.0 dB, A-weighted 94.0 dB" in written_words
        assert written_words.count("dB re 20 µPa") == 3
        assert "Pa" in written_words
        assert not any("m/s" in word for word in written_words)


def test_a_slow_pressure_is_no_sound(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "press.npz"
    np.savez(path, main_pa=noise(20.0, 100, 1), fs_hz=100)
    assert main(["analyze", str(path)]) == 2
    said = capsys.readouterr().err
    assert "at least 2560 Hz" in said
    assert said.count("\n") == 1
    np.savez(path, main_pa=noise(20.0, 100, 1), DE_g=noise(20.0, 100, 2), fs_hz=100)
    stretch = choose_stretch(read_recording(path))
    assert stretch.names == ("DE",)
    assert "left out, neither vibration nor sound: main" in stretch.notes


def test_a_sound_is_not_compared_with_a_vibration(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "other.npz"
    np.savez(path, MIC_g=noise(2.0, RATE_HZ, 1), fs_hz=RATE_HZ)
    assert main(["analyze", str(mixed(tmp_path / "pump.npz")), "--baseline", str(path)]) == 2
    assert "MIC is a sound in one recording and a vibration in the other" in capsys.readouterr().err


def test_a_wav_without_a_unit_is_judged_as_before(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (channel,) = analyzed(capsys, written(tmp_path / "mic.wav", tone(1.0, 1000.0)))["channels"]
    assert channel["unit"] is None
    assert channel["features"]["velocity_rms"] == {"value": None, "unit": "mm/s"}
    assert channel["features"]["acceleration_rms"] == {"value": pytest.approx(1.0, rel=1e-3), "unit": None}
