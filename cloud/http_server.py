"""Serves the application with uvicorn inside our event loop, and stops when it is told to.

The address is bound before anything starts, so that a busy port is one clear line and not a half-started cloud.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from contextlib import contextmanager
from typing import TYPE_CHECKING

import uvicorn

from cloud.errors import AddressError
from cloud.http_settings import HttpSettings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fastapi import FastAPI

LOOPBACK_ONLY = HttpSettings()

GRACE_S = 3
"""How long open requests may take to end once we stop."""


def bind(settings: HttpSettings) -> socket.socket:
    """Return a listening socket.

    Raises:
        AddressError: the address is in use, or is not ours, or the certificate cannot be used.
    """
    _check_certificate(settings)
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    # With its protocol named, or asyncio lets small answers wait 40 ms for the acknowledgement of their head (Nagle).
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    # Without it the port of a cloud that just stopped stays busy for a minute.
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((settings.host, settings.port))
        listener.listen(128)
    except OSError as error:
        listener.close()
        reason = error.strerror or str(error)
        raise AddressError(
            f"http {settings.host}:{settings.port}: cannot listen ({reason}): stop what uses it, or set http.port"
        ) from error
    listener.setblocking(False)  # noqa: FBT003 - the only way socket takes it
    return listener


def _check_certificate(settings: HttpSettings) -> None:
    """Complain about certificate and key before anything starts."""
    if settings.tls_cert is None or settings.tls_key is None:
        return
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(settings.tls_cert, settings.tls_key)
    except OSError as error:  # ssl.SSLError is one of them
        raise AddressError(
            f"http.tls_cert {settings.tls_cert} and http.tls_key {settings.tls_key}: cannot be used"
            f" ({error.strerror or error}): give a certificate chain and its key as PEM files"
        ) from error


class _Server(uvicorn.Server):
    """Uvicorn that says when it answers, without its signal handlers: signals belong to the composition root."""

    def __init__(self, config: uvicorn.Config, up: asyncio.Event) -> None:
        super().__init__(config)
        self._up = up

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._up.set()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


async def serve_http(
    app: FastAPI,
    listener: socket.socket,
    stop: asyncio.Event,
    up: asyncio.Event,
    settings: HttpSettings = LOOPBACK_ONLY,
) -> None:
    """Answer requests until `stop`; set `up` once the first can be answered."""
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        lifespan="off",
        timeout_graceful_shutdown=GRACE_S,
        server_header=False,
        ssl_certfile=settings.tls_cert,
        ssl_keyfile=settings.tls_key,
        # Anybody can write these headers; only a proxy that was named is believed.
        proxy_headers=bool(settings.trusted_proxies),
        forwarded_allow_ips=list(settings.trusted_proxies),
    )
    server = _Server(config, up)
    serving = asyncio.create_task(server.serve(sockets=[listener]), name="uvicorn")
    stopping = asyncio.create_task(stop.wait(), name="http stop")
    try:
        await asyncio.wait({serving, stopping}, return_when=asyncio.FIRST_COMPLETED)
        server.should_exit = True
        await serving
    finally:
        stopping.cancel()
        serving.cancel()
