"""The composition root: stores, then what fills them, then what shows them; stopped in the other order.

hold the data directory → bind the port → open trends and book → HTTP → ingest → broker
"""

from __future__ import annotations

import asyncio
import queue
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from cloud.api.application import create_application
from cloud.api.context import ApiContext
from cloud.book.opening import book_url, open_book
from cloud.book.reading import BookReader
from cloud.data_directory import held_data_directory
from cloud.desk_clock import run_desk_clock
from cloud.event_hub import EventHub
from cloud.http_server import bind, serve_http
from cloud.ingest import Ingest, Surroundings, run_ingest
from cloud.mqtt import BrokerLink
from cloud.status import Status
from cloud.trends.sqlite import SqliteTrendStore

if TYPE_CHECKING:
    from collections.abc import Callable

    from cloud.configuration import CloudSettings
    from cloud.planning import Arrival


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
        address = "http://{}:{}".format(*listener.getsockname()[:2])
        trends = SqliteTrendStore(directory / "trends.sqlite", settings.retention)
        engine = open_book(book_url(directory / "book.sqlite"))
        status = Status(broker=f"{settings.mqtt.host}:{settings.mqtt.port}", waiting_limit=settings.mqtt.queue_messages)
        hub = EventHub(asyncio.get_running_loop())
        app = create_application(ApiContext(engine, BookReader(engine), trends, hub, status, wall_clock_ms))
        inbox: queue.Queue[Arrival] = queue.Queue(settings.mqtt.queue_messages)
        link = BrokerLink(
            settings.mqtt,
            host_id=settings.cloud.host_id,
            groups=settings.cloud.groups,
            inbox=inbox,
            status=status,
            now_ms=wall_clock_ms,
        )
        halt = threading.Event()
        around = Surroundings(
            inbox, link.send, hub.tell, wall_clock_ms, time.monotonic, halt, settings.retention.spectrum_days
        )
        up = asyncio.Event()
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(serve_http(app, listener, stop, up), name="http")
                await up.wait()
                started(address)
                ingest = await asyncio.to_thread(Ingest, trends, engine, status, settings.mqtt.reorder_ms)
                tasks.create_task(_in_thread("ingest", halt, lambda: run_ingest(ingest, status, around)), name="ingest")
                tasks.create_task(
                    _in_thread("desk", halt, lambda: run_desk_clock(engine, hub.tell, wall_clock_ms, halt)),
                    name="desk",
                )
                tasks.create_task(_in_thread("broker", halt, lambda: link.run(halt)), name="broker")
                await stop.wait()
                halt.set()
                link.wake()
                hub.close()
        finally:
            halt.set()
            listener.close()
            trends.close()
            engine.dispose()


async def _in_thread(name: str, halt: threading.Event, work: Callable[[], None]) -> None:
    """Run blocking work in a thread of its own; whatever happens to its task, the thread is told and waited for."""
    with ThreadPoolExecutor(1, thread_name_prefix=name) as executor:
        try:
            await asyncio.get_running_loop().run_in_executor(executor, work)
        finally:
            halt.set()
