"""One connection to the broker: the only file here that imports the MQTT client.

`open` connects with our death as will, `subscribe` asks for the commands, `publish` hands messages over in order,
`close` ends it. paho runs its network loop in a thread of its own; what happens there comes over as futures, events and
a bounded queue.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import struct
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from edge_agent.errors import UplinkError
from models.contract.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from edge_agent.sparkplug_node import Message

CONNECT_TIMEOUT_S: Final = 10.0
_TCP_INFO: Final = struct.Struct("=120x2Q")
"""Bytes acknowledged by the other side, and received. Source: Linux, include/uapi/linux/tcp.h, `struct tcp_info`."""
_COMMANDS: Final = 256
"""Commands that may wait to be read; acknowledgements beyond are dropped, counted, and come again with the records."""


@dataclass(frozen=True, slots=True)
class Tls:
    """How both sides know each other; paths of PEM files.

    Attributes:
        ca_file: the authority that the broker's certificate must come from; None: those of the system.
        certificate_file, key_file: what we show; None: nothing.
    """

    ca_file: Path | None = None
    certificate_file: Path | None = None
    key_file: Path | None = None

    def context(self) -> ssl.SSLContext:
        """Return what a connection needs: at least TLS 1.2, the broker's name and certificate checked.

        Raises:
            ConfigurationError: a file cannot be read, or key and certificate are not a pair.
        """
        try:
            context = ssl.create_default_context(cafile=self.ca_file)
        except OSError as error:
            raise ConfigurationError(
                f"mqtt.ca_file {self.ca_file}: no certificate of an authority ({_reason(error)})"
            ) from None
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        if self.certificate_file is not None and self.key_file is not None:
            try:
                # A key with a passphrase would have the library ask at a terminal that is not there.
                context.load_cert_chain(self.certificate_file, self.key_file, password="")
            except (OSError, ValueError) as error:
                raise ConfigurationError(
                    f"mqtt.certificate_file {self.certificate_file}, mqtt.key_file {self.key_file}: cannot be used"
                    f" ({_reason(error)}): give a certificate and its key without passphrase as PEM files"
                ) from None
        return context


def _reason(error: Exception) -> str:
    return (isinstance(error, OSError) and error.strerror) or str(error)


@dataclass(frozen=True, slots=True)
class Broker:
    """Where the broker is and who we are to it."""

    host: str
    port: int
    client_id: str
    keepalive_s: int = 30
    username: str | None = None
    password_file: Path | None = None
    tls: Tls | None = None


class _CountingClient(mqtt.Client):
    """paho's client that counts what goes through its socket, in both directions, with all that TLS adds."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._exchanged = 0
        self._exchanged_by_kernel = 0

    @property
    def socket_bytes(self) -> int:
        """Return the bytes of this connection so far."""
        self._look()
        return max(self._exchanged, self._exchanged_by_kernel)

    def _sock_send(self, buf: bytes | bytearray) -> int:
        sent = super()._sock_send(buf)
        self._exchanged += sent
        return sent

    def _sock_recv(self, bufsize: int) -> bytes:
        received = super()._sock_recv(bufsize)
        self._exchanged += len(received)
        return received

    def _sock_close(self) -> None:
        self._look()
        super()._sock_close()

    def _look(self) -> None:
        """Have the kernel say what has gone out and come in, where it can: what we hand to TLS is less than that."""
        sock = self.socket()
        if not isinstance(sock, ssl.SSLSocket) or sys.platform != "linux":
            return
        with contextlib.suppress(OSError, struct.error):
            self._exchanged_by_kernel = sum(_TCP_INFO.unpack(sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 136)))


@dataclass(frozen=True, slots=True)
class Received:
    """One message that arrived."""

    topic: str
    payload: bytes
    retained: bool


