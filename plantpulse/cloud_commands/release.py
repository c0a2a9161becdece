"""`plantpulse cloud release`: a bundle becomes a version that gateways can get, signed and published.

Works beside a running cloud. Where the key of the class is kept in a safe, it is brought along.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from models.contract.errors import InputError
from plantpulse.cloud_commands.opened_book import doing, opened_book

if TYPE_CHECKING:
    import argparse

    from cloud.configuration import CloudSettings

EXAMPLE = """example:
  plantpulse cloud release pump.bundle --config cloud.toml
  plantpulse cloud rollout start pump 1.4.0 --config cloud.toml

where a person has to approve (--for-approval), the first call registers the bundle, and after
plantpulse cloud models approve CLASS VERSION the same call once more releases it
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.epilog = EXAMPLE
    parser.add_argument("bundle", type=Path, metavar="BUNDLE", help="made by plantpulse models fit")
    parser.add_argument("--for-approval", action="store_true", help="register it, and let somebody else approve it")
    parser.add_argument(
        "--offline", type=Path, action="append", default=[], metavar="DIR", help="folder or file with the class's key"
    )
    parser.add_argument("--passphrase-file", type=Path, metavar="FILE", help="its first line opens that key")
    parser.add_argument("--config", type=Path, required=True, metavar="TOML", help="the cloud's configuration")
    parser.add_argument("--json", action="store_true", help="one JSON document on standard output")


def run(settings: CloudSettings, arguments: argparse.Namespace) -> int:
    """Register and release a bundle, and return the exit code."""
    from cloud.registry import VersionState
    from cloud.release import release, take_bundle
    from cloud.updates.key_files import read_keys, read_passphrase
    from cloud.updates.repository import UpdateRepository
    from cloud.updates.settings import UPDATES

    try:
        data = arguments.bundle.read_bytes()
    except OSError as error:
        raise InputError(f"{arguments.bundle}: cannot be read ({error.strerror})") from error
    passphrase = read_passphrase(arguments.passphrase_file)
    keys = tuple(key for path in arguments.offline for key in read_keys(path, passphrase))
    with opened_book(settings) as engine:
        directory = settings.cloud.data_dir
        row = take_bundle(engine, directory, data, doing(), by_person=arguments.for_approval)
        if row.state != VersionState.CANDIDATE:
            repository = UpdateRepository(directory / UPDATES, settings.updates)
            row = release(engine, directory, repository, row.id, doing(), keys=keys)
    if arguments.json:
        told = {"id": row.id, "class": row.machine_class, "version": row.version, "state": row.state}
        print(json.dumps(told | {"target": row.target_name, "sha256": row.sha256}))
    elif row.state == VersionState.CANDIDATE:
        print(f"{row.machine_class} {row.version}: registered; approve it with plantpulse cloud models approve")
    else:
        print(f"{row.machine_class} {row.version}: {row.state} as {row.target_name}")
    return 0
