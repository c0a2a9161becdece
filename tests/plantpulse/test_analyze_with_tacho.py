"""`plantpulse analyze` with a tacho, with hum, and its second page: what turns with the shaft, and what does not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from models.diagnosis.bearings import find_bearing
from plantpulse.command_line import main

RATE_HZ = 12_800
DURATION_S = 8.0
BEARING = find_bearing("6205")
FIRST_HZ, LAST_HZ = 20.0, 30.0
PNG = b"\x89PNG\r\n"


def write_run_up(path: Path, *, damaged: bool, key: bool = True) -> Path:
    """Write a machine that runs up from 1200 to 1800 rpm, with one pulse per turn; in m/s²."""
    t = np.arange(round(DURATION_S * RATE_HZ)) / RATE_HZ
    turns = FIRST_HZ * t + (LAST_HZ - FIRST_HZ) * t**2 / (2 * DURATION_S)
    rng = np.random.default_rng(5)
    samples = rng.standard_normal(t.size) + sum(np.sin(2 * np.pi * order * turns) / order for order in (1, 2, 3))
    if damaged:
        struck = np.diff(np.floor(turns * BEARING.bpfo), prepend=0.0) > 0
        ring = np.exp(-600.0 * t[:200]) * np.sin(2 * np.pi * 3_200.0 * t[:200])
        samples += np.convolve(12.0 * struck, ring)[: t.size]
    arrays: dict[str, Any] = {"DE": samples, "fs_hz": RATE_HZ, "rpm": 1500}
    if key:
        arrays["KEY"] = 5.0 * (turns % 1.0 < 0.05) + 0.05 * rng.standard_normal(t.size)
    np.savez(path, **arrays)
    return path


def analyzed(capsys: pytest.CaptureFixture[str], *words: object) -> dict[str, Any]:
    assert main(["analyze", *map(str, words), "--unit", "m/s2", "--bearing", "6205@DE", "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def refused(capsys: pytest.CaptureFixture[str], *words: object) -> str:
    assert main(["analyze", *map(str, words), "--unit", "m/s2"]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1
    return captured.err


def test_with_a_tacho_damage_is_named_in_a_run_up_and_without_it_is_not(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write_run_up(tmp_path / "run-up.npz", damaged=True)
    assert analyzed(capsys, path, "--channel", "DE")["verdict"]["label"] != "outer_race"
    result = analyzed(capsys, path, "--tacho", "KEY")
    assert result["verdict"]["label"] == "outer_race"
    (channel,) = result["channels"]
    # The mean over the whole record: half of the way from 1200 to 1800 rpm.
    assert channel["speed_rpm"]["stated"] == pytest.approx(1500.0, rel=0.01)


def test_a_healthy_run_up_is_named_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write_run_up(tmp_path / "run-up.npz", damaged=False)
    assert analyzed(capsys, path, "--tacho", "KEY")["verdict"]["label"] in {"no_fault_found", "uncertain"}


def test_pulses_of_several_teeth_are_counted_as_such(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write_run_up(tmp_path / "run-up.npz", damaged=False)
    result = analyzed(capsys, path, "--tacho", "KEY", "--pulses-per-turn", "2")
    assert result["channels"][0]["speed_rpm"]["stated"] == pytest.approx(750.0, rel=0.01)


@pytest.mark.parametrize("words", [("--tacho", "KEY", "--gear", "20", "--gear", "57@20/57"), ("--channel", "DE"), ()])
def test_the_second_page_is_a_png_with_and_without_a_tacho(
    words: tuple[str, ...], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write_run_up(tmp_path / "run-up.npz", damaged=True)
    page = tmp_path / "deep.png"
    analyzed(capsys, path, *words, "--deep", page)
    assert page.read_bytes()[: len(PNG)] == PNG
    assert page.stat().st_size > 50_000


def test_a_stretch_too_short_for_a_picture_says_so_in_its_place(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    np.savez(tmp_path / "short.npz", DE=np.random.default_rng(0).standard_normal(400), fs_hz=RATE_HZ, rpm=1500)
    page = tmp_path / "deep.png"
    analyzed(capsys, tmp_path / "short.npz", "--deep", page)
    assert page.read_bytes()[: len(PNG)] == PNG


def test_a_tacho_that_cannot_be_used_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write_run_up(tmp_path / "run-up.npz", damaged=False)
    assert "no such channel; there are DE, KEY" in refused(capsys, path, "--tacho", "KEYPHASOR")
    assert "above 0" in refused(capsys, path, "--tacho", "KEY", "--pulses-per-turn", "0")
    np.savez(
        tmp_path / "dead.npz", DE=np.random.default_rng(0).standard_normal(12_800), KEY=np.zeros(12_800), fs_hz=RATE_HZ
    )
    assert "never passes" in refused(capsys, tmp_path / "dead.npz", "--tacho", "KEY")


def test_hum_is_removed_where_it_is_asked_for_and_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    t = np.arange(4 * RATE_HZ) / RATE_HZ
    hum = 5.0 * np.sin(2 * np.pi * 50.0 * t) + 2.0 * np.sin(2 * np.pi * 150.0 * t)
    np.savez(tmp_path / "hum.npz", DE=np.random.default_rng(0).standard_normal(t.size) + hum, fs_hz=RATE_HZ)
    rms = [
        analyzed(capsys, tmp_path / "hum.npz", *words)["channels"][0]["features"]["acceleration_rms"]["value"]
        for words in ((), ("--remove-mains",))
    ]
    assert rms[0] == pytest.approx((1.0 + 12.5 + 2.0) ** 0.5, rel=0.02)
    assert rms[1] == pytest.approx(1.0, rel=0.02)
    main(["analyze", str(tmp_path / "hum.npz"), "--unit", "m/s2", "--remove-mains", "--json"])
    assert "mains of 50.00 Hz removed, 2 lines; the strongest at 50.0 Hz in DE" in capsys.readouterr().err


def test_hum_that_cannot_be_told_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    np.savez(tmp_path / "short.npz", DE=np.random.default_rng(0).standard_normal(4_000), fs_hz=RATE_HZ)
    assert "--remove-mains: 0.312 s cannot tell mains" in refused(capsys, tmp_path / "short.npz", "--remove-mains")
