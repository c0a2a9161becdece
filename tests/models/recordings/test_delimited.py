"""Delimited text as people and rigs write it."""

from __future__ import annotations

import gzip
import time

import numpy as np
import pytest

from models.recordings import RecordingError, read_recording

VALUES = np.array([[0.5, -1.25], [1.5, 2.0], [-0.75, 3.5], [2.25, -4.0]])


def read(tmp_path, text, name="a.csv", **options):
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return read_recording(path, **options)


def rows(delimiter, *, comma=False):
    lines = [delimiter.join(f"{value:.4f}" for value in row) for row in VALUES]
    return [line.replace(".", ",") for line in lines] if comma else lines


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|", "  ", ", "])
@pytest.mark.parametrize("header", [True, False])
def test_every_usual_delimiter_with_and_without_a_header(tmp_path, delimiter, header):
    lines = ([delimiter.join(["DE", "FE"])] if header else []) + rows(delimiter)
    recording = read(tmp_path, "\n".join(lines) + "\n")
    assert np.allclose(recording.segments[0].samples, VALUES.T)
    assert [channel.name for channel in recording.channels] == (["DE", "FE"] if header else ["column_1", "column_2"])
    assert recording.sample_rate_hz is None


@pytest.mark.parametrize("delimiter", [";", "\t", "  "])
def test_a_decimal_comma_is_understood_where_it_is_not_the_delimiter(tmp_path, delimiter):
    recording = read(tmp_path, "\n".join(rows(delimiter, comma=True)))
    assert np.allclose(recording.segments[0].samples, VALUES.T)


def test_a_single_column_with_or_without_a_header(tmp_path):
    for text in ("0.5\n1.5\n-2.5\n", "acc [g]\n0.5\n1.5\n-2.5\n"):
        assert read(tmp_path, text).segments[0].samples.tolist() == [[0.5, 1.5, -2.5]]


def test_a_comma_between_whole_numbers_is_a_delimiter(tmp_path):
    """`0,5` could be a half; two columns is what most files mean."""
    assert read(tmp_path, "0,5\n1,5\n-2,5\n").segments[0].samples.tolist() == [[0.0, 1.0, -2.0], [5.0, 5.0, 5.0]]


def test_windows_line_ends_byte_order_mark_comments_and_blank_lines(tmp_path):
    text = "\ufeff# recorded on Tuesday\r\nDE,FE\r\n\r\n0.5,1\r\n1.5,2\r\n\r\n"
    recording = read(tmp_path, text)
    assert [channel.name for channel in recording.channels] == ["DE", "FE"]
    assert recording.segments[0].samples.tolist() == [[0.5, 1.5], [1.0, 2.0]]


def test_units_in_the_header_are_understood(tmp_path):
    recording = read(tmp_path, '"DE.H [g]";"FE (mm/s)";odd [furlong];plain\n1;2;3;4\n2;3;4;5\n')
    assert [(channel.name, channel.unit) for channel in recording.channels] == [
        ("DE.H", "g"), ("FE", "mm/s"), ("odd [furlong]", None), ("plain", None)
    ]  # fmt: skip


def test_a_gzipped_file_is_read_like_a_plain_one_whatever_its_ending(tmp_path):
    for name in ("a.csv.gz", "a.dat"):
        (tmp_path / name).write_bytes(gzip.compress(b"DE,FE\n1,2\n3,4\n"))
        assert read_recording(tmp_path / name).segments[0].samples.tolist() == [[1.0, 3.0], [2.0, 4.0]]


def test_a_truncated_gzip_is_one_line(tmp_path):
    (tmp_path / "a.csv.gz").write_bytes(gzip.compress(b"DE,FE\n" + b"1.5,2.5\n" * 5000)[:-20])
    with pytest.raises(RecordingError, match="truncated"):
        read_recording(tmp_path / "a.csv.gz")


def test_iso_times_give_start_and_rate(tmp_path):
    lines = [f"2024-03-01 10:00:{second:02d};{second}.5" for second in range(30)]
    recording = read(tmp_path, "when;flow\n" + "\n".join(lines))
    assert recording.sample_rate_hz == 1.0
    assert recording.start_ns == 1709287200 * 10**9
    assert [channel.name for channel in recording.channels] == ["flow"]
    assert recording.notes == ()


@pytest.mark.parametrize("stamp", ["2024-03-01T11:00:{:02d}.500+01:00", "2024-03-01T10:00:{:02d}.500Z"])
def test_times_with_an_offset_are_utc(tmp_path, stamp):
    recording = read(tmp_path, "\n".join(f"{stamp.format(second)};{second}.5" for second in range(30)))
    assert recording.start_ns == 1709287200 * 10**9 + 500_000_000


