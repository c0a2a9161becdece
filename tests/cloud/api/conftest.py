"""The API on real stores that tests fill through the real ingest, spoken to as a browser would, without a socket."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass

import httpx
import pytest
from support.cloud_bench import Bench, bench, pump_gateway
from support.people import ADMIN, QUICK, signed_in
from support.simulated_gateway import SimulatedGateway

from cloud.api.application import create_application
from cloud.api.context import ApiContext
from cloud.event_hub import EventHub
from cloud.http_settings import HttpSettings

SETTINGS = HttpSettings(session_idle_h=720, session_longest_h=720)
"""Tests turn the clock; whoever it concerns says so."""

OWN_PAGE = {"sec-fetch-site": "same-origin"}
"""What a browser says of a request by one of our own pages."""


@dataclass(slots=True)
class Api:
    """The client of somebody who is signed in, the stores below, and a gateway that is born."""

    client: httpx.AsyncClient
    cloud: Bench
    gateway: SimulatedGateway
    hub: EventHub

    async def get(self, path: str, **parameters: object):
        """Return the JSON of a resource that is there."""
        answer = await self.client.get(f"/api/v1{path}", params=parameters)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def be(self, name: str, grants: Mapping[str, str] = ADMIN) -> None:
        """Sit down as somebody else."""
        self.client.cookies.set("plantpulse", signed_in(self.cloud.engine, name, self.cloud.now_ms, grants))

    def be_nobody(self) -> None:
        """Sit down without being signed in."""
        self.client.cookies.clear()


@pytest.fixture
async def api(tmp_path, book_database):
    with bench(tmp_path / "cloud", book=book_database.url) as cloud:
        hub = EventHub(asyncio.get_running_loop())
        context = ApiContext(
            cloud.engine,
            cloud.book,
            cloud.trends,
            hub,
            cloud.status,
            lambda: cloud.now_ms,
            http=SETTINGS,
            passwords=QUICK,
        )
        transport = httpx.ASGITransport(create_application(context))
        gateway = pump_gateway()
        cloud.arrive(*gateway.births(cloud.now_ms))
        address = "http://plant.example:8080"
        async with httpx.AsyncClient(transport=transport, base_url=address, headers=OWN_PAGE) as client:
            one = Api(client, cloud, gateway, hub)
            one.be("M. Ruiz")
            yield one
