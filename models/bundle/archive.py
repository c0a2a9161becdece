"""Bundle ↔ bytes: an uncompressed zip with a manifest and the parts it names; the same bundle gives the same bytes.

Reading is pure and bounded, in this order: size, zip structure (stored entries of known names, nothing hidden between
them), the manifest's JSON and schema number, every part's length and SHA-256, and at last the whole is written again:
what does not give the very same bytes is damaged, wherever the damage is. Nothing is run and nothing goes to a disk.

Source: PKWARE APPNOTE 6.3.9 (zip); RFC 8785 (canonical JSON).
"""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from pydantic import ValidationError

from models.bundle.errors import BundleError, BundleTooNewError, DamagedBundleError
from models.bundle.manifest import SCHEMA, File, Manifest
from models.state_bytes import StateError, pack, unpack

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    from numpy.typing import NDArray

MAX_BYTES: Final = 4 << 20
"""The networks of a gateway are kilobytes; a fingerprint of many channels a few hundred of them."""
MANIFEST: Final = "manifest.json"
NETWORK: Final = "network.tflite"
DETECTOR: Final = "detector.bin"
FINGERPRINT: Final = "fingerprint.bin"
GOLDEN: Final = "golden.bin"
PARTS: Final = (NETWORK, DETECTOR, FINGERPRINT, GOLDEN)
"""Every part there may be; a golden one there must be."""
_GOLDEN_VERSION: Final = 1
_TIME: Final = (1980, 1, 1, 0, 0, 0)
"""Zip knows no earlier one: the bytes must not depend on when they were made."""


@dataclass(frozen=True, slots=True)
class GoldenVectors:
    """Inputs with known answers: what a gateway must reproduce before a model judges anything.

    Attributes:
        rows: inputs of the network, float32 (n, inputs); None without a network.
        answers: its outputs, float32 (n, outputs).
        vectors: inputs of the fitted detector, float32 (n, d); None without one.
        scores: of the vectors, float32 (n,).
    """

    rows: NDArray[np.float32] | None = None
    answers: NDArray[np.float32] | None = None
    vectors: NDArray[np.float32] | None = None
    scores: NDArray[np.float32] | None = None

    def to_bytes(self) -> bytes:
        """Return them as bytes."""
        named = {name: getattr(self, name) for name in ("rows", "answers", "vectors", "scores")}
        arrays = {name: array for name, array in named.items() if array is not None}
        return pack("golden", _GOLDEN_VERSION, {}, arrays)


@dataclass(frozen=True, slots=True)
class Bundle:
    """A whole and undamaged bundle.

    Attributes:
        manifest: what it says about itself.
        parts: by name, those of `PARTS` that are there.
        sha256: of the bytes it was read from, hex.
        size_bytes: of them.
    """

    manifest: Manifest
    parts: Mapping[str, bytes]
    sha256: str
    size_bytes: int

    def golden(self) -> GoldenVectors:
        """Return the golden vectors.

        Raises:
            DamagedBundleError: the part cannot be read.
        """
        try:
            return GoldenVectors(**unpack(self.parts[GOLDEN], "golden", _GOLDEN_VERSION).arrays)
        except (KeyError, TypeError, StateError) as error:
            raise DamagedBundleError(f"bundle {self.manifest.label}: no golden vectors can be read ({error})") from None


def write_bundle(manifest: Manifest, parts: Mapping[str, bytes]) -> bytes:
    """Return the bytes of a bundle.

    Args:
        manifest: its `files` are made anew.
        parts: by name, from `PARTS`.

    Raises:
        ValueError: a part of another name, or no golden vectors.
    """
    unknown = set(parts) - set(PARTS)
    if unknown or GOLDEN not in parts:
        raise ValueError(f"parts {sorted(parts)}: choose from {', '.join(PARTS)}, {GOLDEN} must be there")
    files = {name: File(bytes=len(data), sha256=hashlib.sha256(data).hexdigest()) for name, data in parts.items()}
    stated = manifest.model_copy(update={"files": files})
    return _zipped({MANIFEST: canonical_json(stated.model_dump(mode="json", by_alias=True)), **parts})


