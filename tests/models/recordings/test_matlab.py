"""Our reading of MATLAB files against scipy's writing of them, and files that would bring scipy's reading down."""

from __future__ import annotations

import struct

import numpy as np
import pytest
import scipy.io

from models.recordings import RecordingError, read_recording
from models.recordings.matlab import read_arrays

X = np.random.default_rng(3).standard_normal((40, 3))


def saved(path, variables, **options):
    scipy.io.savemat(path, variables, **options)
    return path.read_bytes()


@pytest.mark.parametrize("options", [{}, {"do_compression": True}, {"format": "4"}])
@pytest.mark.parametrize("dtype", ["f8", "f4", "i4", "i2", "u2", "u1"])
def test_numbers_of_every_type_come_back(tmp_path, options, dtype):
    values = (np.abs(X) * 50).astype(dtype)
    arrays = read_arrays(saved(tmp_path / "a.mat", {"x": values, "row": values[:1]}, **options))
    assert np.array_equal(arrays["x"], values)
    assert np.array_equal(arrays["row"], values[0])


def test_structs_struct_arrays_and_cells_have_dotted_names(tmp_path):
    cell = np.empty(2, object)
    cell[0], cell[1] = X[:, 0], np.arange(5)
    several = np.array([(1.0, 2.0), (3.0, 4.0)], dtype=[("a", "O"), ("b", "O")])
    arrays = read_arrays(saved(tmp_path / "a.mat", {"s": {"t": {"u": X}}, "c": cell, "m": several}))
    assert np.array_equal(arrays["s.t.u"], X)
    assert np.array_equal(arrays["c.1"], X[:, 0])
    assert np.array_equal(arrays["c.2"], np.arange(5))
    assert [float(arrays[name]) for name in ("m.1.a", "m.1.b", "m.2.a", "m.2.b")] == [1.0, 2.0, 3.0, 4.0]


def test_text_complex_and_sparse_arrays_are_passed_over(tmp_path):
    import scipy.sparse

    variables = {"text": "abc", "z": X * 1j, "sparse": scipy.sparse.csc_array(X), "none": np.zeros((0, 3)), "x": X}
    assert list(read_arrays(saved(tmp_path / "a.mat", variables))) == ["x"]


def test_a_file_written_on_a_big_endian_machine():
    body = struct.pack(">II", 6, 8) + struct.pack(">II", 6, 0) + struct.pack(">IIii", 5, 8, 4, 1)
    body += struct.pack(">HH4s", 1, 1, b"x") + struct.pack(">II4d", 9, 32, 1, 2, 3, 4)
    header = b"MATLAB 5.0".ljust(124) + b"\x01\x00MI"
    arrays = read_arrays(header + struct.pack(">II", 14, len(body)) + body)
    assert arrays["x"].tolist() == [1.0, 2.0, 3.0, 4.0]


def with_word(content, old, new, *, nth=0):
    """The content with the nth place of four bytes replaced."""
    place = -1
    for _ in range(nth + 1):
        place = content.index(old, place + 1)
    return content[:place] + new + content[place + 4 :]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        # A struct of 1 × 201,326,593: scipy 1.17 allocates gigabytes.
        (struct.pack("<i", 1), struct.pack("<i", 0x0C000001)),
        # The type of an array becomes complex: scipy 1.17 crashes the process.
        (struct.pack("<I", 6), struct.pack("<I", 0x2C0E)),
        (struct.pack("<i", 40), struct.pack("<i", -40)),
        (struct.pack("<i", 40), struct.pack("<i", 2**31 - 1)),
    ],
)
@pytest.mark.parametrize("nth", range(2))
def test_words_that_would_bring_a_trusting_reader_down_end_in_one_line_or_in_samples(tmp_path, old, new, nth):
    content = saved(tmp_path / "a.mat", {"s": {"sr": 1000, "gs": X[:, 0]}, "x": X})
    try:
        damaged = content[:128] + with_word(content[128:], old, new, nth=nth)
    except ValueError:
        pytest.skip("the word does not occur as often")
    (tmp_path / "b.mat").write_bytes(damaged)
    try:
        read_recording(tmp_path / "b.mat")
    except RecordingError as error:
        assert "\n" not in str(error)  # noqa: PT017 - some of the words only change a number


def test_a_small_compressed_file_that_unpacks_without_end_is_refused(tmp_path, monkeypatch):
    import models.recordings.matlab as reader

    monkeypatch.setattr(reader, "MAX_UNPACKED_BYTES", 10_000)
    saved(tmp_path / "a.mat", {"x": np.zeros(100_000)}, do_compression=True)
    with pytest.raises(RecordingError, match="GiB"):
        read_recording(tmp_path / "a.mat")


def test_nesting_without_end_is_refused(tmp_path):
    inner: object = X
    for _ in range(20):
        inner = {"a": inner}
    saved(tmp_path / "a.mat", {"x": inner})
    with pytest.raises(RecordingError, match="inside each other"):
        read_recording(tmp_path / "a.mat")
