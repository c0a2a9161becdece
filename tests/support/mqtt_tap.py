"""A wire tap between an MQTT client and a real broker: it forwards every byte and keeps every control packet.

What a broker tells a subscriber is not what a client sent: will, clean session, the QoS of a publication and the
order of the first packets only show on the wire. The tap sees them from outside, and it can do what networks do:
cut a connection, or lose one publication on its way.

Only MQTT 3.1.1 is read, which is what both of our sides speak.
"""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Literal, Self


class PacketType(IntEnum):
    """MQTT 3.1.1, table 2.1."""

    CONNECT = 1
    CONNACK = 2
    PUBLISH = 3
    PUBACK = 4
    SUBSCRIBE = 8
    SUBACK = 9
    UNSUBSCRIBE = 10
    PINGREQ = 12
    PINGRESP = 13
    DISCONNECT = 14


@dataclass(frozen=True, slots=True)
class Publication:
    """What a PUBLISH or a will carries."""

    topic: str
    payload: bytes
    qos: int
    retain: bool


@dataclass(frozen=True, slots=True)
class Packet:
    """One control packet: `up` goes to the broker, `down` to the client; `link` counts TCP connections from 0."""

    link: int
    direction: Literal["up", "down"]
    at_s: float
    type: int
    publication: Publication | None = None
    """The publication of a PUBLISH, the will of a CONNECT."""
    clean_session: bool | None = None
    client_id: str | None = None
    protocol_level: int | None = None
    subscriptions: tuple[tuple[str, int], ...] = ()


@dataclass(slots=True)
class _Link:
    client: socket.socket
    broker: socket.socket
    threads: list[threading.Thread] = field(default_factory=list)


class MqttTap:
    """Listens on loopback, forwards to the broker's port; use as a context manager."""

    def __init__(self, broker_port: int) -> None:
        """Remember where the broker listens; it need not be there yet."""
        self._broker_port = broker_port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.packets: list[Packet] = []
        self._links: list[_Link] = []
        self._lock = threading.Lock()
        self._lose: Callable[[Packet], bool] | None = None
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self) -> Self:
        """Return the tap, which is already listening."""
        return self

    def __exit__(self, *_: object) -> None:
        """Stop listening and close every link."""
        # Linux wakes a blocked accept() only by shutdown, not by close.
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.cut()

    def cut(self) -> None:
        """Reset every connection without a word, as a pulled cable does."""
        with self._lock:
            links, self._links = self._links, []
        for link in links:
            for end in (link.client, link.broker):
                with contextlib.suppress(OSError):
                    end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    end.shutdown(socket.SHUT_RDWR)
                end.close()

    def lose_once(self, which: Callable[[Packet], bool]) -> None:
        """Drop the next packet of which `which` says so; everything else passes."""
        self._lose = which

    def publications(self, direction: Literal["up", "down"] = "up") -> list[Packet]:
        """Return the PUBLISH packets of one direction, in the order they passed."""
        return [p for p in list(self.packets) if p.type == PacketType.PUBLISH and p.direction == direction]

    def wait_for(self, condition: Callable[[list[Packet]], bool], timeout_s: float = 30.0) -> None:
        """Wait until the packets seen so far satisfy the condition; TimeoutError otherwise."""
        deadline = time.monotonic() + timeout_s
        while not condition(list(self.packets)):
            if time.monotonic() > deadline:
                raise TimeoutError("the packets that were waited for did not pass")
            time.sleep(0.02)

    def _accept(self) -> None:
        number = 0
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            try:
                broker = socket.create_connection(("127.0.0.1", self._broker_port), timeout=5)
            except OSError:
                client.close()
                continue
            broker.settimeout(None)
            link = _Link(client, broker)
            with self._lock:
                self._links.append(link)
            for source, target, direction in ((client, broker, "up"), (broker, client, "down")):
                thread = threading.Thread(target=self._forward, args=(number, source, target, direction), daemon=True)
                link.threads.append(thread)
                thread.start()
            number += 1

    def _forward(
        self, number: int, source: socket.socket, target: socket.socket, direction: Literal["up", "down"]
    ) -> None:
        buffer = bytearray()
        try:
            while data := source.recv(65536):
                buffer += data
                for raw in _take_packets(buffer):
                    packet = _parse(number, direction, raw)
                    if self._lose is not None and self._lose(packet):
                        self._lose = None
                        continue
                    self.packets.append(packet)
                    target.sendall(raw)
        except OSError:
            pass
        finally:
            for end in (source, target):
                with contextlib.suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)


def _take_packets(buffer: bytearray) -> Iterator[bytes]:
    """Yield and remove the complete control packets at the start of the buffer (MQTT 3.1.1, 2.2.3)."""
    while len(buffer) >= 2:
        length, shift, at = 0, 0, 1
        while True:
            if at >= len(buffer):
                return
            byte = buffer[at]
            length |= (byte & 0x7F) << shift
            shift += 7
            at += 1
            if not byte & 0x80:
                break
        if len(buffer) < at + length:
            return
        yield bytes(buffer[: at + length])
        del buffer[: at + length]


def _parse(number: int, direction: Literal["up", "down"], raw: bytes) -> Packet:
    at = 1
    while raw[at] & 0x80:
        at += 1
    body = raw[at + 1 :]
    kind, flags = raw[0] >> 4, raw[0] & 0x0F
    now = time.monotonic()
    if kind == PacketType.PUBLISH:
        return Packet(number, direction, now, kind, publication=_publication(flags, body))
    if kind == PacketType.CONNECT:
        return _connect(number, direction, now, body)
    if kind == PacketType.SUBSCRIBE:
        filters, rest = [], body[2:]
        while rest:
            topic, rest = _string(rest)
            filters.append((topic.decode(), rest[0]))
            rest = rest[1:]
        return Packet(number, direction, now, kind, subscriptions=tuple(filters))
    return Packet(number, direction, now, kind)


def _publication(flags: int, body: bytes) -> Publication:
    topic, rest = _string(body)
    qos = (flags >> 1) & 0x03
    return Publication(topic.decode(), rest[2:] if qos else rest, qos, bool(flags & 0x01))


def _connect(number: int, direction: Literal["up", "down"], now: float, body: bytes) -> Packet:
    _, rest = _string(body)
    level, flags = rest[0], rest[1]
    client_id, rest = _string(rest[4:])
    will = None
    if flags & 0x04:
        topic, rest = _string(rest)
        payload, rest = _string(rest)
        will = Publication(topic.decode(), payload, (flags >> 3) & 0x03, bool(flags & 0x20))
    return Packet(
        number,
        direction,
        now,
        PacketType.CONNECT,
        publication=will,
        clean_session=bool(flags & 0x02),
        client_id=client_id.decode(),
        protocol_level=level,
    )


def _string(data: bytes) -> tuple[bytes, bytes]:
    """Split a length-prefixed field (MQTT 3.1.1, 1.5.3) from what follows it."""
    (length,) = struct.unpack_from(">H", data)
    return data[2 : 2 + length], data[2 + length :]
