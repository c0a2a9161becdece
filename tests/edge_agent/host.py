"""A small Sparkplug host that stores what it is told and acknowledges it, and a proxy that counts bytes."""

from __future__ import annotations

import asyncio
import contextlib
import json
import threading
import time
from collections import Counter
from typing import Self

import paho.mqtt.client as mqtt

from models.contract import metrics
from models.contract.acknowledgement import Ranges, format_acknowledged
from models.contract.encoding import record_from_metrics
from models.contract.records import MetricValue, Record
from models.contract.sparkplug import DataType, Metric, Payload, decode_payload, encode_payload, typed_value
from models.contract.topics import MessageType, Topic, parse_topic


class AcknowledgingHost:
    """Knows births, stores records by their id, acknowledges by NCMD while `answers` is set."""

    def __init__(self, port: int) -> None:
        """Connect and subscribe; messages are taken in paho's thread."""
        self.stored: dict[int, Record] = {}
        self.deliveries: Counter[int] = Counter()
        self.historical: dict[int, bool] = {}
        self.births: list[tuple[str, int]] = []
        self.deaths: list[int] = []
        self.machine_deaths: list[str] = []
        self.course: list[str] = []
        self.answers = True
        self.incarnations: list[str] = []
        self._names: dict[tuple[str | None, int], Metric] = {}
        self._lock = threading.Lock()
        self._client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, f"host-{port}-{time.monotonic_ns()}")
        self._client.on_connect = lambda client, *_: client.subscribe("spBv1.0/#", 1)
        self._client.on_message = lambda _client, _data, message: self._take(message.topic, message.payload)
        self._client.reconnect_delay_set(1, 1)
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()

    def __enter__(self) -> Self:
        """Return the running host."""
        return self

    def __exit__(self, *_: object) -> None:
        """Disconnect."""
        self._client.loop_stop()
        self._client.disconnect()

    def say_state(self, host_id: str, *, online: bool, retain: bool = True) -> None:
        """Publish a STATE."""
        text = json.dumps({"online": online, "timestamp": time.time_ns() // 10**6})
        self._client.publish(f"spBv1.0/STATE/{host_id}", text, qos=1, retain=retain)

    def command(self, topic: Topic, *content: Metric) -> None:
        """Write metrics to a gateway."""
        self._client.publish(topic.text, encode_payload(Payload(timestamp_ms=time.time_ns() // 10**6, metrics=content)))

    def _take(self, text: str, data: bytes) -> None:
        if "/STATE/" in text or "CMD/" in text:
            return
        topic, payload = parse_topic(text), decode_payload(data)
        self.course.append(f"{topic.message_type} {topic.machine or topic.gateway}")
        if topic.message_type in (MessageType.NBIRTH, MessageType.DBIRTH):
            self.births.append((topic.machine or topic.gateway, payload.seq or 0))
            for metric in payload.metrics:
                self._names[topic.machine, metric.alias or 0] = metric
                if metric.name == metrics.OUTBOX_INCARNATION:
                    self.incarnations.append(str(metric.value))
        elif topic.message_type is MessageType.NDEATH:
            self.deaths.append(int(payload.metrics[0].value))
        elif topic.message_type is MessageType.DDEATH:
            self.machine_deaths.append(topic.machine)
        elif topic.message_type in (MessageType.NDATA, MessageType.DDATA):
            self._store(topic, payload)

    def _store(self, topic: Topic, payload: Payload) -> None:
        received = []
        for metric in payload.metrics:
            born = self._names.get((topic.machine, metric.alias or 0))
            if born is None:
                return  # its birth was missed: not stored, not acknowledged
            received.append(MetricValue(born.name, typed_value(metric.value, born.datatype), metric.timestamp_ms))
        sequence, record = record_from_metrics(topic.machine, received)
        self.stored[record.record_id] = record
        self.deliveries[record.record_id] += 1
        self.historical[record.record_id] = payload.metrics[0].is_historical
        if self.answers:
            text = format_acknowledged(self.incarnations[-1], Ranges.of([sequence]))
            self.command(
                Topic(topic.group, MessageType.NCMD, topic.gateway),
                Metric(name=metrics.OUTBOX_ACKNOWLEDGED, datatype=DataType.STRING, value=text, timestamp_ms=1),
            )


class CountingProxy:
    """Forwards TCP and counts the bytes of both directions; use as an async context manager."""

    def __init__(self, port: int) -> None:
        """Remember where to forward to."""
        self._target = port
        self.bytes = 0
        self.port = 0

    async def __aenter__(self) -> Self:
        """Listen on loopback."""
        self._server = await asyncio.start_server(self._link, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        """Stop listening."""
        self._server.close()

    async def _link(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # An MQTT client speaks first: its CONNECT counts even when nobody stands behind to take it.
        first = await reader.read(65_536)
        self.bytes += len(first)
        try:
            up_reader, up_writer = await asyncio.open_connection("127.0.0.1", self._target)
        except OSError:
            writer.close()
            return
        up_writer.write(first)
        await asyncio.gather(self._pump(reader, up_writer), self._pump(up_reader, writer))

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(65_536):
                self.bytes += len(data)
                writer.write(data)
                await writer.drain()
        writer.close()
