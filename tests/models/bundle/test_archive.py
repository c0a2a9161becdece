"""A bundle is read as it was written or not at all: damage at any byte is a named error, and nothing is run."""

from __future__ import annotations

import hashlib
import io
import zipfile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.bundles import small_bundle, small_manifest

from models.bundle.archive import GOLDEN, MANIFEST, MAX_BYTES, NETWORK, canonical_json, read_bundle, write_bundle
from models.bundle.errors import BundleError, BundleTooNewError, DamagedBundleError

DATA = small_bundle()


def _with(entries, *, compression=zipfile.ZIP_STORED, time=(1980, 1, 1, 0, 0, 0)):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as archive:
        for name, content in entries:
            archive.writestr(zipfile.ZipInfo(name, time), content, compression)
    return buffer.getvalue()


def _entries():
    with zipfile.ZipFile(io.BytesIO(DATA)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def test_what_was_written_is_read():
    bundle = read_bundle(DATA)
    assert bundle.manifest.label == "pump/3"
    assert set(bundle.parts) == {GOLDEN}
    assert bundle.golden().scores.tolist() == [0.5, 2.0]
    assert bundle.size_bytes == len(DATA)


def test_the_same_bundle_is_the_same_bytes():
    assert small_bundle() == DATA


def test_the_bytes_are_the_same_on_every_python_and_platform():
    """What is in the field was written elsewhere: a change here needs a new schema number."""
    assert hashlib.sha256(DATA).hexdigest() == "20050db061047828b87dd9d8428249f1ffd57c84ad0db65885deab2920267899"


def test_every_byte_counts():
    """One bit of each byte, in turn."""
    for at in range(len(DATA)):
        damaged = bytearray(DATA)
        damaged[at] ^= 1 << (at % 8)
        with pytest.raises(BundleError) as caught:
            read_bundle(bytes(damaged))
        assert "\n" not in str(caught.value)


def test_every_cut_is_noticed():
    for end in range(0, len(DATA), 7):
        with pytest.raises(DamagedBundleError):
            read_bundle(DATA[:end])


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=4_000))
def test_any_bytes_are_a_bundle_or_a_named_error(data):
    with pytest.raises(BundleError):
        read_bundle(data)


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_a_bundle_with_pieces_exchanged_is_a_named_error(data):
    first = data.draw(st.integers(0, len(DATA) - 1))
    last = data.draw(st.integers(first, min(first + 200, len(DATA))))
    piece = data.draw(st.binary(max_size=200))
    changed = DATA[:first] + piece + DATA[last:]
    if changed != DATA:
        with pytest.raises(BundleError):
            read_bundle(changed)


def test_too_many_bytes_are_not_looked_at():
    with pytest.raises(DamagedBundleError, match="the largest has"):
        read_bundle(bytes(MAX_BYTES + 1))


def test_what_is_appended_or_put_in_front_is_noticed():
    for data in (DATA + b"x", b"x" + DATA):
        with pytest.raises(DamagedBundleError):
            read_bundle(data)


def test_other_times_another_order_or_compression_are_not_the_bundle():
    entries = _entries()
    with pytest.raises(DamagedBundleError, match="more in the file"):
        read_bundle(_with(sorted(entries.items()), time=(2020, 1, 1, 0, 0, 0)))
    with pytest.raises(DamagedBundleError, match="more in the file"):
        read_bundle(_with(sorted(entries.items(), reverse=True)))
    with pytest.raises(DamagedBundleError, match="stored as they are"):
        read_bundle(_with(sorted(entries.items()), compression=zipfile.ZIP_DEFLATED))


@pytest.mark.parametrize("name", ["../evil", "/etc/passwd", "extra.bin"])
def test_a_part_of_another_name_is_refused(name):
    with pytest.raises(DamagedBundleError, match="not those of a bundle"):
        read_bundle(_with([*_entries().items(), (name, b"x")]))


def test_a_part_that_the_manifest_does_not_name_is_refused():
    with pytest.raises(DamagedBundleError, match="holds"):
        read_bundle(_with(sorted([*_entries().items(), (NETWORK, b"x")])))


def test_a_part_that_is_not_what_the_manifest_says_is_refused():
    entries = _entries() | {GOLDEN: b"other"}
    with pytest.raises(DamagedBundleError, match=r"golden\.bin is not what was written"):
        read_bundle(_with(sorted(entries.items())))


def _changed(**changes):
    stated = read_bundle(DATA).manifest.model_dump(mode="json", by_alias=True) | changes
    return _with(sorted((_entries() | {MANIFEST: canonical_json(stated)}).items()))


def test_a_newer_schema_says_what_to_do():
    with pytest.raises(BundleTooNewError, match="upgrade it first"):
        read_bundle(_changed(schema=2))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"schema": True}, "schema"),
        ({"schema": 0}, "schema"),
        ({"version": "../3"}, "version"),
        ({"surprise": 1}, "surprise"),
        ({"detectors": []}, "detectors"),
        ({"kind": "sound"}, "kind"),
    ],
)
def test_a_manifest_that_says_what_it_must_not_is_named_by_its_key(changes, words):
    with pytest.raises(DamagedBundleError, match=words):
        read_bundle(_changed(**changes))


def test_a_bundle_needs_golden_vectors_and_known_parts():
    with pytest.raises(ValueError, match="must be there"):
        write_bundle(small_manifest(), {NETWORK: b"x"})
    with pytest.raises(ValueError, match="choose from"):
        write_bundle(small_manifest(), {GOLDEN: b"x", "more.bin": b"x"})


def test_golden_vectors_that_cannot_be_read_are_named():
    bundle = read_bundle(write_bundle(small_manifest(), {GOLDEN: b"no state"}))
    with pytest.raises(DamagedBundleError, match="no golden vectors can be read"):
        bundle.golden()
