"""`plantpulse models inspect`: what a bundle is, what it was learnt from, and whether it answers here as it should."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from models.bundle.archive import DETECTOR, MAX_BYTES, NETWORK, read_bundle
from models.bundle.errors import BundleError
from models.contract.errors import InputError

if TYPE_CHECKING:
    import argparse

    from models.bundle.archive import Bundle


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.epilog = "Example: plantpulse models inspect pump.bundle"
    parser.add_argument("bundle", metavar="BUNDLE", type=Path)
    parser.add_argument("--json", action="store_true", help="one JSON document on standard output")


def run(arguments: argparse.Namespace) -> int:
    """Read, check and describe; exit code 2 for what is no bundle."""
    bundle = read_file(arguments.bundle)
    answers = _golden_answers(bundle)
    if arguments.json:
        print(json.dumps(described(bundle) | {"golden": answers}))
    else:
        print(_shown(bundle, answers))
    return 0


def read_file(path: Path) -> Bundle:
    """Return the bundle in a file.

    Raises:
        InputError: no such file, or it is no bundle or a damaged one.
    """
    try:
        size = path.stat().st_size
        if size > MAX_BYTES:
            raise InputError(f"{path}: {size:,} bytes are no bundle: the largest has {MAX_BYTES:,}")
        data = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}): give a file of plantpulse models fit") from error
    try:
        return read_bundle(data)
    except BundleError as error:
        raise InputError(f"{path}: {error}") from None


def described(bundle: Bundle) -> dict[str, Any]:
    """Return what `--json` prints; the keys are those of the manifest."""
    stated = bundle.manifest.model_dump(mode="json", by_alias=True)
    return {"sha256": bundle.sha256, "bytes": bundle.size_bytes, **stated}


def _golden_answers(bundle: Bundle) -> str:
    """Return in words whether the golden vectors give the known answers here."""
    from models.detectors.fitted import check_golden, fitted_of, network_of
    from models.runtimes.errors import NetworkError, RuntimeMissingError

    try:
        network = network_of(bundle)
        check_golden(bundle, network, fitted_of(bundle, network))
    except (BundleError, NetworkError, RuntimeMissingError) as error:
        return str(error)
    return f"{bundle.manifest.golden.rows} known answers reproduced"


def _shown(bundle: Bundle, answers: str) -> str:
    manifest = bundle.manifest
    features, network = manifest.features, manifest.network
    rate = "rows as they come" if features.sample_rate_hz is None else f"{features.sample_rate_hz:g} Hz"
    window = "" if features.window_samples == 1 else f", windows of {features.window_samples} samples"
    lines = [
        f"{manifest.label}  {manifest.name}, {bundle.size_bytes:,} bytes, sha256 {bundle.sha256[:16]}…",
        f"  judges    {manifest.kind}: {', '.join(one.name for one in manifest.channels) or 'any channels'}",
        f"  at        {rate}{window}; {len(features.names)} features a channel, hash {features.hash}",
        f"  by        {', '.join(manifest.detectors)}"
        + ("" if DETECTOR in bundle.parts else "; each gateway fits its own"),
    ]
    if network is not None and NETWORK in bundle.parts:
        lines.append(
            f"  network   {network.precision}, {network.bytes:,} bytes; weights {network.weight_bytes:,} bytes,"
            f" as float32 {network.float_weight_bytes:,}"
        )
    training = manifest.training
    lines.append(
        f"  learnt    {sum(one.windows for one in training.data):,} windows of {len(training.data)} files, seed"
        f" {training.seed}, by {training.made_by}"
    )
    lines += [
        f"  {metric.name}: {'not measured' if metric.value is None else f'{metric.value:.4g}'}"
        f"{'' if metric.unit == '1' else f' {metric.unit}'}, on {metric.on}"
        for metric in manifest.metrics
    ]
    return "\n".join([*lines, f"  golden    {answers}"])
