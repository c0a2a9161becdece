"""What a starting cloud does about people: the automatic one of a demo is made, or the way to a first admin is said."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from cloud.book.accounts import ensure_automatic, somebody_can_sign_in

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy import Engine

    from cloud.http_settings import HttpSettings

ADVICE: Final = (
    "nobody can sign in yet, so every request is refused; add the first admin:"
    " plantpulse cloud users add NAME --role admin --config TOML"
)


def receive_people(engine: Engine, settings: HttpSettings, at_ms: int, say: Callable[[str], None]) -> None:
    """Make sure that somebody can come in, or say how.

    Raises:
        ConflictError: the automatic name belongs to somebody.
        StoreError: the book does not answer.
    """
    if settings.signed_in_as is not None:
        ensure_automatic(engine, settings.signed_in_as, at_ms)
        say(f"everybody on this machine is signed in automatically as {settings.signed_in_as} (http.signed_in_as)")
    elif not somebody_can_sign_in(engine):
        say(ADVICE)
