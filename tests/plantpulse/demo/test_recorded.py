"""Folders of recordings as machines: made by hand here, and the public ones where they are at hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.io import savemat

from edge_agent.configuration import read_settings, source_options, source_request
from edge_agent.sources import source_module
from models.contract.errors import InputError
from plantpulse.demo.files import write_files
from plantpulse.demo.recorded import RecordingsError, recorded_story


def write_mat(folder: Path, name: str, *, seconds: float = 3.0, channels: tuple[str, ...] = ("DE", "FE")) -> None:
    random = np.random.default_rng(len(name))
    samples = {f"X001_{channel}_time": random.normal(size=(int(seconds * 12_000), 1)) for channel in channels}
    savemat(folder / name, samples)


def write_labels(folder: Path, *rows: str, header: str = "file,label,fs_hz,rpm_nominal,rms_g") -> None:
    (folder / "labels.csv").write_text("\n".join([header, *rows]) + "\n")


def opened(folder: Path, tmp_path: Path) -> list[Any]:
    """Return the sources as the real agent opens them."""
    files = write_files(recorded_story(folder, 1), tmp_path, http_port=1, mqtt_port=2)
    settings = read_settings(files.gateway_toml)
    return [
        source_module(machine.source.kind).open_source(source_request(machine, tmp_path), source_options(machine))
        for machine in settings.machine
    ]


def played(folder: Path) -> list[str]:
    (machine,) = recorded_story(folder, 1).machines
    return [Path(file["path"]).name for file in machine.source["files"]]


def test_healthy_recordings_come_first_and_the_rest_as_listed(tmp_path: Path) -> None:
    for name in ("a.mat", "b.mat", "c.mat"):
        write_mat(tmp_path, name)
    write_labels(tmp_path, "c.mat,rust,12000,1800,1", "a.mat,Normal,12000,1800,1", "b.mat,wear,12000,1800,1")
    assert played(tmp_path) == ["a.mat", "c.mat", "b.mat"]


def test_without_a_logbook_recordings_play_in_the_order_of_their_names(tmp_path: Path) -> None:
    samples = np.random.default_rng(1).normal(size=(3, 20_000, 1))
    for name, values in zip(("b.npz", "a.npz", "c.npz"), samples, strict=True):
        np.savez(tmp_path / name, acc_milli_g=(1000 * values).astype(np.int32), fs_hz=12_000)
    assert played(tmp_path) == ["a.npz", "b.npz", "c.npz"]


def test_the_name_of_the_fault_is_never_read(tmp_path: Path) -> None:
    write_mat(tmp_path, "a.mat")
    write_mat(tmp_path, "b.mat")
    write_labels(tmp_path, "a.mat,normal,12000,1800,1", "b.mat,outer_race,12000,1800,1")
    first = recorded_story(tmp_path, 1)
    write_labels(tmp_path, "a.mat,normal,12000,1800,1", "b.mat,something_else,12000,1800,1")
    assert recorded_story(tmp_path, 1) == first
    assert first.failing is None


def test_the_baseline_is_learnt_from_healthy_windows_only_and_some_are_left_to_be_judged(tmp_path: Path) -> None:
    write_mat(tmp_path, "good.mat", seconds=2.5)
    write_mat(tmp_path, "bad.mat", seconds=10.0)
    write_labels(tmp_path, "bad.mat,wear,12000,1800,1", "good.mat,healthy,12000,1800,1")
    (machine,) = recorded_story(tmp_path, 1).machines
    hop_s = machine.window_s * (1.0 - machine.overlap)
    learnt_s = machine.window_s + (machine.learning_windows - 1) * hop_s
    assert 1.0 < learnt_s < 2.0


def test_what_the_logbook_says_of_bearings_belongs_to_the_machine_not_to_a_file(tmp_path: Path) -> None:
    write_mat(tmp_path, "a.mat")
    write_mat(tmp_path, "b.mat")
    # SKF 6205 at 1800 rpm at the drive end, 6203 at the fan end, as the CWRU data centre states them.
    write_labels(
        tmp_path,
        "a.mat,normal,12000,1800,1,,,",
        "b.mat,wear,12000,1800,1,drive_end,107.544,162.456",
        "c.mat,wear,12000,1800,1,fan_end,91.59,148.407",
        header="file,label,fs_hz,rpm_nominal,rms_g,faulty_bearing,bpfo_hz,bpfi_hz",
    )
    write_mat(tmp_path, "c.mat")
    (machine,) = recorded_story(tmp_path, 1).machines
    orders = {channel.name: channel.bearing_orders for channel in machine.channels}
    assert orders["DE.1"] == pytest.approx((3.5848, 5.4152, 2.3567, 0.39828), rel=1e-3)
    assert orders["FE.1"] == pytest.approx((3.0530, 4.9469, 1.9937, 0.38163), rel=1e-3)


def test_a_recording_that_lacks_a_channel_is_left_out_and_named(tmp_path: Path) -> None:
    write_mat(tmp_path, "a.mat")
    write_mat(tmp_path, "b.mat")
    write_mat(tmp_path, "c.mat", channels=("DE",))
    write_labels(tmp_path, *(f"{name},x,12000,1800,1" for name in ("a.mat", "b.mat", "c.mat")))
    story = recorded_story(tmp_path, 1)
    assert played(tmp_path) == ["a.mat", "b.mat"]
    assert story.notes == ("c.mat is left out: it has no channel FE",)


def test_a_set_of_snapshots_is_a_machine_of_its_own(tmp_path: Path) -> None:
    values = (1000 * np.random.default_rng(1).normal(size=(40, 2560, 2))).astype(np.int32)
    for name in ("run1.npz", "run2.npz"):
        np.savez(tmp_path / name, acc_milli_g=values, t_s=10.0 * np.arange(40), fs_hz=25_600, rpm=1800)
    story = recorded_story(tmp_path, 1)
    assert [machine.name for machine in story.machines] == ["run1", "run2"]
    assert {machine.window_s for machine in story.machines} == {0.1}
    assert all(source.facts.sample_rate_hz == 25_600 for source in opened(tmp_path, tmp_path))


@pytest.mark.parametrize(
    ("labels", "says"),
    [(None, r"a\.mat.*sample rate"), ("file,fs_hz\na.mat,12000", r"a\.mat.*unit.*--unit")],
)
def test_what_a_file_lacks_is_said_in_one_line(tmp_path: Path, labels: str | None, says: str) -> None:
    write_mat(tmp_path, "a.mat")
    if labels:
        (tmp_path / "labels.csv").write_text(labels)
    with pytest.raises(InputError, match=says) as refused:
        recorded_story(tmp_path, 1)
    assert "\n" not in str(refused.value)


def test_a_unit_may_be_said_by_the_person(tmp_path: Path) -> None:
    write_mat(tmp_path, "a.mat")
    (tmp_path / "labels.csv").write_text("file,fs_hz\na.mat,12000")
    (machine,) = recorded_story(tmp_path, 1, unit="m/s2").machines
    assert {channel.unit for channel in machine.channels} == {"m/s2"}


def test_a_folder_without_recordings_and_one_that_is_not_there_are_said(tmp_path: Path) -> None:
    (tmp_path / "readme.md").write_text("nothing")
    with pytest.raises(RecordingsError, match="no recordings"):
        recorded_story(tmp_path, 1)
    with pytest.raises(RecordingsError, match="cannot be read"):
        recorded_story(tmp_path / "nowhere", 1)


@pytest.mark.needs("recordings/femto")
def test_femto_is_three_bearings_that_run_to_failure_in_about_a_minute(recordings: Path, tmp_path: Path) -> None:
    sources = opened(recordings / "femto", tmp_path)
    assert len(sources) == 3
    for source in sources:
        wall_s = source.duration_s / source._request.speed
        assert 60.0 < wall_s < 90.0


@pytest.mark.needs("recordings/cwru")
def test_cwru_is_one_motor_healthy_first(recordings: Path, tmp_path: Path) -> None:
    assert played(recordings / "cwru")[0] == "97_Normal_0_first_half.mat"
    (source,) = opened(recordings / "cwru", tmp_path)
    assert source.facts.sample_rate_hz == 12_000
    assert source.facts.channels == ("DE.1", "FE.1")


@pytest.mark.needs("recordings/cwru")
def test_cwru_is_calm_for_a_while_and_says_what_of_it_is_played_again(recordings: Path) -> None:
    story = recorded_story(recordings / "cwru", 1)
    (machine,) = story.machines
    files: Any = machine.source["files"]
    assert files[0]["repeat"] > 1
    assert all("repeat" not in file for file in files[1:])
    assert story.replay is not None
    assert story.replay.again_bytes == (files[0]["repeat"] - 1) * story.replay.once_bytes
    # What is learnt is over before anything is played a second time.
    hop_s = machine.window_s * (1.0 - machine.overlap)
    once_s = story.replay.once_bytes / (12_000 * 2 * 2)
    assert machine.window_s + (machine.learning_windows - 1) * hop_s <= once_s
