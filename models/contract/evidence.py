"""Evidence packages: one moment of a machine, small enough to send (wire.md 3, *Evidence/Chunk*).

On the gateway: `pack_evidence`, then `split_evidence` into parts of at most 64 KiB. In the cloud: `join_evidence`
when all parts are there, then `unpack_evidence`.

A package is `PPE` and a version byte, then zlib of: length of the head (u32, little endian), head as JSON, and per
channel its waveform and two spectra. A waveform is int16 with its high bytes before its low bytes, which compresses
better. A spectrum is one byte per bin in half decibels below its largest bin (255 = largest, 1 = 127 dB below, 0 =
nothing), which is off by at most 0.25 dB, 3 % of the amplitude.
"""

from __future__ import annotations

import hashlib
import struct
import zlib
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from models.contract import limits
from models.contract.alarm_json import read_evidence_line
from models.contract.errors import RecordError, SchemaTooNewError
from models.contract.records import Evidence, EvidenceChannel, EvidencePart
from models.contract.strict_json import Reader, format_object, parse_object, without_infinities

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

_MAGIC: Final = b"PPE"
_VERSION: Final = 1
_LENGTH: Final = struct.Struct("<I")
_HEAD_BYTES: Final = 262_144
_CHANNELS: Final = 256
_FAULT_LINES: Final = 1_024
_STEPS_PER_DECIBEL: Final = 2.0
_FLOAT32_MAX: Final = float(np.finfo(np.float32).max)
_WHAT: Final = "evidence package"


def pack_evidence(evidence: Evidence) -> bytes:
    """Return one moment of a machine as a package.

    Numbers in `facts` and `fault_lines` that are not finite become null: evidence must get through.

    Raises:
        RecordError: larger than `limits.EVIDENCE_PACKAGE_BYTES`, or a value that cannot be sent.
    """
    head = {
        "subject": evidence.subject,
        "end_ns": evidence.end_ns,
        "speed_rpm": evidence.speed_rpm,
        "fault_lines": without_infinities([asdict(line) for line in evidence.fault_lines]),
        "facts": without_infinities(dict(evidence.facts)),
        "channels": [_channel_head(channel) for channel in evidence.channels],
    }
    text = format_object(head, _WHAT).encode()
    body = [_LENGTH.pack(len(text)), text]
    for channel in evidence.channels:
        body += (_planes(channel.waveform), _half_decibels(channel.spectrum), _half_decibels(channel.envelope))
    size = sum(len(piece) for piece in body)
    # Piece by piece, each let go of when it is packed: a moment of many channels is megabytes on a small gateway.
    stream = zlib.compressobj(9)
    packed = [_MAGIC, bytes([_VERSION])]
    for place, piece in enumerate(body):
        packed.append(stream.compress(piece))
        body[place] = b""
    packed.append(stream.flush())
    package = b"".join(packed)
    if len(package) > limits.EVIDENCE_PACKAGE_BYTES or size > limits.EVIDENCE_UNPACKED_BYTES:
        raise RecordError(f"{_WHAT} of {len(package)} bytes is too large: shorten the waveform")
    return package


def unpack_evidence(package: bytes) -> Evidence:
    """Return the moment in a package.

    Raises:
        SchemaTooNewError: written by a newer version.
        RecordError: not a package, truncated, or beyond a bound once decompressed.
    """
    if package[:3] != _MAGIC or len(package) < 5 or package[3] == 0:
        raise RecordError(f"{_WHAT}: the first bytes are not ours")
    if package[3] > _VERSION:
        raise SchemaTooNewError(f"{_WHAT} in version {package[3]}: this version reads {_VERSION}")
    body = _decompress(package[4:])
    if len(body) < _LENGTH.size:
        raise RecordError(f"{_WHAT} is truncated")
    (length,) = _LENGTH.unpack_from(body)
    if length > _HEAD_BYTES or length > len(body) - _LENGTH.size:
        raise RecordError(f"{_WHAT}: the head is longer than the package or its bound")
    place = _LENGTH.size + length
    try:
        text = body[_LENGTH.size : place].decode()
    except UnicodeDecodeError:
        raise RecordError(f"{_WHAT}: the head is not UTF-8") from None
    read = Reader(parse_object(text, _HEAD_BYTES, _WHAT), _WHAT)
    channels, place = _channels(read.objects("channels", _CHANNELS), body, place)
    if place != len(body):
        raise RecordError(f"{_WHAT}: {len(body) - place} bytes are left over")
    return Evidence(
        subject=read.text("subject"),
        end_ns=read.integer("end_ns"),
        speed_rpm=read.optional(read.number, "speed_rpm"),
        channels=channels,
        fault_lines=tuple(read_evidence_line(line) for line in read.objects("fault_lines", _FAULT_LINES)),
        facts=read.object("facts"),
    )


def split_evidence(
    package: bytes,
    *,
    asset_id: str,
    machine: str,
    subject: str,
    end_ns: int,
    part_bytes: int = limits.EVIDENCE_PART_BYTES,
) -> tuple[EvidencePart, ...]:
    """Return the parts of a package, each small enough for one payload.

    Args:
        package: from `pack_evidence`.
        asset_id: of the machine.
        machine: Sparkplug device.
        subject: the alarm's id, or `spectrum`.
        end_ns: end of the waveform, UTC.
        part_bytes: of the data of one part, except the last; at most `limits.EVIDENCE_PART_BYTES`.

    Raises:
        RecordError: more parts than `limits.EVIDENCE_PARTS`.
    """
    part_bytes = min(part_bytes, limits.EVIDENCE_PART_BYTES)
    pieces = [package[start : start + part_bytes] for start in range(0, len(package), part_bytes)]
    if len(pieces) > limits.EVIDENCE_PARTS:
        raise RecordError(f"{_WHAT} of {len(pieces)} parts: at most {limits.EVIDENCE_PARTS} are sent")
    digest = hashlib.sha256(package).hexdigest()
    return tuple(
        EvidencePart(asset_id, machine, subject, end_ns, index, len(pieces), digest, data)
        for index, data in enumerate(pieces)
    )


