"""`/events`: what changed, as server-sent events; a page fetches the rest itself.

    event: machine
    data: {"id": "…"}

The event is `machine`, `alarm`, `gateway`, `model` (a machine class or a version), `rollout`, or `everything` for a
page that was too slow to be told each. Who may see some sites only is told of those; a stream whose session or token
has ended ends too.
"""

import asyncio
from collections.abc import AsyncIterator
from typing import Final

from fastapi import APIRouter, Request
from fastapi.sse import EventSourceResponse, ServerSentEvent

from cloud.api.context import Context
from cloud.api.guard import identify, permission
from cloud.book.sites import is_bound, visible
from cloud.permissions import Action

router = APIRouter(prefix="/events", tags=["events"])

GATHER_S: Final = 0.25
"""Changes are gathered this long: a page that fetches four times a second is live enough for people."""
ALARM_GATHER_S: Final = 0.05
"""An alarm ends that, but a flood of them has a page fetch twenty times a second and no more."""

CHECK_S: Final = 10.0
"""How long somebody who was signed out may still hear that something changed, not what."""

RETRY_MS: Final = 2_000


@router.get("", response_class=EventSourceResponse)
@permission(Action.VIEW)
async def stream_events(context: Context, request: Request) -> AsyncIterator[ServerSentEvent]:
    """Stream what changes from now on."""
    loop = asyncio.get_running_loop()
    async with context.hub.listen() as listener:
        yield ServerSentEvent(comment="listening", retry=RETRY_MS)
        checked_s = loop.time()
        while not context.hub.closed:
            changes = []
            try:
                async with asyncio.timeout(CHECK_S):
                    changes = await listener.take()
            except TimeoutError:
                yield ServerSentEvent(comment="still listening")
            if loop.time() - checked_s >= CHECK_S:
                checked_s = loop.time()
                if await asyncio.to_thread(identify, request) is None:
                    return
            if changes and is_bound(context.engine):
                changes = await asyncio.to_thread(visible, context.engine, changes)
            for change in changes:
                yield ServerSentEvent(event=change.subject.value, data={"id": change.identifier})
            await asyncio.sleep(ALARM_GATHER_S)
            await listener.gather(GATHER_S - ALARM_GATHER_S)
