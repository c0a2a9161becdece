"""Every way in which an offset can lie, on a buffer small enough to see each byte."""

from __future__ import annotations

import struct

import pytest

from models.runtimes.errors import NetworkError
from models.runtimes.flatbuffer import decode

SCHEMA = {
    "Root": ("number u4", "text string", "vector [f4]", "inner [Inner]", "- "),
    "Inner": ("small i1", "child Inner"),
}

# Root at 20 with its vtable at 4; text at 48, vector at 56, vector of two tables at 68, both the same table at 88.
WHOLE = struct.pack(
    "<I6H4xiIIII8xI4sIffIII8xiB3x8x4HH2x",
    *(20,),
    *(12, 20, 4, 8, 12, 16),
    *(16, 7, 48 - 28, 56 - 32, 68 - 36),
    *(3, b"abc\0"),
    *(2, 1.5, -2.0),
    *(2, 88 - 72, 88 - 76),
    *(88 - 104, 0xFE),
    *(8, 8, 4, 0, 0),
)


def with_word(at, value, form="<I"):
    copy = bytearray(WHOLE)
    struct.pack_into(form, copy, at, value)
    return bytes(copy)


def test_what_is_whole_is_decoded():
    root = decode(WHOLE, SCHEMA, "Root")
    assert root.number("number") == 7
    assert root.values["text"] == "abc"
    assert root.vector("vector").tolist() == [1.5, -2.0]
    assert [inner.number("small") for inner in root.tables("inner")] == [-2, -2]
    assert (root.number("left out"), root.table("left out"), root.tables("left out")) == (0, None, ())


@pytest.mark.parametrize(
    ("said", "data"),
    {
        "4 bytes at 400 of": with_word(0, 400),
        "4 bytes at 22 of": with_word(0, 22),
        "the offset at 0 leads nowhere": with_word(0, 0),
        "2 bytes at 1020 of": with_word(20, -1000, "<i"),
        "2 bytes at -4 of": with_word(20, 24),
        "a Root of 20 bytes": with_word(4, 2, "<H"),
        "a Root of 2 bytes": with_word(6, 2, "<H"),
        "a Root of 65532 bytes": with_word(6, 65532, "<H"),
        "number of a Root lies outside": with_word(8, 2, "<H"),
        "inner of a Root lies outside": with_word(14, 18, "<H"),
        "4 bytes at 26 of": with_word(8, 6, "<H"),
        "the offset at 28 leads nowhere": with_word(28, 3),
        "a text without an end": with_word(55, 1, "<B"),
        "a text that is no text": with_word(52, 0xFF, "<B"),
        "a text of more than": with_word(48, 5000),
        "2147483647 numbers of 4 bytes": with_word(56, 2**31 - 1),
        "17 numbers of 4 bytes": with_word(56, 17),
        "4 bytes at 90 of": with_word(72, 18),
    }.items(),
)
def test_what_lies_is_named(said, data):
    with pytest.raises(NetworkError, match=said):
        decode(data, SCHEMA, "Root")


def test_a_field_that_the_schema_does_not_list_is_refused():
    for fields in (("small i1",), ("small i1", "-")):
        with pytest.raises(NetworkError, match="field 1 of a Inner is nothing that a dense network needs"):
            decode(with_word(110, 4, "<H"), {**SCHEMA, "Inner": fields}, "Root")


def test_numbers_of_eight_bytes_must_lie_where_a_processor_can_read_them():
    def one_number(padding):
        # The vtable of six bytes at 4, the table at 12, its vector further on.
        head = struct.pack("<I3H2xiI", 12, 6, 8, 4, 8, 4 + len(padding))
        return head + padding + struct.pack("<Iq", 1, -5)

    assert decode(one_number(bytes(0)), {"Root": ("long [i8]",)}, "Root").vector("long").tolist() == [-5]
    with pytest.raises(NetworkError, match="1 numbers of 8 bytes at 28 of 36"):
        decode(one_number(bytes(4)), {"Root": ("long [i8]",)}, "Root")


def test_no_truncation_is_decoded():
    # The last word is nobody's.
    for end in range(len(WHOLE) - 4):
        with pytest.raises(NetworkError):
            decode(WHOLE[:end], SCHEMA, "Root")
