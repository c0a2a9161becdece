"""The composition root: stores, then what fills them, then what shows them; stopped in the other order.

hold the data directory → bind the port → open trends and book → HTTP → ingest → broker

A book whose server does not answer yet stops nothing: pages say so, and what follows waits for it.
"""

from __future__ import annotations

import asyncio
import queue
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Final

from cloud.api.application import create_application
from cloud.api.context import ApiContext
from cloud.book.opening import book_engine, prepare_book
from cloud.book.reading import BookReader
from cloud.book.settings import book_address
from cloud.data_directory import held_data_directory
from cloud.desk_clock import run_desk_clock
from cloud.errors import StoreError
from cloud.event_hub import EventHub
from cloud.first_user import receive_people
from cloud.http_server import bind, serve_http
from cloud.ingest import Ingest, Surroundings, run_ingest
from cloud.model_clock import ModelClock
from cloud.mqtt import BrokerLink
from cloud.status import Status
from cloud.trends.opening import open_trends
from cloud.updates.repository import UpdateRepository
from cloud.updates.settings import UPDATES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from sqlalchemy import Engine

    from cloud.configuration import CloudSettings
    from cloud.event_hub import Change
    from cloud.notifying.courier import Notifier
    from cloud.planning import Arrival

RETRY_S: Final = 2.0
"""How often a server that did not answer at the start is asked again; one that restarts takes a few seconds."""


def wall_clock_ms() -> int:
    """Return the wall time, ms UTC."""
    return time.time_ns() // 1_000_000


async def serve(
    settings: CloudSettings,
    stop: asyncio.Event,
    started: Callable[[str], None] = lambda _address: None,
    say: Callable[[str], None] = lambda _line: None,
) -> None:
    """Run a cloud until `stop`.

    Args:
        settings: everything it is told.
        stop: set it to end gracefully.
        started: called once with the address of the console when the first request can be answered.
        say: called with what people should know, a line each.

    Raises:
        DataDirectoryError: the stores cannot be opened, or another cloud uses them.
        BookAddressError: the server of the book refuses us.
        AddressError: the HTTP address cannot be listened on.
        ConfigurationError: a target of messages cannot be used.
    """
    with held_data_directory(settings.cloud.data_dir) as directory:
        listener = bind(settings.http)
        scheme = "https" if settings.http.tls_cert else "http"
        address = "{}://{}:{}".format(scheme, *listener.getsockname()[:2])
        trends = open_trends(settings, directory, wall_clock_ms)
        engine = book_engine(book_address(settings.book, directory))
        status = Status(broker=f"{settings.mqtt.host}:{settings.mqtt.port}", waiting_limit=settings.mqtt.queue_messages)
        hub = EventHub(asyncio.get_running_loop())
        notifier = await asyncio.to_thread(_opened_notifier, settings, directory, engine)
        app = create_application(
            ApiContext(
                engine,
                BookReader(engine),
                trends,
                hub,
                status,
                wall_clock_ms,
                settings.http,
                notifier=notifier,
                plant=settings.plant,
                updates=directory / UPDATES,
            )
        )
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

        def tell(changes: Iterable[Change]) -> None:
            hub.tell(changes)
            if notifier is not None:
                notifier.wake()

        around = Surroundings(
            inbox, link.send, tell, wall_clock_ms, time.monotonic, halt, settings.retention.spectrum_days
        )
        up = asyncio.Event()

        def take_up() -> Ingest:
            prepare_book(engine)
            receive_people(engine, settings.http, wall_clock_ms(), say)
            if notifier is not None:
                notifier.take_up()
            return Ingest(trends, engine, status, settings.mqtt.reorder_ms)

        try:
            ingest = await _tried(take_up, status)
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(serve_http(app, listener, stop, up, settings.http), name="http")
                await up.wait()
                started(address)
                while ingest is None and not stop.is_set():
                    with suppress(TimeoutError):
                        await asyncio.wait_for(stop.wait(), RETRY_S)
                    ingest = await _tried(take_up, status)
                if ingest is not None:
                    for name, work in (
                        ("ingest", partial(run_ingest, ingest, status, around)),
                        ("desk", partial(run_desk_clock, engine, tell, wall_clock_ms, halt)),
                        (
                            "models",
                            partial(_model_clock(settings, directory, engine, status).run, tell, wall_clock_ms, halt),
                        ),
                        ("broker", partial(link.run, halt)),
                        *((("notifier", partial(notifier.run, halt)),) if notifier is not None else ()),
                    ):
                        tasks.create_task(_in_thread(name, halt, work), name=name)
                await stop.wait()
                halt.set()
                # It may have seen that by itself and be gone.
                with suppress(OSError):
                    link.wake()
                if notifier is not None:
                    notifier.wake()
                hub.close()
        finally:
            halt.set()
            listener.close()
            trends.close()
            engine.dispose()


def _model_clock(settings: CloudSettings, directory: Path, engine: Engine, status: Status) -> ModelClock:
    """Return what renews signatures and moves rollouts on."""
    return ModelClock(engine, UpdateRepository(directory / UPDATES, settings.updates), status)


def _opened_notifier(settings: CloudSettings, directory: Path, engine: Engine) -> Notifier | None:
    """Return what tells people of alarms, None where nobody is told: then nothing of it is imported."""
    if settings.notify is None:
        return None
    from cloud.notifying.opening import open_notifier

    return open_notifier(settings.notify, settings.plant.zone, directory, engine, wall_clock_ms)


async def _tried(take_up: Callable[[], Ingest], status: Status) -> Ingest | None:
    """Return what takes records in, or None while the server of the book does not answer."""
    try:
        ingest = await asyncio.to_thread(take_up)
    except StoreError as error:
        status.store_problem = str(error)
        return None
    status.store_problem = None
    return ingest


async def _in_thread(name: str, halt: threading.Event, work: Callable[[], None]) -> None:
    """Run blocking work in a thread of its own; whatever happens to its task, the thread is told and waited for."""
    with ThreadPoolExecutor(1, thread_name_prefix=name) as executor:
        try:
            await asyncio.get_running_loop().run_in_executor(executor, work)
        finally:
            halt.set()
