"""`plantpulse cloud keys`: who may sign what gateways take, from the machine that the cloud runs on.

Works beside a running cloud. Keys of root and targets are on sticks: a command that needs them is told the folder or
the file, as often as there are sticks. A passphrase comes from a file, never from an argument.
"""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from models.contract.errors import InputError, UpdateNameError

if TYPE_CHECKING:
    import argparse

    from cloud.configuration import CloudSettings
    from cloud.updates.key_files import PrivateKey
    from cloud.updates.metadata import Document
    from cloud.updates.repository import InForce, UpdateRepository

EXAMPLE = """example:
  plantpulse cloud keys init --offline /media/stick-1 --config cloud.toml
  plantpulse cloud keys add-class gateway-models pump --offline /media/stick-1 --config cloud.toml
  plantpulse cloud keys status --config cloud.toml
"""

ACTIONS: Final = {
    "init": "the key ceremony: make keys and an empty repository",
    "status": "versions, ends and thresholds of every role; exit code 1 if one has ended",
    "add-class": "let a key sign for a class, board or group from now on",
    "rotate": "give a role other keys; signatures by the old ones are worth nothing afterwards",
    "renew": "sign again what has less than half of its life left, as far as keys are at hand",
}
SOON_DAYS: Final = {"root": 60.0, "targets": 60.0}
"""When people who have to fetch keys from a safe want to know."""
DAY_S: Final = 86_400.0


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the sub-commands."""
    parser.epilog = EXAMPLE
    actions = parser.add_subparsers(dest="keys_action", metavar="ACTION", required=True)
    for name, text in ACTIONS.items():
        action = actions.add_parser(name, help=text, description=text[0].upper() + text[1:] + ".")
        if name == "add-class":
            action.add_argument("purpose", help="gateway-models, node-models, node-firmware or configurations")
            action.add_argument("owner", metavar="CLASS", help="machine class, board or group")
            action.add_argument(
                "--offline-key", type=Path, metavar="FILE", help="keep its key in this file, made if missing"
            )
        if name == "rotate":
            action.add_argument("role", help="root, targets, snapshot, timestamp or PURPOSE/CLASS")
            action.add_argument("--into", type=Path, metavar="DIR", help="where new keys go that are kept offline")
        if name in {"init", "rotate"}:
            is_new = name == "init"
            action.add_argument("--root-keys", type=int, default=3 if is_new else None, metavar="N", help="how many")
            action.add_argument(
                "--threshold", type=int, default=2 if is_new else None, metavar="N", help="how many must sign"
            )
        if name == "init":
            action.add_argument(
                "--offline", type=Path, required=True, metavar="DIR", help="empty folder for the keys of root, targets"
            )
        elif name != "status":
            action.add_argument(
                "--offline",
                type=Path,
                action="append",
                default=[],
                metavar="DIR",
                help="folder or file with keys from the safe; may repeat",
            )
        if name != "status":
            action.add_argument(
                "--passphrase-file", type=Path, metavar="FILE", help="its first line encrypts the offline keys"
            )
        action.add_argument("--config", type=Path, required=True, metavar="TOML", help="the cloud's configuration")
        action.add_argument("--json", action="store_true", help="one JSON document on standard output")


def run(settings: CloudSettings, arguments: argparse.Namespace) -> int:
    """Run one sub-command and return its exit code."""
    from cloud.errors import ConflictError, NotFoundError
    from cloud.updates.repository import UpdateRepository
    from cloud.updates.settings import UPDATES

    repository = UpdateRepository(settings.cloud.data_dir / UPDATES, settings.updates)
    now = datetime.now(UTC)
    try:
        if arguments.keys_action == "status":
            return _status(repository, now, as_json=arguments.json)
        document, sentence = _change(repository, arguments, now)
    except (UpdateNameError, NotFoundError, ConflictError) as error:
        raise InputError(str(error)) from error
    print(json.dumps(document) if arguments.json else sentence)
    return 0


def _change(repository: UpdateRepository, arguments: argparse.Namespace, now: datetime) -> tuple[dict[str, Any], str]:
    from cloud.updates.ceremony import add_class, make_repository, rotate
    from cloud.updates.key_files import read_keys, read_passphrase
    from models.contract.update_names import UpdateRole

    passphrase = read_passphrase(arguments.passphrase_file)
    if arguments.keys_action == "init":
        root = make_repository(
            repository,
            arguments.offline,
            now,
            root_keys=arguments.root_keys,
            threshold=arguments.threshold,
            passphrase=passphrase,
        )
        path = repository.directory / "metadata" / root.file_name
        said = f"keys of root and targets are in {arguments.offline}: bring them to the safe, in parts"
        return {"root": str(path), "offline": str(arguments.offline)}, f"{said}; gateways are installed with {path}"
    keys = [key for place in arguments.offline for key in read_keys(place, passphrase)]
    match arguments.keys_action:
        case "add-class":
            role = UpdateRole.of(arguments.purpose, arguments.owner)
            own = _own_key(arguments.offline_key, passphrase)
            add_class(repository, role, keys, now, own=own)
            where = "kept online" if own is None else f"in {arguments.offline_key}"
            return {"role": role.name, "path": role.path}, f"{role.path} may be signed from now on; its key is {where}"
        case "rotate":
            rotate(
                repository,
                arguments.role,
                keys,
                now,
                into=arguments.into,
                passphrase=passphrase,
                root_keys=arguments.root_keys,
                threshold=arguments.threshold,
            )
            return {"rotated": arguments.role}, f"{arguments.role} has other keys from now on"
        case _:
            renewed = repository.renew(now, keys)
            return {
                "renewed": renewed
            }, f"signed again: {', '.join(renewed) or 'nothing, all of it is good for longer'}"


def _own_key(path: Path | None, passphrase: bytes | None) -> PrivateKey | None:
    """Return the key in a file, a new one where there is no file yet."""
    from cloud.updates.key_files import new_key, read_key, write_key

    if path is None:
        return None
    if path.exists():
        return read_key(path, passphrase)
    key = new_key()
    write_key(path, key, passphrase)
    return key


def _status(repository: UpdateRepository, now: datetime, *, as_json: bool) -> int:
    from cloud.updates.metadata import key_id

    state = repository.in_force()
    online = {key_id(key) for key in repository.online_keys()}
    rows = [_row(one, state, online, now) for one in state.documents]
    ended = [row["role"] for row in rows if row["expires_in_days"] <= 0]
    if as_json:
        print(json.dumps({"ok": not ended, "roles": rows}))
    else:
        for row in rows:
            print(
                f"{row['role']:<32} version {row['version']:<6} {row['threshold']} of {row['keys']} keys,"
                f" {'online' if row['online'] else 'offline':<8} ends in {row['expires_in_days']:.1f} days"
            )
    for row in rows:
        if row["expires_in_days"] <= SOON_DAYS.get(row["role"], 0.0):
            print(
                f"plantpulse cloud: {row['role']} ends in {row['expires_in_days']:.1f} days:"
                " plantpulse cloud keys renew --offline DIR",
                file=sys.stderr,
            )
    return 1 if ended else 0


def _row(one: Document, state: InForce, online: set[str], now: datetime) -> dict[str, Any]:
    authority = state.authorities[one.role]
    return {
        "role": one.role,
        "version": one.version,
        "expires": one.expires.isoformat(),
        "expires_in_days": round((one.expires - now).total_seconds() / DAY_S, 2),
        "threshold": authority.threshold,
        "keys": len(authority.key_ids),
        "key_ids": [key[:8] for key in authority.key_ids],
        "online": len(online & set(authority.key_ids)) >= authority.threshold,
    }
