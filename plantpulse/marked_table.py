"""Tables that commands write between two markers of a page, so that nobody types a measured number."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from models.contract.errors import InputError

if TYPE_CHECKING:
    from pathlib import Path


class Markers(NamedTuple):
    """The lines before and after a table."""

    begin: str
    end: str


def put_into(page: Path, markers: Markers, table: str) -> None:
    """Replace what stands between the markers of a page by the table.

    Raises:
        InputError: the page cannot be read, or has no such markers.
    """
    try:
        text = page.read_text(encoding="utf-8")
    except OSError as error:
        raise InputError(f"{page}: cannot be read ({error.strerror}); name the page with the markers") from error
    before, begin, rest = text.partition(markers.begin)
    _, end, after = rest.partition(markers.end)
    if not (begin and end):
        raise InputError(
            f"{page}: the lines {markers.begin} and {markers.end} are missing: put them where the table belongs"
        )
    page.write_text(f"{before}{markers.begin}\n{table}\n{markers.end}{after}", encoding="utf-8")