def read_bundle(data: bytes) -> Bundle:
    """Return the bundle that these bytes are.

    Raises:
        DamagedBundleError: they are none, or not those that were written.
        BundleTooNewError: of a newer schema.
    """
    if len(data) > MAX_BYTES:
        raise DamagedBundleError(f"{len(data)} bytes are no bundle: the largest has {MAX_BYTES}")
    entries = _entries(data)
    if MANIFEST not in entries:
        raise DamagedBundleError(f"no bundle: there is no {MANIFEST} in it")
    manifest = _manifest(entries[MANIFEST])
    parts = {name: content for name, content in entries.items() if name != MANIFEST}
    if set(parts) != set(manifest.files):
        raise DamagedBundleError(
            f"bundle {manifest.label}: holds {', '.join(sorted(parts))}, states {', '.join(sorted(manifest.files))}"
        )
    for name, content in parts.items():
        stated = manifest.files[name]
        if (len(content), hashlib.sha256(content).hexdigest()) != (stated.bytes, stated.sha256):
            raise DamagedBundleError(f"bundle {manifest.label}: {name} is not what was written")
    if _zipped(entries) != data:
        raise DamagedBundleError(f"bundle {manifest.label}: there is more in the file than the bundle")
    return Bundle(manifest, parts, hashlib.sha256(data).hexdigest(), len(data))


def canonical_json(document: Any) -> bytes:
    """Return the one way to write this document; only who makes bundles needs this: readers compare bytes.

    Raises:
        BundleError: the extra `train` is not installed.
    """
    try:
        import rfc8785
    except ImportError as error:
        raise BundleError(
            f"writing a bundle needs {error.name}; install the extra: pip install 'plantpulse[train]'"
        ) from error
    return rfc8785.dumps(document)


def _zipped(entries: Mapping[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name in sorted(entries):
            entry = zipfile.ZipInfo(name, _TIME)
            # Else it would differ by the system it was written on.
            entry.create_system, entry.external_attr = 3, 0o100644 << 16
            archive.writestr(entry, entries[name])
    return buffer.getvalue()


def _entries(data: bytes) -> dict[str, bytes]:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            found = archive.infolist()
            names = [entry.filename for entry in found]
            known = {MANIFEST, *PARTS}
            if len(set(names)) < len(names) or not set(names) <= known:
                raise DamagedBundleError(f"no bundle: {len(names)} entries, and not those of a bundle")
            if any(entry.compress_type != zipfile.ZIP_STORED or entry.file_size > len(data) for entry in found):
                raise DamagedBundleError("no bundle: its parts must be stored as they are")
            return {entry.filename: archive.read(entry) for entry in found}
    except (zipfile.BadZipFile, zipfile.LargeZipFile, NotImplementedError, RuntimeError, ValueError, OSError) as error:
        raise DamagedBundleError(f"no bundle, or a damaged one ({error})") from None
    except (EOFError, IndexError, OverflowError) as error:
        raise DamagedBundleError(f"no bundle, or a damaged one ({type(error).__name__})") from None


def _manifest(text: bytes) -> Manifest:
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise DamagedBundleError(f"bundle: its {MANIFEST} is no JSON ({error})") from None
    schema = document.get("schema") if isinstance(document, dict) else None
    if isinstance(schema, int) and not isinstance(schema, bool) and schema > SCHEMA:
        raise BundleTooNewError(f"bundle of schema {schema}: this version reads up to {SCHEMA}; upgrade it first")
    try:
        return Manifest.model_validate_json(text)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise DamagedBundleError(f"bundle: its {MANIFEST} cannot be used: {where}: {first['msg']}") from None
