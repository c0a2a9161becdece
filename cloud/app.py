"""The composition root: stores, then what fills them, then what shows them; stopped in the other order.

hold the data directory → bind the port → open trends and book → HTTP → ingest → broker
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from cloud.api.application import create_application
from cloud.api.context import ApiContext
from cloud.book.opening import book_url, open_book
from cloud.book.reading import BookReader
from cloud.data_directory import held_data_directory
from cloud.event_hub import EventHub
from cloud.http_server import bind, serve_http
from cloud.status import Status
from cloud.trends.sqlite import SqliteTrendStore

if TYPE_CHECKING:
    from collections.abc import Callable

    from cloud.configuration import CloudSettings


def wall_clock_ms() -> int:
    """Return the wall time, ms UTC."""
    return time.time_ns() // 1_000_000


async def serve(
    settings: CloudSettings, stop: asyncio.Event, started: Callable[[str], None] = lambda _address: None
) -> None:
    """Run a cloud until `stop`.

    Args:
        settings: everything it is told.
        stop: set it to end gracefully.
        started: called once with the address of the console when the first request can be answered.

    Raises:
        DataDirectoryError: the stores cannot be opened, or another cloud uses them.
        AddressError: the HTTP address cannot be listened on.
    """
    with held_data_directory(settings.cloud.data_dir) as directory:
        listener = bind(settings.http)
        host, port = listener.getsockname()[:2]
        trends = SqliteTrendStore(directory / "trends.sqlite", settings.retention)
        engine = open_book(book_url(directory / "book.sqlite"))
        hub = EventHub(asyncio.get_running_loop())
        status = Status(broker=f"{settings.mqtt.host}:{settings.mqtt.port}")
        app = create_application(ApiContext(engine, BookReader(engine), trends, hub, status, wall_clock_ms))
        up = asyncio.Event()
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(serve_http(app, listener, stop, up), name="http")
                await up.wait()
                started(f"http://{host}:{port}")
                await stop.wait()
                hub.close()
        finally:
            listener.close()
            trends.close()
            engine.dispose()
