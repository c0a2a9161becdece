"""Reading recordings that a person made: every format, and every way in which a file can be of no use."""

from __future__ import annotations

import wave

import numpy as np
import pytest
import scipy.io

from models.contract.errors import InputError, UnitError
from models.recordings import RecordingError, read_recording

X = (np.random.default_rng(1).standard_normal((2, 3000)) * 2).astype(np.float64)


def one_line(error):
    text = str(error.value)
    assert "\n" not in text
    assert "Traceback" not in text
    return text


# --- .mat


def test_mat_nested_struct_gives_rate_speed_and_unit(tmp_path):
    path = tmp_path / "a.mat"
    scipy.io.savemat(path, {"bearing": {"sr": 48828, "rate": 25, "load": "100", "gs": X[0]}, "BPFO": 81.125})
    recording = read_recording(path)
    assert [(channel.name, channel.unit) for channel in recording.channels] == [("gs", "g")]
    assert (recording.sample_rate_hz, recording.speed_rpm) == (48828.0, 1500.0)
    assert np.allclose(recording.segments[0].samples[0], X[0], atol=1e-6)


def test_mat_numbered_names_become_short_ones_and_hide_other_variables(tmp_path):
    path = tmp_path / "a.mat"
    scipy.io.savemat(
        path,
        {"X118_DE_time": X[0][:, None], "X118_FE_time": X[1][:, None], "X118RPM": 1796, "i": np.arange(100)},
    )
    recording = read_recording(path)
    assert [channel.name for channel in recording.channels] == ["DE", "FE"]
    assert recording.speed_rpm == 1796.0
    assert recording.sample_rate_hz is None
    for name in ("FE", "fe", "X118_FE_time"):
        assert np.allclose(read_recording(path, channel=name).segments[0].samples[0], X[1], atol=1e-6)


def test_mat_matrix_has_one_channel_per_column_whichever_way_it_lies(tmp_path):
    for matrix in (X, X.T):
        scipy.io.savemat(tmp_path / "a.mat", {"data": matrix, "fs": 1000.0})
        recording = read_recording(tmp_path / "a.mat")
        assert [channel.name for channel in recording.channels] == ["data.1", "data.2"]
        assert np.allclose(recording.segments[0].samples, X, atol=1e-6)


def test_mat_channels_of_different_length_are_named_and_one_can_be_chosen(tmp_path):
    scipy.io.savemat(tmp_path / "a.mat", {"DE": X[0], "FE": X[1, :2000], "fs": 1000.0})
    with pytest.raises(RecordingError, match="DE 3000, FE 2000") as error:
        read_recording(tmp_path / "a.mat")
    assert "--channel" in one_line(error)
    assert read_recording(tmp_path / "a.mat", channel="FE").samples_per_channel == 2000


@pytest.mark.parametrize("kept", [1, 100, 127, 128, 200, 5000, -1])
def test_mat_truncated_anywhere_is_one_line(tmp_path, kept):
    scipy.io.savemat(tmp_path / "whole.mat", {"DE": X[0], "FE": X[1]}, do_compression=True)
    content = (tmp_path / "whole.mat").read_bytes()
    (tmp_path / "a.mat").write_bytes(content[:kept])
    with pytest.raises(RecordingError, match=r"a\.mat") as error:
        read_recording(tmp_path / "a.mat")
    one_line(error)


def test_mat_of_version_73_says_how_to_save_it(tmp_path):
    (tmp_path / "a.mat").write_bytes(b"MATLAB 7.3 MAT-file".ljust(512) + b"\x89HDF\r\n\x1a\n" + bytes(100))
    with pytest.raises(RecordingError, match="-v7"):
        read_recording(tmp_path / "a.mat")


def test_mat_without_a_signal_lists_what_is_there(tmp_path):
    scipy.io.savemat(tmp_path / "a.mat", {"note": "hello", "gain": 2.0})
    with pytest.raises(RecordingError, match="gain"):
        read_recording(tmp_path / "a.mat")


# --- .npz