class Session:
    """One connection: paho's client, and what its thread tells us.

    Args:
        broker: where to connect.
        will: what the broker publishes when we vanish.

    Attributes:
        received: what has arrived and was not read yet.
        lost_commands: how many did not fit into it.
        ended: is set when the connection is over, for `reason`.
        activity: is set when there is something to look at.
    """

    def __init__(self, broker: Broker, will: Message) -> None:
        self._loop = asyncio.get_running_loop()
        self.received: asyncio.Queue[Received] = asyncio.Queue(_COMMANDS)
        self.lost_commands = 0
        self.connected: asyncio.Future[None] = self._loop.create_future()
        self.subscribed: asyncio.Future[None] = self._loop.create_future()
        self.ended = asyncio.Event()
        self.reason = ""
        self.activity = asyncio.Event()
        self._demanded = 0
        self._failure = ""
        client = _CountingClient(
            CallbackAPIVersion.VERSION2,
            client_id=broker.client_id,
            clean_session=True,
            protocol=mqtt.MQTTv311,
            reconnect_on_failure=False,
        )
        if broker.tls is not None:
            try:
                client.tls_set_context(broker.tls.context())
            except ConfigurationError as error:
                # Somebody may be renewing them right now.
                raise UplinkError(str(error)) from None
        client.connect_timeout = CONNECT_TIMEOUT_S
        client.on_socket_open = _send_at_once
        client.will_set(will.topic, will.payload, will.qos, retain=False)
        if broker.username is not None:
            client.username_pw_set(broker.username, _password(broker))
        client.on_connect = self._on_connect
        client.on_subscribe = self._on_subscribe
        client.on_message = self._on_message
        client.on_disconnect = self._on_disconnect
        client.on_log = self._on_log
        self._client = client
        self._broker = broker

    async def open(self) -> None:
        """Connect and wait for the broker's consent.

        Raises:
            UplinkError: no broker there, or it refuses us.
        """
        broker = self._broker
        where = f"broker {broker.host}:{broker.port}"
        try:
            await asyncio.to_thread(self._client.connect, broker.host, broker.port, broker.keepalive_s)
        except (OSError, ValueError, mqtt.WebsocketConnectionError) as error:
            raise UplinkError(f"{where} cannot be reached ({error})") from error
        self._client.loop_start()
        try:
            await asyncio.wait_for(self.connected, CONNECT_TIMEOUT_S)
        except TimeoutError:
            raise UplinkError(f"{where} does not answer the CONNECT") from None
        except UplinkError as error:
            if broker.tls is None:
                raise
            # A broker that does not like a certificate hangs up; whether it gets to say why is chance.
            shown = broker.tls.certificate_file
            hint = "it may ask for a certificate" if shown is None else f"look whether {shown} is valid and the plant's"
            raise UplinkError(f"{error}: {hint}") from None

    async def subscribe(self, topics: tuple[str, ...], wished: str) -> None:
        """Subscribe with QoS 1 and wait until it holds.

        Args:
            topics: must be granted.
            wished: may be refused.

        Raises:
            UplinkError: refused, or the connection ended.
        """
        self._demanded = len(topics)
        self._client.subscribe([(topic, 1) for topic in (*topics, wished)])
        try:
            await asyncio.wait_for(self.subscribed, CONNECT_TIMEOUT_S)
        except TimeoutError:
            raise UplinkError("the broker does not answer the subscription") from None

    @property
    def socket_bytes(self) -> int:
        """Return the bytes that went through the socket, in both directions."""
        return self._client.socket_bytes

    def publish(self, message: Message) -> None:
        """Hand one message to paho's thread, which keeps the order."""
        self._client.publish(message.topic, message.payload, message.qos, retain=False)

    async def publish_last(self, message: Message, timeout_s: float) -> None:
        """Hand over one message and wait until the broker has it, or give up."""
        info = self._client.publish(message.topic, message.payload, message.qos, retain=False)
        with contextlib.suppress(ValueError, RuntimeError):
            await asyncio.to_thread(info.wait_for_publish, timeout_s)

    async def close(self) -> None:
        """End the connection if it still stands, and paho's thread."""
        self._client.disconnect()
        await asyncio.to_thread(self._client.loop_stop)

    def _post(self, call: Callable[[], None]) -> None:
        # The loop may be gone when the process ends; then there is nobody left to tell.
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(call)

    def _on_connect(self, _client: Any, _data: Any, _flags: Any, reason: Any, _properties: Any) -> None:
        self._post(lambda: self._settle(self.connected, None if not reason.is_failure else str(reason)))

    def _on_subscribe(self, _client: Any, _data: Any, _mid: int, reasons: list[Any], _properties: Any) -> None:
        refused = next((str(reason) for reason in reasons[: self._demanded] if reason.is_failure), None)
        self._post(lambda: self._settle(self.subscribed, refused))

    def _on_message(self, _client: Any, _data: Any, message: mqtt.MQTTMessage) -> None:
        received = Received(message.topic, bytes(message.payload), message.retain)

        def take() -> None:
            try:
                self.received.put_nowait(received)
            except asyncio.QueueFull:
                self.lost_commands += 1
            self.activity.set()

        self._post(take)

    def _on_disconnect(self, _client: Any, _data: Any, _flags: Any, reason: Any, _properties: Any) -> None:
        def end() -> None:
            self.reason = self._failure or str(reason)
            self.ended.set()
            self.activity.set()
            for future in (self.connected, self.subscribed):
                self._settle(future, self.reason)

        self._post(end)

    def _on_log(self, _client: Any, _data: Any, level: int, text: str) -> None:
        """Remember what the socket said last: of a certificate that is refused, paho's reason says nothing."""
        if level == mqtt.MQTT_LOG_ERR:
            self._failure = text

    def _settle(self, future: asyncio.Future[None], failure: str | None) -> None:
        if future.done():
            return
        if failure is None:
            future.set_result(None)
            return
        future.set_exception(UplinkError(f"the broker refuses: {failure}"))
        # Nobody may be waiting for this one; its exception has been told by the other.
        future.exception()


def _send_at_once(_client: Any, _data: Any, sock: Any) -> None:
    """Have no alarm wait until the broker has acknowledged what went before it (Nagle's algorithm: up to 40 ms)."""
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def _password(broker: Broker) -> str | None:
    if broker.password_file is None:
        return None
    try:
        return broker.password_file.read_text().strip()
    except OSError as error:
        raise UplinkError(f"{broker.password_file}: the broker's password cannot be read ({error.strerror})") from error
