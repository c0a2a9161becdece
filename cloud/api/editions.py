"""Nobody's change is lost: what was looked at has an edition, sent as its ETag and given back with a change.

Source: RFC 9110, section 8.8.3 and 13.1.1.
"""

from typing import Annotated

from fastapi import Header, Response

from cloud.errors import EditionError, RequestError

IfMatch = Annotated[str | None, Header(alias="If-Match", description="ETag of what was looked at")]


def tag(response: Response, edition: int) -> None:
    """Send an edition with an answer."""
    response.headers["ETag"] = f'"{edition}"'


def edition_in(if_match: str | None, resource: str) -> int:
    """Return the edition that somebody has looked at.

    Args:
        if_match: the header.
        resource: where its ETag is had, for people.

    Raises:
        RequestError: there is no header.
        EditionError: it holds no ETag of ours.
    """
    if if_match is None:
        raise RequestError(f"If-Match: give the ETag of {resource}, so that nobody's change is lost")
    edition = if_match.strip().removeprefix("W/").strip('"')
    if not (edition.isascii() and edition.isdigit()):
        raise EditionError(f"If-Match: this is no ETag of {resource}")
    return int(edition)