def test_npz_snapshots_become_segments_with_unit_rate_and_speed(tmp_path):
    snapshots = np.arange(3 * 500 * 2).reshape(3, 500, 2).astype(np.int16)
    np.savez(tmp_path / "a.npz", acc_milli_g=snapshots, t_s=[5.0, 15.0, 25.0], fs_hz=25600, rpm=1800, load_n=4000)
    recording = read_recording(tmp_path / "a.npz")
    assert [(channel.name, channel.unit) for channel in recording.channels] == [("acc.1", "mg"), ("acc.2", "mg")]
    assert [segment.start_s for segment in recording.segments] == [0.0, 10.0, 20.0]
    assert (recording.sample_rate_hz, recording.speed_rpm, recording.word_bytes) == (25600.0, 1800.0, 2)
    assert np.array_equal(recording.segments[1].samples, snapshots[1].T)
    assert recording.samples_per_channel == 1500
    assert recording.duration_s == pytest.approx(1500 / 25600)


def test_npz_with_a_time_array_gets_its_rate_from_it(tmp_path):
    np.savez(tmp_path / "a.npz", t=np.arange(3000) / 200.0, x=X[0])
    recording = read_recording(tmp_path / "a.npz")
    assert recording.sample_rate_hz == 200.0
    assert [channel.name for channel in recording.channels] == ["x"]


@pytest.mark.parametrize("kept", [3, 50, 20000, -30])
def test_npz_truncated_is_one_line(tmp_path, kept):
    np.savez(tmp_path / "whole.npz", x=X[0])
    (tmp_path / "a.npz").write_bytes((tmp_path / "whole.npz").read_bytes()[:kept])
    with pytest.raises(RecordingError, match=r"a\.npz") as error:
        read_recording(tmp_path / "a.npz")
    one_line(error)


def test_npz_never_unpickles(tmp_path):
    np.savez(tmp_path / "a.npz", x=np.array([{"a": 1}] * 20, object))
    with pytest.raises(RecordingError, match="numbers only"):
        read_recording(tmp_path / "a.npz")


def test_npz_whose_header_promises_more_than_there_is_allocates_nothing(tmp_path):
    import zipfile

    header = b"\x93NUMPY\x01\x00" + (118).to_bytes(2, "little")
    header += b"{'descr': '<f8', 'fortran_order': False, 'shape': (999999999999,), }".ljust(117) + b"\n"
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr("x.npy", header + bytes(800))
    with pytest.raises(RecordingError, match="shorter than its header"):
        read_recording(tmp_path / "a.npz")


# --- .wav