@pytest.mark.parametrize(
    ("first", "step", "rate_hz", "start_ns"),
    [
        (0.0, 0.001, 1000.0, None),
        (1709287200.0, 0.5, 2.0, 1709287200 * 10**9),
        (1709287200000, 40, 25.0, 1709287200 * 10**9),
        (1709287200000000, 125, 8000.0, 1709287200 * 10**9),
    ],
)
def test_numbers_in_a_time_column_are_seconds_or_ms_or_us_since_1970(tmp_path, first, step, rate_hz, start_ns):
    lines = [f"{first + row * step:.9g},{row}" if first == 0 else f"{first + row * step},{row}" for row in range(50)]
    recording = read(tmp_path, "timestamp,x\n" + "\n".join(lines))
    assert recording.sample_rate_hz == pytest.approx(rate_hz, rel=1e-6)
    assert recording.start_ns == start_ns


def test_hour_minute_second_and_microseconds_without_a_header_are_a_clock(tmp_path):
    """PRONOSTIA; the stamps are rounded to µs, the mean of the steps is not."""
    seconds = 35979.99 + np.arange(2000) / 25600.0
    lines = [
        f"{int(s // 3600)},{int(s % 3600 // 60)},{int(s % 60)},{int(s % 1 * 1e6)},{np.sin(s):.3f},{np.cos(s):.3f}"
        for s in seconds
    ]
    recording = read(tmp_path, "\n".join(lines))
    assert recording.sample_rate_hz == pytest.approx(25600, rel=1e-4)
    assert [channel.name for channel in recording.channels] == ["column_5", "column_6"]


def test_gaps_leave_the_rate_and_are_reported(tmp_path):
    seconds = [0, 1, 2, 3, 5, 6, 7, 8, 9, 12, 13, 14, 15]
    recording = read(tmp_path, "time,x\n" + "\n".join(f"{second},{second}" for second in seconds))
    assert recording.sample_rate_hz == 1.0
    assert "2 of 12 steps" in recording.notes[0]
    assert recording.times_s.tolist() == seconds


def test_time_stamps_that_jitter_throughout_give_the_mean_rate_and_say_so(tmp_path):
    stamps = np.cumsum(np.tile([0.002, 0.002, 0.0, 0.016, 0.03], 40))
    recording = read(tmp_path, "time,x\n" + "\n".join(f"{stamp:.4f},1.{i}" for i, stamp in enumerate(stamps)))
    assert recording.sample_rate_hz == pytest.approx(100.0, rel=0.01)
    assert "mean" in recording.notes[0]


def test_a_time_column_that_stands_still_gives_no_rate(tmp_path):
    recording = read(tmp_path, "time,x\n" + "5,1.5\n" * 10)
    assert recording.sample_rate_hz is None
    assert "does not move" in recording.notes[0]


def test_a_nameless_column_of_row_numbers_is_no_channel(tmp_path):
    recording = read(tmp_path, ",DE,FE\n0,1.5,2\n1,2.5,3\n2,3.5,4\n")
    assert [channel.name for channel in recording.channels] == ["DE", "FE"]


def test_columns_of_text_are_left_out_with_a_note(tmp_path):
    recording = read(tmp_path, "id,kind,torque [Nm]\nM1,M,42.8\nM2,L,46.3\n")
    assert [(channel.name, channel.unit) for channel in recording.channels] == [("torque", "N.m")]
    assert "id, kind" in recording.notes[0]


def test_empty_fields_are_not_a_number_and_the_rest_stays(tmp_path):
    samples = read(tmp_path, "DE,FE\n1,2\n,4\n5,\n7,8\n").segments[0].samples
    assert np.array_equal(samples, [[1, np.nan, 5, 7], [2, 4, np.nan, 8]], equal_nan=True)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("DE,FE\n" + "1,2\n" * 50 + "1,oops\n", "data line 52, column FE: 'oops'"),
        ("DE,FE,BA\n" + "1,2,3\n" * 50 + "1\n", "data line 52 has 1 fields instead of 3"),
        ("time,x\n2024-01-01,1\n2024-01-02,2\n" * 1 + "2024-01-03,3\n" * 30 + "soon,5\n", "'soon' is no time"),
        ("DE,FE\n", "no data"),
        ("# nothing\n", "no line of data"),
        ("a,b\nc,d\ne,f\n", "no column of numbers"),
        ("time\n1\n2\n3\n", "no channel"),
        ("{\n  'json': 1\n}\n", "data line 3 has 1 fields"),
        (",".join(["1"] * 5000) + "\n" + ",".join(["1"] * 5000) + "\n", "columns"),
    ],
)
def test_damage_is_named_with_its_place(tmp_path, text, says):
    with pytest.raises(RecordingError) as error:
        read(tmp_path, text)
    assert says in str(error.value)
    assert "\n" not in str(error.value)


def test_a_hundred_thousand_rows_are_read_in_seconds(tmp_path):
    """Measured 0.1 s for four columns; the slow path that names damage takes about 0.5 s."""
    block = np.random.default_rng(0).standard_normal((120_000, 4))
    path = tmp_path / "a.csv"
    path.write_text("\n".join(",".join(f"{value:.5f}" for value in row) for row in block))
    started = time.monotonic()
    samples = read_recording(path).segments[0].samples
    assert time.monotonic() - started < 5
    assert np.allclose(samples, block.T, atol=1e-5)
