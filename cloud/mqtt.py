"""The session with the broker: our STATE, our subscriptions, messages in, commands out. The only user of paho here.

One thread owns the client and its socket, in this order: connect with the will, subscribe, say that we are online,
then read, write and keep alive until the connection breaks; wait, and again. When the inbox is full the socket is
not read: the broker and then the gateways hold back, and nothing piles up here.

Source: Sparkplug B 3.0.0, sections 5.5 and 6.4.28 (host application, STATE).
"""

from __future__ import annotations

import json
import random
import select
import socket
import ssl
import time
import uuid
from collections import deque
from typing import TYPE_CHECKING, Any, Final

from paho.mqtt.client import MQTT_ERR_SUCCESS, MQTT_LOG_ERR, Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from cloud.configuration import ALL_GROUPS
from cloud.planning import Arrival, Connected, Disconnected, Message
from models.contract.topics import NAMESPACE, state_topic

if TYPE_CHECKING:
    import queue
    import threading
    from collections.abc import Callable, Sequence

    from paho.mqtt.properties import Properties
    from paho.mqtt.reasoncodes import ReasonCode

    from cloud.configuration import MqttSettings
    from cloud.ingest import Command
    from cloud.status import Status

FIRST_PAUSE_S: Final = 0.5
LAST_PAUSE_S: Final = 30.0
CONNECT_S: Final = 10.0
FAREWELL_S: Final = 2.0
POLL_MS: Final = 500
PAUSED_POLL_MS: Final = 50
READS_PER_TURN: Final = 200
"""Packets read before commands get their turn."""

MAX_COMMANDS: Final = 10_000
"""Commands that wait while the broker is away; they are answers that gateways ask for again."""


