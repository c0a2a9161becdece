"""`plantpulse cloud users`: who may sign in, from the machine that the cloud runs on.

Works beside a running cloud, which knows of a change with the next request. A password is asked for without an echo,
or read from standard input where that is no terminal; never from an argument, which everybody on the machine could
read. In the audit log it is the operating system's user who did it.
"""

from __future__ import annotations

import getpass
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from models.contract.errors import InputError
from plantpulse.cloud_commands.opened_book import doing as doing_now
from plantpulse.cloud_commands.opened_book import opened_book

if TYPE_CHECKING:
    import argparse

    from cloud.book.user_tables import Account
    from cloud.configuration import CloudSettings
    from cloud.permissions import Grants

EXAMPLE = """example:
  plantpulse cloud users add "A. Keller" --role technician --site press-shop --config cloud.toml
  plantpulse cloud users list --config cloud.toml
"""

ACTIONS = {
    "list": "everybody, with roles and last sign-in",
    "add": "add a user; asks for the password",
    "role": "give a user another role; their sessions end",
    "password": "give a user another password; their sessions end",
    "disable": "keep a user out; sessions end, tokens rest",
    "enable": "let a user in again",
    "remove": "remove a user with their tokens; the audit log keeps what they did",
}


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the sub-commands."""
    parser.epilog = EXAMPLE
    actions = parser.add_subparsers(dest="users_action", metavar="ACTION", required=True)
    for name, text in ACTIONS.items():
        action = actions.add_parser(name, help=text, description=text[0].upper() + text[1:] + ".")
        if name != "list":
            action.add_argument("name", metavar="NAME", help="as it stands on alarms and in the audit log")
        if name in {"add", "role"}:
            action.add_argument(
                "--role", required=True, metavar="ROLE", help="viewer, technician, engineer, ops or admin"
            )
            action.add_argument(
                "--site",
                action="append",
                metavar="SITE",
                help="only at this site (a Sparkplug group); may repeat; without it everywhere",
            )
        if name == "role":
            action.add_argument("--add", action="store_true", help="keep the roles at other sites")
        action.add_argument("--config", type=Path, required=True, metavar="TOML", help="the cloud's configuration")
        action.add_argument("--json", action="store_true", help="one JSON document on standard output")


def run(settings: CloudSettings, arguments: argparse.Namespace) -> int:
    """Run one sub-command and return its exit code."""
    from cloud.book import accounts
    from cloud.errors import RequestError

    if arguments.users_action == "list":
        with opened_book(settings) as engine:
            rows = [_document(row) for row in accounts.accounts(engine)]
        _tell(arguments, {"users": rows}, _table(rows))
        return 0
    try:
        document = _change(settings, arguments)
    except RequestError as error:
        raise InputError(str(error)) from error
    _tell(arguments, document, _done(arguments))
    return 0


def _change(settings: CloudSettings, arguments: argparse.Namespace) -> dict[str, Any]:
    from cloud.book import accounts
    from cloud.passwords import Passwords

    name, action = arguments.name, arguments.users_action
    # Asked for before anything is opened: nobody else waits while somebody types.
    grants = _grants(arguments) if action in {"add", "role"} else {}
    password = _password(name) if action in {"add", "password"} else None
    doing = doing_now()
    with opened_book(settings) as engine:
        match action:
            case "add":
                return _document(accounts.add_account(engine, Passwords(), doing, name, password, grants=grants))
            case "role":
                before = accounts.grants_of(accounts.account(engine, name)) if arguments.add else {}
                return _document(accounts.set_roles(engine, name, {**before, **grants}, doing))
            case "password":
                accounts.set_password(engine, Passwords(), name, password or "", doing)
            case "remove":
                accounts.remove_account(engine, name, doing)
                return {"removed": name}
            case _:
                accounts.set_disabled(engine, name, doing, disabled=action == "disable")
        return _document(accounts.account(engine, name))


def _grants(arguments: argparse.Namespace) -> Grants:
    from cloud.permissions import EVERYWHERE, Role
    from models.contract.strict_toml import nearest

    if arguments.role not in Role.__members__.values():
        raise InputError(f"--role {arguments.role!r} is none{nearest(arguments.role, [role.value for role in Role])}")
    return dict.fromkeys(arguments.site or [EVERYWHERE], Role(arguments.role))


def _password(name: str) -> str:
    """Return a password that was typed twice, or one line of standard input.

    Raises:
        InputError: nothing was typed, or not the same twice.
    """
    from cloud.passwords import check

    if not sys.stdin.isatty():
        password = sys.stdin.readline().rstrip("\r\n")
    else:
        password = getpass.getpass(f"Password of {name}: ")
        if password and getpass.getpass("Once more: ") != password:
            raise InputError("the two passwords differ: nothing was changed")
    if not password:
        raise InputError("no password given: type one, or send it on standard input")
    check(password)
    return password


def _document(row: Account) -> dict[str, Any]:
    return {
        "name": row.name,
        "roles": dict(row.grants),
        "disabled": row.disabled,
        "can_sign_in": row.password_hash is not None and not row.disabled,
        "last_sign_in_ms": row.signed_in_ms,
    }


def _roles(document: dict[str, Any]) -> str:
    return ", ".join(role if site == "*" else f"{role} at {site}" for site, role in document["roles"].items())


def _table(rows: list[dict[str, Any]]) -> str:
    if not rows:
        return "nobody yet: plantpulse cloud users add NAME --role admin --config TOML"
    width = max(len(row["name"]) for row in rows)
    notes = [" (disabled)" if row["disabled"] else "" if row["can_sign_in"] else " (no password)" for row in rows]
    return "\n".join(f"{row['name']:<{width}}  {_roles(row)}{note}" for row, note in zip(rows, notes, strict=True))


def _done(arguments: argparse.Namespace) -> str:
    words = {
        "add": "added",
        "role": "has another role",
        "password": "has another password",
        "disable": "is kept out",
        "enable": "may sign in again",
        "remove": "removed",
    }
    return f"{arguments.name}: {words[arguments.users_action]}"


def _tell(arguments: argparse.Namespace, document: dict[str, Any], text: str) -> None:
    print(json.dumps(document) if arguments.json else text)
