"""`plantpulse analyze` as people and scripts meet it: one document, one picture, one clear line for bad input."""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.bearing_signals import impacts, noise, shaft_lines
from support.machine_signals import Run, drawn, record

from models.contract.vocabulary import DiagnosisLabel
from models.diagnosis.bearings import find_bearing
from plantpulse.command_line import main

RATE_HZ = 12_000
BEARING = find_bearing("6205")


def write_recording(path: Path, *, damaged: bool = False, seed: int = 1, **changes: Any) -> Path:
    """Write three seconds of a machine at 1480 rpm as .npz, in g."""
    shaft_hz = 1480 / 60
    lines = shaft_lines(3, RATE_HZ, shaft_hz, {float(order): 0.5 / order for order in range(1, 30)})
    drive_end = noise(3, RATE_HZ, seed) + lines
    if damaged:
        drive_end += impacts(3, RATE_HZ, BEARING.bpfo * shaft_hz * 0.996, 1, height=8.0)
    arrays = {
        "DE": drive_end / 9.80665,
        "FE": (noise(3, RATE_HZ, seed + 50) + lines) / 9.80665,
        "fs_hz": RATE_HZ,
        "rpm": 1480,
    }
    np.savez(path, **(arrays | changes))
    return path


def analyzed(capsys: pytest.CaptureFixture[str], *words: object) -> dict[str, Any]:
    """Return the one document on standard output."""
    assert main(["analyze", *map(str, words), "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def refused(capsys: pytest.CaptureFixture[str], *words: object) -> str:
    """Return the one line on standard error of a command that cannot be done."""
    assert main(["analyze", *map(str, words)]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1
    return captured.err


def test_the_document_has_the_promised_keys(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write_recording(tmp_path / "pump.npz", damaged=True)
    words = ("--unit", "g", "--bearing", "6205@DE", "--machine-group", "2", "--support", "rigid")
    result = analyzed(capsys, path, *words)
    assert list(result) == ["channels", "verdict"]
    assert list(result["verdict"]) == ["label", "channel", "confidence", "sentence"]
    first = result["channels"][0]
    assert list(first) == [
        "name", "unit", "rate_hz", "duration_s", "quality", "speed_rpm", "features", "diagnosis", "iso20816",
    ]  # fmt: skip
    assert (first["name"], first["unit"], first["rate_hz"], first["duration_s"]) == ("DE", "g", 12_000, 3.0)
    assert first["quality"] == []
    assert list(first["speed_rpm"]) == ["stated", "estimated", "used"]
    assert first["speed_rpm"]["used"] == pytest.approx(1480, rel=1e-3)
    assert list(first["diagnosis"]) == ["label", "confidence", "sentence", "next_step", "evidence"]
    assert list(first["diagnosis"]["evidence"][0]) == ["line", "order", "expected_hz", "found_hz", "snr_db"]
    assert list(first["iso20816"]) == ["zone", "velocity_rms_mm_s", "table"]
    assert first["features"]["velocity_rms"]["unit"] == "mm/s"
    rms = float(np.load(path)["DE"].std() * 9.80665)
    assert first["features"]["acceleration_rms"] == {"value": pytest.approx(rms, rel=1e-3), "unit": "m/s²"}
    assert result["verdict"]["label"] == "outer_race"
    assert result["verdict"]["channel"] == "DE"


def test_every_label_is_one_of_those_promised() -> None:
    promised = (
        "no_fault_found healthy changed process_changed inner_race outer_race ball cage imbalance misalignment "
        "looseness gear sensor_fault machine_off uncertain"
    )
    assert {label.value for label in DiagnosisLabel} == set(promised.split())


def test_people_read_the_verdict_first_and_the_lines_with_marks(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write_recording(tmp_path / "pump.npz", damaged=True)
    assert main(["analyze", str(path), "--unit", "g", "--bearing", "6205"]) == 0
    text = capsys.readouterr().out
    assert "Outer race" in text.splitlines()[0]
    assert "Outer-race damage" in text
    assert "✓ BPFO" in text
    assert "✗ BPFI" in text
    assert "1480" in text


def test_a_baseline_tells_healthy_from_changed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    healthy = write_recording(tmp_path / "healthy.npz", seed=1)
    same = write_recording(tmp_path / "same.npz", seed=2)
    words = ("--unit", "g", "--bearing", "6205@DE", "--baseline", healthy)
    assert analyzed(capsys, same, *words)["verdict"]["label"] == "healthy"
    loud = write_recording(tmp_path / "loud.npz", seed=3, FE=noise(3, RATE_HZ, 9, level=3) / 9.80665)
    result = analyzed(capsys, loud, *words)
    assert (result["verdict"]["label"], result["verdict"]["channel"]) == ("changed", "FE")


def test_several_bearings_in_either_form(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write_recording(tmp_path / "pump.npz", damaged=True)
    together = analyzed(capsys, path, "--unit", "g", "--bearing", "6205@DE", "6203@FE")
    apart = analyzed(capsys, path, "--unit", "g", "--bearing", "6205@DE", "--bearing", "6203@FE")
    assert together == apart
    assert together["verdict"]["label"] == "outer_race"
    lines = {line["line"] for line in together["channels"][0]["diagnosis"]["evidence"]}
    assert {"BPFO@DE", "BPFI@FE"} <= lines


def test_orders_may_be_given_instead_of_a_name(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write_recording(tmp_path / "pump.npz", damaged=True)
    orders = f"{BEARING.bpfo},{BEARING.bpfi},{BEARING.bsf},{BEARING.ftf}"
    result = analyzed(capsys, path, "--unit", "g", "--bearing-orders", orders)
    assert result["verdict"]["label"] == "outer_race"
    evidence = result["channels"][0]["diagnosis"]["evidence"]
    ball = next(line for line in evidence if line["line"] == "2BSF")
    assert ball["order"] == pytest.approx(2 * BEARING.bsf, abs=1e-3)


def test_the_file_may_stand_last(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write_recording(tmp_path / "pump.npz", damaged=True)
    assert analyzed(capsys, "--unit", "g", "--bearing", "6205", path)["verdict"]["label"] == "outer_race"


def test_a_sensor_of_velocity_is_understood(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    time_s = np.arange(6 * RATE_HZ) / RATE_HZ
    wave = 3.0 * np.sqrt(2) * np.cos(2 * np.pi * 50 * time_s)
    np.savez(tmp_path / "v.npz", DE=wave, fs_hz=RATE_HZ)
    features = analyzed(capsys, tmp_path / "v.npz", "--unit", "mm/s")["channels"][0]["features"]
    assert features["velocity_rms"]["value"] == pytest.approx(3.0, rel=0.01)
    assert features["acceleration_rms"]["value"] == pytest.approx(3e-3 * 2 * np.pi * 50, rel=0.01)


def test_an_unknown_unit_still_names_damage_but_claims_no_level(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write_recording(tmp_path / "pump.npz", damaged=True)
    result = analyzed(capsys, path, "--bearing", "6205")
    assert result["verdict"]["label"] == "outer_race"
    features = result["channels"][0]["features"]
    assert features["velocity_rms"]["value"] is None
    assert features["acceleration_rms"]["unit"] is None


@pytest.mark.parametrize(("value", "flag"), [(np.nan, "not_finite"), (1.0, "constant")])
def test_samples_that_cannot_be_judged_are_flagged(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], value: float, flag: str
) -> None:
    path = write_recording(tmp_path / "bad.npz", DE=np.full(3 * RATE_HZ, value))
    result = analyzed(capsys, path, "--unit", "g", "--bearing", "6205")
    assert result["channels"][0]["quality"] == [flag]
    assert result["channels"][0]["diagnosis"]["label"] == "sensor_fault"
    assert result["verdict"]["label"] == "sensor_fault"
    assert result["channels"][1]["quality"] == []


def test_the_picture_is_a_png(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write_recording(tmp_path / "pump.npz", damaged=True)
    picture = tmp_path / "pump.png"
    analyzed(capsys, path, "--unit", "g", "--bearing", "6205", "--plot", picture)
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert picture.stat().st_size > 20_000


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--unit", "furlong"], "known units"),
        (["--unit", "g", "--rpm", "0"], "0 rpm"),
        (["--unit", "g", "--rate", "0"], "0 Hz"),
        (["--unit", "g", "--rate", "2"], "too slow"),
        (["--unit", "g", "--bearing", "6285"], "6205"),
        (["--unit", "g", "--bearing", "6205@XX"], "DE, FE"),
        (["--unit", "g", "--bearing-orders", "3.6,5.4"], "four numbers"),
        (["--unit", "g", "--bearing-orders", "107,162,71,999"], "orders"),
        (["--unit", "g", "--machine-group", "2"], "both"),
        (["--unit", "g", "--machine-group", "9", "--support", "rigid"], "group 9"),
        (["--unit", "g", "--channel", "XX"], "DE, FE"),
        (["--unit", "degC"], "no channel is acceleration"),
        (["--unit", "g", "--plot", "/no/such/folder/a.png"], "cannot be written"),
        (["--unit", "g", "--baseline", "/no/such/file.mat"], "no such file"),
    ],
)
def test_what_cannot_be_used_is_one_clear_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str], said: str
) -> None:
    assert said in refused(capsys, write_recording(tmp_path / "pump.npz"), *words)


def test_files_that_cannot_be_used_are_one_clear_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "no such file" in refused(capsys, tmp_path / "none.mat")
    (tmp_path / "cut.mat").write_bytes(b"MATLAB 5.0 MAT-file" + bytes(300))
    assert "cut.mat" in refused(capsys, tmp_path / "cut.mat", "--rate", "12000")
    np.savez(tmp_path / "norate.npz", DE=np.ones(5000))
    assert "--rate" in refused(capsys, tmp_path / "norate.npz", "--unit", "g")
    np.savez(tmp_path / "short.npz", DE=np.arange(100.0), fs_hz=RATE_HZ)
    assert "too few" in refused(capsys, tmp_path / "short.npz", "--unit", "g")
    with zipfile.ZipFile(tmp_path / "model.bundle", "w") as bundle:
        bundle.writestr("manifest.json", "{}")
    pump = write_recording(tmp_path / "pump.npz")
    assert "bundle" in refused(capsys, pump, "--unit", "g", "--baseline", tmp_path / "model.bundle")
    other = tmp_path / "other.npz"
    np.savez(other, X=noise(1, RATE_HZ, 1), Y=noise(1, RATE_HZ, 2), fs_hz=RATE_HZ)
    assert "same points" in refused(capsys, pump, "--unit", "g", "--baseline", other)


@pytest.mark.needs("recordings/cwru")
def test_a_real_fault_beside_a_baseline_of_another_rate(recordings: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = recordings / "cwru"
    words = ["--rate", 12_000, "--unit", "g", "--bearing", "6205@DE", "6203@FE"]
    words += ["--baseline", folder / "97_Normal_0_first_half.mat", "--baseline-rate", 48_000]
    fan_end = analyzed(capsys, folder / "12k_FE_OR_007_294_0.mat", *words)["verdict"]
    assert (fan_end["label"], fan_end["channel"]) == ("outer_race", "FE")
    # Record 118 has no line of its damaged ball: that it has changed is all that can honestly be said.
    assert analyzed(capsys, folder / "12k_DE_B_007_118_0.mat", *words)["verdict"]["label"] == "changed"


@pytest.mark.needs(
    "recordings/cwru",
    "recordings/mfpt",
    "recordings/femto",
    "recordings/ims",
    "recordings/gearbox",
    "recordings/drill_press",
)
def test_every_set_with_waveforms_can_be_analysed(recordings: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name, words in {
        "cwru/12k_DE_B_028_3005_0.mat": ["--rate", 12_000, "--unit", "g", "--rpm", 1797, "--bearing", "6205"],
        "mfpt/InnerRaceFault_vload_3.mat": ["--bearing", "NICE"],
        "femto/Bearing1_2.npz": ["--bearing", "PRONOSTIA"],
        "femto/raw_csv_samples/Bearing1_4_acc_00001.csv": ["--unit", "g", "--rpm", 1800],
        "ims/test1_raw/2003.10.22.12.06.24": ["--rate", 20_480, "--unit", "g", "--rpm", 2000, "--bearing", "ZA-2115"],
        "gearbox/b30hz40.csv.gz": ["--rate", 4_000, "--rpm", 1800],
        "drill_press/imbalance_1.csv": [],
    }.items():
        result = analyzed(capsys, recordings / name, *words)
        assert result["channels"], name
        assert all(channel["diagnosis"]["sentence"] for channel in result["channels"])


def test_as_a_program_the_notes_go_to_standard_error(tmp_path: Path) -> None:
    path = write_recording(tmp_path / "pump.npz")
    command = [sys.executable, "-m", "plantpulse", "analyze", str(path), "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout)["verdict"]["label"] == "no_fault_found"
    assert "the unit is not stated" in done.stderr


def test_motion_is_told_as_velocity_and_displacement(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rate_hz, at_hz, peak_m_s2 = 5_000, 50.0, 10.0
    samples = peak_m_s2 * np.sin(2 * np.pi * at_hz * np.arange(10 * rate_hz) / rate_hz)
    np.savez(tmp_path / "sine.npz", acc_m_s2=samples.astype(np.float32), fs_hz=rate_hz)
    told = analyzed(capsys, tmp_path / "sine.npz", "--unit", "m/s2")
    features = told["channels"][0]["features"]
    # A sine of acceleration: velocity is a/ω, displacement a/ω², twice that from peak to peak; the ends cost up to 2 %.
    omega = 2 * np.pi * at_hz
    assert features["velocity_peak"]["value"] == pytest.approx(1e3 * peak_m_s2 / omega, rel=0.02)
    assert features["displacement_peak_to_peak"]["value"] == pytest.approx(2e6 * peak_m_s2 / omega**2, rel=0.02)
    assert features["displacement_peak_to_peak"]["unit"] == "µm"


def test_a_damaged_wheel_is_named_with_its_teeth(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    build = drawn(3, channels=1, geared=True)
    assert build.teeth is not None
    paths = {}
    for name, made in {
        "healthy": record(build, Run(6.0, seed=1)),
        "broken": record(build, Run(6.0, seed=2, fault="gear", severity=4.0)),
    }.items():
        paths[name] = tmp_path / f"{name}.npz"
        np.savez(paths[name], GB=made.samples[0], fs_hz=build.rate_hz, rpm=made.speed_rpm)
    gear = ("--unit", "m/s2", "--gear", build.teeth.pinion, "--baseline", paths["healthy"])
    assert analyzed(capsys, paths["broken"], *gear)["verdict"]["label"] == "gear"
    assert analyzed(capsys, paths["healthy"], *gear)["verdict"]["label"] == "healthy"


def test_a_wheel_that_cannot_be_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write_recording(tmp_path / "pump.npz")
    assert "give TEETH or TEETH@ORDER" in refused(capsys, path, "--gear", "5@x")