def write_wav(path, content, width, channels=1, rate=8000):
    with wave.open(str(path), "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(width)
        file.setframerate(rate)
        file.writeframes(content)


@pytest.mark.parametrize("width", [1, 2, 3, 4])
def test_wav_pcm_of_every_width_is_part_of_full_scale(tmp_path, width):
    wanted = np.array([-1.0, -0.5, 0.0, 0.5, 0.75])
    if width == 1:
        content = (wanted * 128 + 128).astype(np.uint8).tobytes()
    else:
        counts = (wanted * 2 ** (8 * width - 1)).astype(np.int64)
        content = b"".join(int(count).to_bytes(width, "little", signed=True) for count in counts)
    write_wav(tmp_path / "a.wav", content, width)
    recording = read_recording(tmp_path / "a.wav", unit="g")
    assert np.allclose(recording.segments[0].samples[0], wanted)
    assert (recording.sample_rate_hz, recording.word_bytes) == (8000.0, width)
    assert [(channel.name, channel.unit) for channel in recording.channels] == [("channel_1", "g")]


def test_wav_stereo_has_two_channels(tmp_path):
    counts = (X.T * 1000).astype("<i2")
    write_wav(tmp_path / "a.wav", counts.tobytes(), 2, channels=2)
    recording = read_recording(tmp_path / "a.wav")
    assert np.allclose(recording.segments[0].samples, counts.T / 32768.0)


def test_wav_of_floats_is_taken_as_it_is(tmp_path):
    from scipy.io import wavfile

    wavfile.write(tmp_path / "a.wav", 8000, X.T.astype(np.float32))
    recording = read_recording(tmp_path / "a.wav")
    assert np.array_equal(recording.segments[0].samples, X.astype(np.float32))
    assert recording.word_bytes == 4


@pytest.mark.parametrize("kept", [2, 20, 44, 1000])
def test_wav_truncated_is_one_line(tmp_path, kept):
    write_wav(tmp_path / "whole.wav", bytes(4000), 2)
    (tmp_path / "a.wav").write_bytes((tmp_path / "whole.wav").read_bytes()[:kept])
    with pytest.raises(RecordingError, match=r"a\.wav") as error:
        read_recording(tmp_path / "a.wav")
    one_line(error)


# --- .parquet


def test_parquet_columns_and_timestamps(tmp_path):
    pa = pytest.importorskip("pyarrow")
    import pyarrow.parquet as pq

    stamps = np.datetime64("2024-03-01T10:00:00") + np.arange(100) * np.timedelta64(20, "ms")
    table = pa.table({"when": stamps.astype("datetime64[ms]"), "DE [g]": X[0, :100], "note": ["a"] * 100})
    pq.write_table(table, tmp_path / "a.parquet")
    recording = read_recording(tmp_path / "a.parquet")
    assert [(channel.name, channel.unit) for channel in recording.channels] == [("DE", "g")]
    assert recording.sample_rate_hz == 50.0
    assert recording.start_ns == 1709287200 * 10**9
    assert "note" in recording.notes[0]


def test_parquet_that_is_none_is_one_line(tmp_path):
    pytest.importorskip("pyarrow")
    (tmp_path / "a.parquet").write_bytes(b"PAR1 nonsense PAR1")
    with pytest.raises(RecordingError, match="parquet") as error:
        read_recording(tmp_path / "a.parquet")
    one_line(error)


# --- files and arguments


def test_what_a_person_states_wins_over_the_file(tmp_path):
    np.savez(tmp_path / "a.npz", acc_g=X[0], fs=1000.0, rpm=1500.0)
    recording = read_recording(tmp_path / "a.npz", sample_rate_hz=2000.0, unit="m/s2", speed_rpm=900.0)
    assert (recording.sample_rate_hz, recording.speed_rpm, recording.channels[0].unit) == (2000.0, 900.0, "m/s2")


def test_in_si_turns_acceleration_into_metres_per_second_squared_and_leaves_the_rest(tmp_path):
    (tmp_path / "a.csv").write_text("DE [g],FE [mg],temp [degC]\n" + "1.0,1000.0,21.5\n" * 20)
    recording = read_recording(tmp_path / "a.csv").in_si()
    assert [channel.unit for channel in recording.channels] == ["m/s2", "m/s2", "degC"]
    assert np.allclose(recording.segments[0].samples[:, 0], [9.80665, 9.80665, 21.5])


def test_in_si_turns_sound_into_pascal_and_leaves_the_pressure_of_a_process(tmp_path):
    np.savez(tmp_path / "a.npz", MIC_pa=X[0], fs=1000.0)
    assert read_recording(tmp_path / "a.npz").channels[0].unit == "Pa"
    (tmp_path / "a.csv").write_text("mic [mPa],floor [uPa],main [bar]\n" + "20.0,20.0,6.0\n" * 20)
    recording = read_recording(tmp_path / "a.csv").in_si()
    assert [channel.unit for channel in recording.channels] == ["Pa", "Pa", "bar"]
    assert np.allclose(recording.segments[0].samples[:, 0], [0.02, 20e-6, 6.0])


def test_in_si_asks_for_a_unit_that_nobody_stated(tmp_path):
    (tmp_path / "a.csv").write_text("DE,FE\n" + "1.0,2.0\n" * 20)
    with pytest.raises(RecordingError, match=r"unit of channel DE.*--unit"):
        read_recording(tmp_path / "a.csv").in_si()


@pytest.mark.parametrize("rate", [0.0, -1.0, float("nan"), float("inf"), 1e9])
def test_an_absurd_rate_is_refused(tmp_path, rate):
    (tmp_path / "a.csv").write_text("1\n2\n")
    with pytest.raises(RecordingError, match="sample rate") as error:
        read_recording(tmp_path / "a.csv", sample_rate_hz=rate)
    one_line(error)


def test_an_absurd_rate_in_the_file_is_refused_unless_a_person_states_one(tmp_path):
    np.savez(tmp_path / "a.npz", x=X[0], fs=-5.0)
    with pytest.raises(RecordingError, match="file's sample rate"):
        read_recording(tmp_path / "a.npz")
    assert read_recording(tmp_path / "a.npz", sample_rate_hz=100.0).sample_rate_hz == 100.0


@pytest.mark.parametrize("speed", [0.0, -1500.0, float("nan"), 1e9])
def test_an_absurd_speed_is_refused(tmp_path, speed):
    (tmp_path / "a.csv").write_text("1\n2\n")
    with pytest.raises(RecordingError, match="speed"):
        read_recording(tmp_path / "a.csv", speed_rpm=speed)


def test_an_unknown_unit_is_refused_with_the_known_ones(tmp_path):
    (tmp_path / "a.csv").write_text("1\n2\n")
    with pytest.raises(UnitError, match="m/s2"):
        read_recording(tmp_path / "a.csv", unit="furlong")


def test_an_unknown_channel_is_refused_with_the_known_ones(tmp_path):
    (tmp_path / "a.csv").write_text("DE,FE\n" + "1.0,2.0\n" * 20)
    with pytest.raises(RecordingError, match=r"no channel 'BA'.*DE, FE"):
        read_recording(tmp_path / "a.csv", channel="BA")


def test_channels_come_in_the_order_they_were_asked_for(tmp_path):
    (tmp_path / "a.csv").write_text("DE,FE,BA\n" + "1.0,2.0,3.0\n" * 20)
    recording = read_recording(tmp_path / "a.csv", channel=["BA", "DE"])
    assert recording.segments[0].samples[:, 0].tolist() == [3.0, 1.0]


def test_missing_empty_folder_and_binary_files_are_one_line(tmp_path):
    (tmp_path / "empty.csv").touch()
    (tmp_path / "noise.bin").write_bytes(bytes(range(256)) * 10)
    for name, says in (("none.csv", "no such file"), ("empty.csv", "empty"), ("", "folder"), ("noise.bin", "neither")):
        with pytest.raises(RecordingError, match=says) as error:
            read_recording(tmp_path / name)
        one_line(error)


def test_a_file_without_permission_is_one_line(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("1\n2\n")
    path.chmod(0)
    try:
        with path.open("rb"):
            pytest.skip("this user may read everything")
    except PermissionError:
        with pytest.raises(RecordingError, match="permission"):
            read_recording(path)


def test_a_file_beyond_the_bound_is_refused_before_it_is_read(tmp_path):
    with (tmp_path / "a.csv").open("wb") as file:
        file.truncate((1 << 30) + 1)
    with pytest.raises(RecordingError, match="split"):
        read_recording(tmp_path / "a.csv")


def test_samples_that_are_not_finite_or_constant_are_read_and_left_to_be_flagged(tmp_path):
    (tmp_path / "a.csv").write_text("DE,FE\n" + "nan,2.0\n" * 20 + "1.0,2.0\n")
    samples = read_recording(tmp_path / "a.csv").segments[0].samples
    assert np.isnan(samples[0, 0])
    assert np.all(samples[1] == 2.0)


@pytest.mark.parametrize("ending", [".mat", ".npz", ".wav", ".parquet", ".csv", ".csv.gz", ".unknown"])
@pytest.mark.parametrize("seed", range(6))
def test_garbage_of_any_ending_is_one_line(tmp_path, ending, seed):
    path = tmp_path / f"a{ending}"
    path.write_bytes(np.random.default_rng(seed).integers(0, 256, 3000, dtype=np.uint8).tobytes())
    with pytest.raises(InputError) as error:
        read_recording(path)
    one_line(error)
