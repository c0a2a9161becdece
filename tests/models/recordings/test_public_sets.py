"""Public recordings, each as its README describes it."""

from __future__ import annotations

import numpy as np
import pytest

from models.recordings import read_recording


@pytest.mark.needs("recordings/cwru")
@pytest.mark.parametrize(
    ("name", "channels", "samples", "rpm"),
    [
        ("97_Normal_0_first_half.mat", ["DE", "FE"], 121969, 1796),
        ("12k_DE_IR_007_105_0.mat", ["DE", "FE", "BA"], 121265, 1797),
        ("12k_FE_IR_007_278_0.mat", ["DE", "FE", "BA"], 121535, 1796),
        ("12k_DE_B_028_3005_0.mat", ["DE"], 120801, None),
    ],
)
def test_cwru_states_its_speed_but_neither_rate_nor_unit(recordings, name, channels, samples, rpm):
    """Record 278 also holds a counter `i` of another length; 3005 is named X048 inside and has no speed."""
    recording = read_recording(recordings / "cwru" / name)
    assert [channel.name for channel in recording.channels] == channels
    assert recording.segments[0].samples.shape == (len(channels), samples)
    assert (recording.sample_rate_hz, recording.channels[0].unit, recording.speed_rpm) == (None, None, rpm)


@pytest.mark.needs("recordings/mfpt")
@pytest.mark.parametrize("name", ["InnerRaceFault_vload_1.mat", "OuterRaceFault_vload_7.mat"])
def test_mfpt_states_everything(recordings, name):
    recording = read_recording(recordings / "mfpt" / name).in_si()
    assert (recording.sample_rate_hz, recording.speed_rpm) == (48828.0, 1500.0)
    assert [(channel.name, channel.unit) for channel in recording.channels] == [("gs", "m/s2")]
    assert recording.duration_s == pytest.approx(3.0, abs=0.01)


@pytest.mark.needs("recordings/femto")
@pytest.mark.parametrize(("name", "snapshots", "rpm"), [("1_1", 746, 1800), ("1_2", 871, 1800), ("2_6", 701, 1650)])
def test_femto_snapshots_are_segments_on_their_schedule(recordings, name, snapshots, rpm):
    recording = read_recording(recordings / "femto" / f"Bearing{name}.npz")
    assert len(recording.segments) == snapshots
    assert recording.segments[0].samples.shape == (2, 2560)
    assert (recording.sample_rate_hz, recording.speed_rpm) == (25600.0, rpm)
    assert {channel.unit for channel in recording.channels} == {"mg"}
    steps = np.diff([segment.start_s for segment in recording.segments])
    assert steps.min() == 10.0


@pytest.mark.needs("recordings/femto")
@pytest.mark.parametrize("name", ["Bearing1_1_acc_00001", "Bearing1_1_acc_02803", "Bearing1_4_acc_00001"])
def test_femto_originals_with_commas_or_semicolons_carry_a_clock(recordings, name):
    recording = read_recording(recordings / "femto" / "raw_csv_samples" / f"{name}.csv", unit="g")
    assert recording.sample_rate_hz == pytest.approx(25600, rel=1e-4)
    assert recording.segments[0].samples.shape == (2, 2560)


@pytest.mark.needs("recordings/femto")
def test_femto_original_and_packed_snapshot_are_the_same_in_si(recordings):
    packed = read_recording(recordings / "femto" / "Bearing1_1.npz").in_si()
    original = read_recording(recordings / "femto" / "raw_csv_samples" / "Bearing1_1_acc_00001.csv", unit="g").in_si()
    assert np.allclose(packed.segments[0].samples, original.segments[0].samples, atol=2e-5)


@pytest.mark.needs("recordings/ims")
@pytest.mark.parametrize(
    ("name", "channels"), [("test1_raw/2003.10.22.12.06.24", 8), ("test2_raw/2004.02.12.10.32.39", 4)]
)
def test_ims_text_without_an_ending_is_read(recordings, name, channels):
    recording = read_recording(recordings / "ims" / name, sample_rate_hz=20000.0, unit="g", speed_rpm=2000.0)
    assert recording.segments[0].samples.shape == (channels, 20480)
    assert recording.sample_rate_hz == 20000.0


@pytest.mark.needs("recordings/ims")
def test_ims_trend_has_a_nameless_time_column(recordings):
    recording = read_recording(recordings / "ims" / "test2_trend_mean_abs.csv")
    assert [channel.name for channel in recording.channels] == [f"Bearing {number}" for number in range(1, 5)]
    assert recording.sample_rate_hz == pytest.approx(1 / 600)


@pytest.mark.needs("recordings/gearbox")
@pytest.mark.parametrize(("name", "rows"), [("h30hz0", 88832), ("b30hz80", 110335)])
def test_gearbox_states_neither_rate_nor_unit(recordings, name, rows):
    recording = read_recording(recordings / "gearbox" / f"{name}.csv.gz")
    assert recording.segments[0].samples.shape == (4, rows)
    assert (recording.sample_rate_hz, recording.channels[0].unit) == (None, None)


@pytest.mark.needs("recordings/drill_press")
@pytest.mark.parametrize("name", ["base", "dry_run", "imbalance_1"])
def test_drill_press_jitters_around_100_hz_and_says_so(recordings, name):
    recording = read_recording(recordings / "drill_press" / f"{name}.csv")
    assert recording.sample_rate_hz == pytest.approx(100, rel=0.01)
    assert recording.notes[0].startswith("irregular sampling")
    assert [channel.name for channel in recording.channels] == ["ax", "ay", "az", "aT"]


@pytest.mark.needs("recordings/skab")
def test_skab_is_a_table_of_one_row_a_second_with_gaps(recordings):
    recording = read_recording(recordings / "skab" / "other" / "14.csv")
    assert recording.sample_rate_hz == 1.0
    assert "irregular sampling" in recording.notes[0]
    assert recording.start_ns == int(np.datetime64("2020-02-08T19:16:28", "ns").astype(np.int64))
    assert [channel.name for channel in recording.channels][-2:] == ["anomaly", "changepoint"]
    assert recording.times_s.size == recording.samples_per_channel


@pytest.mark.needs("recordings/nab")
def test_nab_temperature_has_a_row_every_five_minutes(recordings):
    recording = read_recording(recordings / "nab" / "machine_temperature_system_failure.csv")
    assert recording.sample_rate_hz == pytest.approx(1 / 300)
    assert recording.samples_per_channel == 22695
