"""The API on real stores that tests fill through the real ingest, spoken to as a browser would, without a socket."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

import httpx
import pytest
from support.cloud_bench import Bench, bench, pump_gateway
from support.simulated_gateway import SimulatedGateway

from cloud.api.application import create_application
from cloud.api.context import ApiContext
from cloud.event_hub import EventHub


@dataclass(slots=True)
class Api:
    """A client, the stores below, and a gateway that is born."""

    client: httpx.AsyncClient
    cloud: Bench
    gateway: SimulatedGateway
    hub: EventHub

    async def get(self, path: str, **parameters: object):
        """Return the JSON of a resource that is there."""
        answer = await self.client.get(f"/api/v1{path}", params=parameters)
        assert answer.status_code == 200, answer.text
        return answer.json()


@pytest.fixture
async def api(tmp_path, book_database):
    with bench(tmp_path / "cloud", book=book_database.url) as cloud:
        hub = EventHub(asyncio.get_running_loop())
        context = ApiContext(cloud.engine, cloud.book, cloud.trends, hub, cloud.status, lambda: cloud.now_ms)
        transport = httpx.ASGITransport(create_application(context))
        gateway = pump_gateway()
        cloud.arrive(*gateway.births(cloud.now_ms))
        async with httpx.AsyncClient(transport=transport, base_url="http://plant.example:8080") as client:
            yield Api(client, cloud, gateway, hub)
