"""Where the book is: a file in the cloud's own directory, or a database on a PostgreSQL server.

    [book]
    url = "postgresql://plantpulse@db.example:5432/plantpulse?sslmode=verify-full&sslrootcert=/etc/plantpulse/ca.pem"
    password_file = "/etc/plantpulse/book.password"     # or the environment: PLANTPULSE_BOOK_PASSWORD

Addresses are those of PostgreSQL's own programs; of their parameters `host` (a directory: Unix socket), `sslmode` and
`sslrootcert` are known. A password is taken from the file, else from the environment, else from the address, and is
never printed: an address that is shown has none.
"""

from __future__ import annotations

import os
from pathlib import Path  # noqa: TC003 - pydantic reads it
from typing import Annotated, Final

from pydantic import AfterValidator, BaseModel, ConfigDict
from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from models.contract.errors import ConfigurationError
from models.contract.strict_toml import nearest

PASSWORD_VARIABLE: Final = "PLANTPULSE_BOOK_PASSWORD"  # noqa: S105 - its name, not its value
SCHEMES: Final = ("postgresql", "postgres", "postgresql+pg8000")
PARAMETERS: Final = ("host", "sslmode", "sslrootcert")
SSL_MODES: Final = ("disable", "prefer", "require", "verify-ca", "verify-full")
PASSWORD_BYTES: Final = 4_096
"""Longer than any password; a file that is larger is another file."""


def _allowed_url(text: str) -> str:
    """Return an address that can be used; a complaint never repeats it, because a password may be in it."""
    form = "give postgresql://user@host:port/database"
    try:
        url = make_url(text)
    except (ArgumentError, ValueError):
        raise ValueError(f"cannot be read as an address: {form}, the password in password_file") from None
    if url.drivername not in SCHEMES:
        raise ValueError(f"is no address of a PostgreSQL database: {form}; leave it out for a file in cloud.data_dir")
    if not url.database:
        raise ValueError(f"names no database: {form}")
    for name in url.query:
        if name not in PARAMETERS:
            raise ValueError(f"has an unknown parameter {name!r}{nearest(name, PARAMETERS)}")
    mode = url.query.get("sslmode", "prefer")
    if mode not in SSL_MODES:
        raise ValueError(f"has an unknown sslmode: known are {', '.join(SSL_MODES)}")
    return text


class BookSettings(BaseModel):
    """Where the book is.

    Attributes:
        url: address of a PostgreSQL database; None for a SQLite file in ``cloud.data_dir``.
        password_file: holds the password and nothing else but a line's end.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    url: Annotated[str, AfterValidator(_allowed_url)] | None = None
    password_file: Path | None = None


def book_address(settings: BookSettings, directory: Path) -> URL:
    """Return the address of the book with its password; show `shown(...)` of it, never itself.

    Args:
        settings: what was configured.
        directory: of the stores; a book without a server is made inside.

    Raises:
        ConfigurationError: the password file cannot be read.
    """
    if settings.url is None:
        return URL.create("sqlite", database=str(directory / "book.sqlite"))
    url = make_url(settings.url).set(drivername="postgresql")
    if settings.password_file is not None:
        return url.set(password=_password(settings.password_file))
    return url.set(password=os.environ.get(PASSWORD_VARIABLE) or url.password)


def shown(url: URL) -> str:
    """Return an address as people may see it.

    >>> shown(make_url("postgresql://plant:secret@db:5432/book?sslmode=require"))
    'postgresql://plant@db:5432/book?sslmode=require'
    """
    return url._replace(drivername=url.get_backend_name(), password=None).render_as_string()


def _password(path: Path) -> str:
    try:
        with path.expanduser().open("rb") as file:
            data = file.read(PASSWORD_BYTES + 1)
        text = data.decode()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8"
        raise ConfigurationError(f"book.password_file {path}: cannot be read ({reason})") from None
    password = text.rstrip("\r\n")
    if not password or len(data) > PASSWORD_BYTES or "\n" in password:
        raise ConfigurationError(f"book.password_file {path}: must hold one line, the password")
    return password
