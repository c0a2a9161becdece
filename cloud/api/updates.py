"""`/updates/metadata/…` and `/updates/targets/…`: what is signed for gateways, byte for byte as it is on disk.

Open to everybody: it holds no secret, and who fetches it believes the signatures and not us. Names are of exactly the
forms that `cloud.updates.repository` writes, so nothing beside those two folders can be asked for, keys least of all.
Targets can be fetched in parts: a gateway on a bad line goes on where it was cut off.
"""

import hashlib
import re
import stat
from pathlib import Path
from typing import Annotated, Final

from fastapi import APIRouter, Header, Response
from fastapi.responses import FileResponse

from cloud.api.context import ApiContext, Context
from cloud.api.guard import permission
from cloud.errors import NotFoundError

router = APIRouter(prefix="/updates", tags=["updates"])

METADATA: Final = re.compile(r"(?:timestamp|[1-9][0-9]{0,9}\.[a-z][A-Za-z0-9_=.-]{0,160})\.json")
TARGET: Final = re.compile(r"[a-z-]{1,40}/[A-Za-z0-9_=-]{1,100}/([0-9a-f]{64})\.[A-Za-z0-9][A-Za-z0-9_.=-]{0,160}")
MOST_METADATA_BYTES: Final = 8 * 2**20
"""Gateways take 5 MB at most."""

STAYS: Final = "public, max-age=31536000, immutable"
CHANGES: Final = "no-cache"


class _Target(FileResponse):
    max_ranges = 1  # who asks for several parts at once gets all of it


Known = Annotated[str | None, Header(alias="If-None-Match")]


@router.get("/metadata/{name}", response_class=Response)
@permission(None)
def read_metadata(context: Context, name: str, known: Known = None) -> Response:
    """Return one file of signed metadata."""
    path = _file(context, "metadata", name if METADATA.fullmatch(name) else None, name)
    # Read at once: the timestamp is replaced while others read it.
    with path.open("rb") as file:
        data = file.read(MOST_METADATA_BYTES + 1)
    if len(data) > MOST_METADATA_BYTES:
        raise NotFoundError("metadata of a size that gateways take:", name)
    headers = {
        "ETag": f'"{hashlib.sha256(data).hexdigest()}"',
        "Cache-Control": CHANGES if name == "timestamp.json" else STAYS,
    }
    if _is_known(known, headers["ETag"]):
        return Response(status_code=304, headers=headers)
    return Response(data, media_type="application/json", headers=headers)


@router.get("/targets/{path:path}", response_class=Response)
@permission(None)
def read_target(context: Context, path: str, known: Known = None) -> Response:
    """Return one signed file, or the part of it that a Range header asks for."""
    match = TARGET.fullmatch(path)
    file = _file(context, "targets", path if match else None, path)
    headers = {"ETag": f'"{match[1] if match else ""}"', "Cache-Control": STAYS}
    if _is_known(known, headers["ETag"]):
        return Response(status_code=304, headers=headers)
    return _Target(file, headers=headers, media_type="application/octet-stream", stat_result=file.stat())


def _file(context: ApiContext, folder: str, name: str | None, asked: str) -> Path:
    """Return a file that is there.

    Raises:
        NotFoundError: it is not, or its name is of none of the forms.
    """
    if context.updates is None or not (context.updates / "metadata" / "timestamp.json").is_file():
        raise NotFoundError("update repository here; made with plantpulse cloud keys init; asked for:", asked)
    path = None if name is None else context.updates / folder / name
    try:
        if path is not None and stat.S_ISREG(path.lstat().st_mode):
            return path
    except OSError:
        pass
    raise NotFoundError(f"file in updates/{folder} called", asked)


def _is_known(known: str | None, etag: str) -> bool:
    """Return whether who asks has it already. Source: RFC 9110, section 13.1.2."""
    return known is not None and etag in {one.strip().removeprefix("W/") for one in known.split(",")}
