"""The whole way: the cloud signs and serves, a gateway fetches, goes on with what broke off, and sees the next one."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from datetime import UTC, datetime

from sqlalchemy import create_engine
from support.update_plant import FIRST, PUMPS, plant

from cloud.api.application import create_application
from cloud.api.context import ApiContext
from cloud.book.reading import BookReader
from cloud.event_hub import EventHub
from cloud.http_server import bind, serve_http
from cloud.http_settings import HttpSettings
from cloud.status import Status

MODEL = bytes(range(256)) * 4000


@asynccontextmanager
async def _serving(updates):
    """Serve the real application; yields its address below which updates are."""
    engine = create_engine("sqlite://")
    settings = HttpSettings(port=0)
    hub = EventHub(asyncio.get_running_loop())
    context = ApiContext(engine, BookReader(engine), None, hub, Status(broker="none"), lambda: 0, updates=updates)
    listener = bind(settings)
    stop, up = asyncio.Event(), asyncio.Event()
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(serve_http(create_application(context), listener, stop, up, settings))
        await up.wait()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/updates"
        stop.set()
    listener.close()
    engine.dispose()


async def test_from_the_clouds_signature_to_the_gateways_disk(tmp_path):
    with plant(tmp_path) as line:
        line.publish(3, MODEL)
        async with _serving(line.repository.directory) as address:
            first = await asyncio.to_thread(line.fetch, FIRST, sources=[address], max_bytes=2**21)
            assert first.versions["timestamp"] == 6
            wanted = f"{PUMPS}/base-3"
            digest = next((line.server.folder / "targets").rglob("*.base-3")).name.partition(".")[0]
            (line.into / f".{digest}.part").write_bytes(MODEL[:500_000])
            third = await asyncio.to_thread(line.fetch, wanted, sources=[address], max_bytes=2**21)
            assert third.targets[0].path.read_bytes() == MODEL
            assert line.repository.renew(datetime.now(UTC)) == []


async def test_a_class_with_an_odd_name_is_served_too(tmp_path):
    from cloud.updates.ceremony import add_class
    from models.contract.update_names import UpdateRole

    with plant(tmp_path) as line:
        role = UpdateRole.of("configurations", "press shop 3.1")
        add_class(line.repository, role, line.safe_keys(), datetime.now(UTC))
        line.publish(1, role=role.path)
        async with _serving(line.repository.directory) as address:
            name = f"{role.path}/base-1"
            update = await asyncio.to_thread(line.fetch, name, sources=[address], allowed=[role.pattern])
        assert update.targets[0].name == "configurations/press=20shop=203=2E1/base-1"
