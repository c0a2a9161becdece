"""`/events`: what changed, as server-sent events; a page fetches the rest itself.

    event: machine
    data: {"id": "…"}

The event is `machine`, `alarm`, `gateway`, or `everything` for a page that was too slow to be told each.
"""

import asyncio
from collections.abc import AsyncIterator
from typing import Final

from fastapi import APIRouter
from fastapi.sse import EventSourceResponse, ServerSentEvent

from cloud.api.context import Context

router = APIRouter(prefix="/events", tags=["events"])

GATHER_S: Final = 0.25
"""Changes are gathered this long: a page that fetches four times a second is live enough for people."""

RETRY_MS: Final = 2_000


@router.get("", response_class=EventSourceResponse)
async def stream_events(context: Context) -> AsyncIterator[ServerSentEvent]:
    """Stream what changes from now on."""
    async with context.hub.listen() as listener:
        yield ServerSentEvent(comment="listening", retry=RETRY_MS)
        while not context.hub.closed:
            for change in await listener.take():
                yield ServerSentEvent(event=change.subject.value, data={"id": change.identifier})
            await asyncio.sleep(GATHER_S)