class BrokerLink:
    """Keeps one session with the broker, in one thread.

    Args:
        settings: the broker.
        host_id: our Sparkplug host id.
        groups: Sparkplug groups to subscribe to.
        inbox: where messages go; bounded.
        status: where counts and problems go.
        now_ms: ms UTC.
    """

    def __init__(
        self,
        settings: MqttSettings,
        *,
        host_id: str,
        groups: Sequence[str],
        inbox: queue.Queue[Arrival],
        status: Status,
        now_ms: Callable[[], int],
    ) -> None:
        self._settings = settings
        self._state_topic = state_topic(host_id)
        self._host_id = host_id
        self._groups = groups
        self._inbox = inbox
        self._status = status
        self._now_ms = now_ms
        self._commands: deque[Command] = deque(maxlen=MAX_COMMANDS)
        self._overflow: deque[Arrival] = deque()
        self._wake_receiver, self._wake_sender = socket.socketpair()
        self._wake_receiver.setblocking(False)  # noqa: FBT003 - the only way socket takes it
        self._wake_sender.setblocking(False)  # noqa: FBT003 - the only way socket takes it
        self._state_ms = 0
        self._failure = ""
        self._connected = False
        self._paused = False
        self._read = 0

    def send(self, command: Command) -> None:
        """Publish a command soon; may be called from any thread."""
        self._commands.append(command)
        self.wake()

    def wake(self) -> None:
        """Have the thread look up; may be called from any thread."""
        try:
            self._wake_sender.send(b"\0")
        except BlockingIOError:
            # It is awake already.
            return

    def run(self, stop: threading.Event) -> None:
        """Keep the session until told to stop, then say that we are offline and leave."""
        pause_s = FIRST_PAUSE_S
        while not stop.is_set():
            if self._session(stop):
                pause_s = FIRST_PAUSE_S
            # Jitter, so that a broker that comes back is not met by everyone at once.
            if stop.wait(pause_s * random.uniform(0.5, 1.0)):  # noqa: S311 - spreading load is no cryptography
                break
            pause_s = min(2 * pause_s, LAST_PAUSE_S)
        self._wake_receiver.close()
        self._wake_sender.close()

    def _session(self, stop: threading.Event) -> bool:
        """Run one session; return whether it ever stood."""
        stood = False
        try:
            client = self._client()
        except (OSError, ValueError) as error:
            self._status.broker_problem = (
                f"mqtt.ca_file, mqtt.certificate_file or mqtt.key_file cannot be used ({_reason(error)})"
            )
            return False
        try:
            client.connect(self._settings.host, self._settings.port, self._settings.keepalive_s)
            while not stop.is_set() and client.socket() is not None and self._turn(client):
                stood = stood or self._connected
            if stop.is_set() and self._connected:
                self._farewell(client)
        except OSError as error:
            self._status.broker_problem = f"no connection ({_reason(error)})"
        finally:
            if self._connected:
                self._put(Disconnected())
            self._connected = self._status.broker_connected = False
            if (sock := client.socket()) is not None:
                sock.close()
        return stood

    def _client(self) -> Client:
        """Return a new client with a will of its own time: a session's birth and death carry the same."""
        self._state_ms = self._now_ms()
        self._failure = ""
        client = Client(
            CallbackAPIVersion.VERSION2,
            client_id=f"plantpulse-{self._host_id}-{uuid.uuid4().hex[:8]}",
            clean_session=True,
            protocol=MQTTProtocolVersion.MQTTv311,
            reconnect_on_failure=False,
        )
        if self._settings.tls:
            client.tls_set_context(_tls(self._settings))
        client.connect_timeout = CONNECT_S
        client.on_connect = self._on_connect
        client.on_subscribe = self._on_subscribe
        client.on_message = self._on_message
        client.on_disconnect = self._on_disconnect
        client.on_log = self._on_log
        if self._settings.username is not None:
            client.username_pw_set(self._settings.username, self._settings.password)
        client.will_set(self._state_topic, self._state(online=False), qos=1, retain=True)
        return client

    def _state(self, *, online: bool, at_ms: int | None = None) -> bytes:
        return json.dumps({"online": online, "timestamp": self._state_ms if at_ms is None else at_ms}).encode()

    def _turn(self, client: Client) -> bool:
        """Wait for something to do and do it; return False when the connection is gone."""
        self._status.waiting = self._inbox.qsize()
        reading = self._may_read()
        sock: Any = client.socket()
        interest = (select.POLLIN if reading else 0) | (select.POLLOUT if client.want_write() else 0)
        poll = select.poll()
        poll.register(sock, interest)
        poll.register(self._wake_receiver, select.POLLIN)
        events = dict(poll.poll(POLL_MS if reading else PAUSED_POLL_MS))
        if self._wake_receiver.fileno() in events:
            self._wake_receiver.recv(4096)
        happened = events.get(sock.fileno(), 0)
        if happened & ~select.POLLOUT:
            self._read_packets(client)
        if self._connected:
            while self._commands:
                command = self._commands.popleft()
                client.publish(command.topic, command.payload, qos=0)
        if happened & select.POLLOUT and client.socket() is not None:
            client.loop_write()
        result = client.loop_misc() if client.socket() is not None else None
        return result == MQTT_ERR_SUCCESS

    def _read_packets(self, client: Client) -> None:
        """Read until nothing comes any more, others want their turn, or the inbox is full."""
        for _ in range(READS_PER_TURN):
            before = self._read
            if client.socket() is None or client.loop_read() != MQTT_ERR_SUCCESS:
                return
            # What TLS has already decrypted makes no socket readable.
            more = isinstance(sock := client.socket(), ssl.SSLSocket) and sock.pending() > 0
            if (self._read == before and not more) or self._overflow:
                return

    def _may_read(self) -> bool:
        """Return whether the inbox has room; once it was full, only after half of it is free again."""
        while self._overflow and not self._inbox.full():
            self._inbox.put_nowait(self._overflow.popleft())
        limit = self._settings.queue_messages
        if self._overflow or (self._paused and self._inbox.qsize() > limit // 2):
            if not self._paused:
                self._status.pauses += 1
            self._paused = True
        else:
            self._paused = False
        return not self._paused

    def _put(self, arrival: Arrival) -> None:
        """Put an arrival into the inbox, in order; what was read already and does not fit waits here."""
        if self._overflow or self._inbox.full():
            self._overflow.append(arrival)
        else:
            self._inbox.put_nowait(arrival)

    def _on_connect(
        self, client: Client, _data: Any, _flags: Any, reason: ReasonCode, _properties: Properties | None
    ) -> None:
        if reason.is_failure:
            self._status.broker_problem = f"the broker refused the connection ({reason})"
            return
        everything = [f"{NAMESPACE}/#"]
        groups = everything if ALL_GROUPS in self._groups else [f"{NAMESPACE}/{group}/#" for group in self._groups]
        client.subscribe([(self._state_topic, 1), *((topic, 1) for topic in groups)])

    def _on_subscribe(
        self, client: Client, _data: Any, _mid: int, reasons: list[ReasonCode], _properties: Properties | None
    ) -> None:
        if any(reason.is_failure for reason in reasons):
            self._status.broker_problem = "the broker refused our subscriptions: allow this user to read spBv1.0/#"
            client.disconnect()
            return
        # Births only after the subscriptions stand: whoever waits for us to be online speaks at once.
        client.publish(self._state_topic, self._state(online=True), qos=1, retain=True)
        self._put(Connected())
        self._connected = self._status.broker_connected = True
        self._status.broker_problem = ""
        self._status.connections += 1

    def _on_message(self, client: Client, _data: Any, message: MQTTMessage) -> None:
        self._read += 1
        try:
            topic = message.topic
        except UnicodeDecodeError:
            topic = repr(message._topic)  # noqa: SLF001 - the bytes are nowhere else
        if topic == self._state_topic:
            self._correct_state(client, bytes(message.payload))
            return
        self._put(Message(topic, bytes(message.payload), message.retain, self._now_ms()))

    def _correct_state(self, client: Client, payload: bytes) -> None:
        """Say that we are online if anything says otherwise, such as the late will of a former session.

        Source: tck-id-operational-behavior-host-application-host-id, -connect-birth.
        """
        try:
            online = json.loads(payload).get("online")
        except (ValueError, AttributeError):
            online = None
        if online is not True and self._connected:
            client.publish(self._state_topic, self._state(online=True), qos=1, retain=True)

    def _on_disconnect(
        self, _client: Client, _data: Any, _flags: Any, reason: ReasonCode, _properties: Properties | None
    ) -> None:
        if reason.is_failure:
            hint = ""
            if self._settings.tls and not self._connected:
                # A broker that does not like a certificate hangs up; whether it gets to say why is chance.
                shown = self._settings.certificate_file
                hint = f": look whether mqtt.certificate_file {shown} is valid and the plant's"
                hint = hint if shown else ": it may ask for a certificate"
            self._status.broker_problem = f"the connection broke ({self._failure or reason}){hint}"

    def _on_log(self, _client: Client, _data: Any, level: int, text: str) -> None:
        """Remember what the socket said last: of a certificate that is refused, paho's reason says nothing."""
        if level == MQTT_LOG_ERR:
            self._failure = text

    def _farewell(self, client: Client) -> None:
        """Send the last commands, say that we are offline, wait a moment for the broker to have it, and leave."""
        while self._commands:
            command = self._commands.popleft()
            client.publish(command.topic, command.payload, qos=0)
        # Source: tck-id-host-topic-phid-death-payload-timestamp-disconnect-clean: the time of the disconnect.
        farewell = self._state(online=False, at_ms=self._now_ms())
        told = client.publish(self._state_topic, farewell, qos=1, retain=True)
        # What still comes in is not ours to store any more; only the confirmation is waited for.
        self._connected = False
        client.on_message = None
        until_s = time.monotonic() + FAREWELL_S
        while not told.is_published() and time.monotonic() < until_s:
            if client.loop(timeout=0.05) != MQTT_ERR_SUCCESS:
                return
        client.disconnect()
        client.loop(timeout=0.1)


def _tls(settings: MqttSettings) -> ssl.SSLContext:
    """Return what a connection needs: at least TLS 1.2, the broker's name and certificate checked.

    Raises:
        OSError, ValueError: a file cannot be read, or key and certificate are not a pair.
    """
    context = ssl.create_default_context(cafile=settings.ca_file)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if settings.certificate_file is not None:
        # A key with a passphrase would have the library ask at a terminal that is not there.
        context.load_cert_chain(settings.certificate_file, settings.key_file, password="")
    return context


def _reason(error: Exception) -> str:
    return (isinstance(error, OSError) and error.strerror) or str(error)
