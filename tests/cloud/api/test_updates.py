"""Signed files over HTTP: open to everybody, exactly those, in parts, and a problem document where there are none."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from urllib.parse import quote

import httpx
import pytest
from sqlalchemy import create_engine
from support.update_plant import FIRST, PUMPS

from cloud.api.application import create_application
from cloud.api.context import ApiContext
from cloud.book.reading import BookReader
from cloud.event_hub import EventHub
from cloud.status import Status
from cloud.updates.ceremony import add_class, make_repository
from cloud.updates.key_files import read_keys
from cloud.updates.repository import UpdateRepository
from models.contract.update_names import UpdateRole

CONTENT = bytes(range(256)) * 1000


@pytest.fixture
async def client(tmp_path):
    """Return a browser without a session, on a cloud whose other stores are not needed."""
    engine = create_engine("sqlite://")
    hub = EventHub(asyncio.get_running_loop())
    context = ApiContext(
        engine, BookReader(engine), None, hub, Status(broker="none"), lambda: 0, updates=tmp_path / "updates"
    )
    transport = httpx.ASGITransport(create_application(context))
    async with httpx.AsyncClient(transport=transport, base_url="http://plant.example") as one:
        yield one
    engine.dispose()


@pytest.fixture
def repository(tmp_path):
    now = datetime.now(UTC)
    one = UpdateRepository(tmp_path / "updates")
    make_repository(one, tmp_path / "safe", now)
    add_class(one, UpdateRole.parse(PUMPS), read_keys(tmp_path / "safe", None), now)
    one.publish(PUMPS, CONTENT, {"name": "base", "version": 1}, now)
    return one


def _target(repository):
    return "/updates/" + str(
        next((repository.directory / "targets").rglob("*.base-1")).relative_to(repository.directory)
    )


async def test_metadata_is_as_it_is_on_disk(client, repository):
    for file in (repository.directory / "metadata").iterdir():
        answer = await client.get(f"/updates/metadata/{file.name}")
        assert answer.status_code == 200
        assert answer.content == file.read_bytes()
        fresh = "no-cache" if file.name == "timestamp.json" else "public, max-age=31536000, immutable"
        assert answer.headers["cache-control"] == fresh


async def test_who_has_it_already_is_told_so(client, repository):
    for path in ("/updates/metadata/timestamp.json", _target(repository)):
        etag = (await client.get(path)).headers["etag"]
        again = await client.get(path, headers={"If-None-Match": etag})
        assert (again.status_code, again.content) == (304, b"")
        assert (await client.get(path, headers={"If-None-Match": '"other"'})).status_code == 200


async def test_a_download_goes_on_where_it_broke_off(client, repository):
    path = _target(repository)
    assert (await client.get(path)).content == CONTENT
    part = await client.get(path, headers={"Range": "bytes=100000-"})
    assert (part.status_code, part.content) == (206, CONTENT[100_000:])
    assert part.headers["content-range"] == f"bytes 100000-{len(CONTENT) - 1}/{len(CONTENT)}"
    assert (await client.get(path, headers={"Range": f"bytes={len(CONTENT)}-"})).status_code == 416
    many = await client.get(path, headers={"Range": "bytes=0-1,5-6"})
    assert (many.status_code, many.content) == (200, CONTENT)


@pytest.mark.parametrize(
    "path",
    [
        "metadata/../keys/{key}",
        "metadata/..%2Fkeys%2F{key}",
        "metadata/%2e%2e/keys/{key}",
        "targets/../keys/{key}",
        "targets/..%2f..%2fkeys%2f{key}",
        "targets/gateway-models/pump/../../../keys/{key}",
        "targets//etc/passwd",
        "keys/{key}",
        "lock",
        "metadata/lock",
        "metadata/.timestamp.json.writing",
        "metadata/9.root.json",
        "metadata/1.ROOT.json",
        "metadata/timestamp.json%00",
        "targets/gateway-models/pump/base-1",
        "targets/gateway-models/pump",
    ],
)
async def test_nothing_else_can_be_asked_for(client, repository, path):
    key = next(repository.keys_directory.iterdir()).name
    (repository.directory / "metadata" / ".timestamp.json.writing").write_bytes(b"half")
    answer = await client.get("/updates/" + path.format(key=key))
    # What the client itself shortens to a page of the console asks for a sign-in.
    assert answer.status_code in {404, 303}
    assert b"PRIVATE" not in answer.content


async def test_a_link_out_of_the_folder_is_no_file(client, repository):
    (repository.directory / "metadata" / "8.root.json").symlink_to(next(repository.keys_directory.iterdir()))
    assert (await client.get("/updates/metadata/8.root.json")).status_code == 404


async def test_without_a_repository_there_is_a_problem_document(client):
    for path in ("metadata/timestamp.json", "targets/" + quote(FIRST)):
        answer = await client.get(f"/updates/{path}")
        assert answer.status_code == 404
        assert answer.headers["content-type"] == "application/problem+json"
        assert "plantpulse cloud keys init" in answer.json()["detail"]