def join_evidence(parts: Iterable[EvidencePart]) -> bytes:
    """Return the package whose parts these are, in any order; a part may come twice.

    Raises:
        RecordError: a part is missing or belongs to another package, or the whole has another SHA-256.
    """
    by_index = {part.index: part for part in parts}
    if not by_index:
        raise RecordError("no part of an evidence package is there")
    first = next(iter(by_index.values()))
    if any((part.digest, part.total) != (first.digest, first.total) for part in by_index.values()):
        raise RecordError("these are parts of different evidence packages")
    missing = [index for index in range(first.total) if index not in by_index]
    if missing or len(by_index) != first.total:
        raise RecordError(f"{len(missing)} of {first.total} parts of an evidence package are missing")
    package = b"".join(by_index[index].data for index in range(first.total))
    if hashlib.sha256(package).hexdigest() != first.digest:
        raise RecordError("an evidence package does not have the SHA-256 that its parts state")
    return package


def _channel_head(channel: EvidenceChannel) -> dict[str, Any]:
    return {
        "name": channel.name,
        "unit": channel.unit,
        "sample_rate_hz": channel.sample_rate_hz,
        "samples": len(channel.waveform),
        "waveform_scale": channel.waveform_scale,
        "spectrum_bins": len(channel.spectrum),
        "spectrum_step_hz": channel.spectrum_step_hz,
        "spectrum_largest": _largest(channel.spectrum),
        "envelope_bins": len(channel.envelope),
        "envelope_step_hz": channel.envelope_step_hz,
        "envelope_largest": _largest(channel.envelope),
    }


def _planes(waveform: NDArray[np.int16]) -> bytes:
    pairs = np.ascontiguousarray(waveform, "<i2").view(np.uint8).reshape(-1, 2)
    return pairs[:, 1].tobytes() + pairs[:, 0].tobytes()


def _largest(spectrum: NDArray[np.float32]) -> float:
    finite = spectrum[np.isfinite(spectrum)]
    return max(float(finite.max()), 0.0) if finite.size else 0.0


def _half_decibels(spectrum: NDArray[np.float32]) -> bytes:
    largest = _largest(spectrum)
    codes = np.zeros(spectrum.shape, np.uint8)
    positive = np.isfinite(spectrum) & (spectrum > 0.0)
    if largest > 0.0:
        decibels = 20.0 * np.log10(spectrum[positive].astype(np.float64) / largest)
        codes[positive] = np.clip(np.rint(255.0 + _STEPS_PER_DECIBEL * decibels), 0, 255).astype(np.uint8)
    return codes.tobytes()


_AMPLITUDES: Final = np.concatenate(
    ([0.0], 10.0 ** ((np.arange(1, 256) - 255.0) / _STEPS_PER_DECIBEL / 20.0)),
)


def _decompress(data: bytes) -> bytes:
    stream = zlib.decompressobj()
    try:
        body = stream.decompress(data, limits.EVIDENCE_UNPACKED_BYTES)
    except zlib.error as error:
        raise RecordError(f"{_WHAT}: {error}") from None
    if not stream.eof or stream.unused_data:
        raise RecordError(f"{_WHAT} is truncated, or larger than {limits.EVIDENCE_UNPACKED_BYTES} bytes")
    return body


def _channels(heads: list[dict[str, Any]], body: bytes, place: int) -> tuple[tuple[EvidenceChannel, ...], int]:
    channels: list[EvidenceChannel] = []
    for head in heads:
        read = Reader(head, f"channel of an {_WHAT}")
        samples, bins, envelope_bins = (read.integer(k) for k in ("samples", "spectrum_bins", "envelope_bins"))
        if place + 2 * samples + bins + envelope_bins > len(body):
            raise RecordError(f"{_WHAT}: a channel states more samples than there are")
        planes = np.frombuffer(body, np.uint8, 2 * samples, place).reshape(2, samples)
        waveform = np.ascontiguousarray(planes[::-1].T).view("<i2").reshape(samples).astype(np.int16)
        place += 2 * samples
        spectra = []
        for count, largest in ((bins, "spectrum_largest"), (envelope_bins, "envelope_largest")):
            codes = np.frombuffer(body, np.uint8, count, place)
            spectra.append((_AMPLITUDES[codes] * min(read.number(largest), _FLOAT32_MAX)).astype(np.float32))
            place += count
        channels.append(
            EvidenceChannel(
                name=read.text("name", 256),
                unit=read.text("unit", 64),
                sample_rate_hz=read.number("sample_rate_hz"),
                waveform=waveform,
                waveform_scale=read.number("waveform_scale"),
                spectrum=spectra[0],
                spectrum_step_hz=read.number("spectrum_step_hz"),
                envelope=spectra[1],
                envelope_step_hz=read.number("envelope_step_hz"),
            )
        )
    return tuple(channels), place
