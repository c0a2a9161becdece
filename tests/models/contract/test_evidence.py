"""Evidence packages: small, whole or not at all, and never a way to fill the memory."""

from __future__ import annotations

import contextlib
import dataclasses
import struct
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support import contract_examples as examples

from models.contract import limits
from models.contract.errors import ContractError, RecordError, SchemaTooNewError
from models.contract.evidence import join_evidence, pack_evidence, split_evidence, unpack_evidence

EVIDENCE = examples.evidence()
PACKAGE = pack_evidence(EVIDENCE)
NAMES = {"asset_id": examples.ASSET, "machine": "pump-1", "subject": examples.ALARM_ID, "end_ns": examples.END_NS}


def test_a_package_gives_back_the_moment() -> None:
    """The waveform exactly; spectra to 0.25 dB, half a step of the byte that each bin gets."""
    back = unpack_evidence(PACKAGE)
    for name in ("subject", "end_ns", "speed_rpm", "fault_lines", "facts"):
        assert getattr(back, name) == getattr(EVIDENCE, name)
    sent, received = EVIDENCE.channels[0], back.channels[0]
    np.testing.assert_array_equal(received.waveform, sent.waveform)
    assert received.waveform.dtype == np.int16
    for name in ("spectrum", "envelope"):
        low = getattr(sent, name).max() * 10.0 ** (-127.0 / 20.0)
        kept = getattr(sent, name) > low
        decibels = 20.0 * np.log10(getattr(received, name)[kept] / getattr(sent, name)[kept])
        assert np.abs(decibels).max() <= 0.2501
        assert getattr(received, name).dtype == np.float32


def test_a_second_of_one_channel_is_about_as_large_as_its_samples() -> None:
    """Waveform as int16 (51,200 bytes) plus 13,800 bins in less than a byte each: at most 1.2 times the waveform."""
    print(f"evidence of 1 s at 25.6 kHz: {len(PACKAGE)} bytes")
    assert len(PACKAGE) < 1.2 * 51_200


def test_silence_comes_back_as_silence() -> None:
    quiet = dataclasses.replace(
        EVIDENCE.channels[0],
        waveform=np.zeros(0, np.int16),
        spectrum=np.zeros(10, np.float32),
        envelope=np.zeros(0, np.float32),
    )
    back = unpack_evidence(pack_evidence(dataclasses.replace(EVIDENCE, channels=(quiet,)))).channels[0]
    assert len(back.waveform) == len(back.envelope) == 0
    assert back.spectrum.tolist() == [0.0] * 10


def test_numbers_that_json_does_not_have_do_not_stop_the_evidence() -> None:
    odd = dataclasses.replace(
        EVIDENCE,
        facts={"ratio": np.float64("nan"), "list": [float("inf"), np.int64(3)]},
        fault_lines=(dataclasses.replace(EVIDENCE.fault_lines[0], snr_db=float("inf")),),
        channels=(dataclasses.replace(EVIDENCE.channels[0], spectrum=np.array([1.0, np.nan, np.inf], np.float32)),),
    )
    back = unpack_evidence(pack_evidence(odd))
    assert back.facts == {"ratio": None, "list": [None, 3]}
    assert back.fault_lines[0].snr_db is None
    assert back.channels[0].spectrum.tolist() == [1.0, 0.0, 0.0]


@pytest.mark.parametrize("part_bytes", [1_000, limits.EVIDENCE_PART_BYTES, 10**9])
def test_parts_in_any_order_and_twice_give_the_package(part_bytes: int) -> None:
    parts = split_evidence(PACKAGE, **NAMES, part_bytes=part_bytes)
    assert all(len(part.data) <= limits.EVIDENCE_PART_BYTES for part in parts)
    assert join_evidence([*reversed(parts), *parts]) == PACKAGE


def test_an_incomplete_or_mixed_package_is_not_joined() -> None:
    parts = split_evidence(PACKAGE, **NAMES, part_bytes=10_000)
    with pytest.raises(RecordError, match="1 of"):
        join_evidence(parts[:-1])
    with pytest.raises(RecordError, match="no part"):
        join_evidence([])
    with pytest.raises(RecordError, match="different"):
        join_evidence([*parts[:-1], dataclasses.replace(parts[-1], digest="00" * 32)])
    with pytest.raises(RecordError, match="SHA-256"):
        join_evidence([*parts[:-1], dataclasses.replace(parts[-1], data=b"")])


def test_a_package_of_too_many_parts_is_not_sent() -> None:
    with pytest.raises(RecordError, match="at most 64"):
        split_evidence(bytes(65), **NAMES, part_bytes=1)


def test_a_package_that_is_too_large_is_not_made() -> None:
    noise = np.random.default_rng(1).integers(-(2**15), 2**15, 3_000_000).astype(np.int16)
    large = dataclasses.replace(EVIDENCE, channels=(dataclasses.replace(EVIDENCE.channels[0], waveform=noise),))
    with pytest.raises(RecordError, match="too large"):
        pack_evidence(large)


def test_a_bomb_is_not_unpacked() -> None:
    """A hundred thousand bytes that would become a hundred million."""
    bomb = b"PPE\x01" + zlib.compress(bytes(100_000_000))
    assert len(bomb) < limits.EVIDENCE_PACKAGE_BYTES
    with pytest.raises(RecordError, match="larger than"):
        unpack_evidence(bomb)


def body(head: bytes, arrays: bytes = b"") -> bytes:
    """Return a package with this head."""
    return b"PPE\x01" + zlib.compress(struct.pack("<I", len(head)) + head + arrays)


@pytest.mark.parametrize(
    "package",
    [
        b"",
        b"PPE",
        b"XXE\x01" + PACKAGE[4:],
        b"PPE\x00" + PACKAGE[4:],
        PACKAGE[:-1],
        PACKAGE + b"\x00",
        body(b""),
        body(b"\xff"),
        body(b"[]"),
        body(b"{}"),
        body(b'{"channels":[],"subject":"s","end_ns":1,"fault_lines":[],"facts":{}}', b"left over"),
        body(b'{"channels":[{"samples":1000000000000,"spectrum_bins":0,"envelope_bins":0}]}'),
        body(b'{"channels":[{"samples":-1,"spectrum_bins":0,"envelope_bins":0}]}'),
        b"PPE\x01" + zlib.compress(b"\xff\xff\xff\xff"),
    ],
)
def test_what_is_no_package_is_a_named_error(package: bytes) -> None:
    with pytest.raises(RecordError):
        unpack_evidence(package)


def test_a_package_of_a_newer_version_says_so() -> None:
    with pytest.raises(SchemaTooNewError):
        unpack_evidence(b"PPE\x02" + PACKAGE[4:])


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_damaged_contents_are_a_named_error(data: st.DataObject) -> None:
    """Damage behind the checksum: the body is changed and compressed again, as a forger would."""
    raw = bytearray(zlib.decompress(pack_evidence(examples.evidence(seconds=0.01))[4:]))
    raw[data.draw(st.integers(0, min(len(raw), 1_200) - 1))] = data.draw(st.integers(0, 255))
    with contextlib.suppress(ContractError):
        unpack_evidence(b"PPE\x01" + zlib.compress(bytes(raw)))
