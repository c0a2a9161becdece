"""One recorded session of the real agent and the real cloud with a real Mosquitto, tapped on both wires.

What happens, in order, each step marked by the number of packets seen before it:

    born        broker, cloud and agent start; data flows until the payload's seq has wrapped; meanwhile the recording
                that the third machine lives from comes to its end
    rebirth     a foreign host asks for a rebirth
    cut         the gateway's connection is cut; it comes back
    killed      the agent is killed and started again
    lost        one DDATA is lost on its way to the cloud; the cloud asks for a rebirth
    offline     somebody publishes `online: false` in the cloud's name
    host_killed the cloud is killed and started again with its stores
    forgotten   the cloud is killed and comes back without its stores: it knows no birth
    stopped     agent and cloud are stopped in the ordinary way
"""

from __future__ import annotations

import functools
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import numpy as np
import paho.mqtt.client as mqtt
import pytest
from support.broker import Mosquitto
from support.mqtt_tap import MqttTap, Packet, PacketType

from models.contract.sparkplug import DataType, Metric, Payload, decode_payload, encode_payload
from models.contract.topics import parse_topic

GROUP, GATEWAY, HOST = "tck-plant", "gateway-1", "tck-host"

AGENT_TOML = (
    """
[gateway]
group = "{group}"
name = "{gateway}"
asset_id = "8c1f8a52-6a57-4a52-9b7c-0f2f4a3c1d00"
data_dir = "{directory}/agent"
host_id = "{host}"
[mqtt]
host = "127.0.0.1"
port = {port}
"""
    + "".join(
        f"""
[[machine]]
name = "pump-{number}"
asset_id = "8c1f8a52-6a57-4a52-9b7c-0f2f4a3c1d0{number}"
class = "pump"
speed_rpm = 1480.0
summary_interval_s = 1.0
[machine.source]
kind = "simulated"
seed = {number}
speed = 20.0
start = "2026-01-01T00:00:00Z"
[[machine.channel]]
name = "DE.H"
unit = "g"
[machine.window]
length_s = 0.25
overlap = 0.0
[machine.learning]
windows = 40
"""
        for number in (1, 2)
    )
    + """
[[machine]]
name = "press-3"
asset_id = "8c1f8a52-6a57-4a52-9b7c-0f2f4a3c1d03"
class = "press"
summary_interval_s = 1.0
[machine.source]
kind = "replay"
files = ["press.npz"]
[[machine.channel]]
name = "DE.H"
unit = "g"
[machine.window]
length_s = 0.25
overlap = 0.0
"""
)
"""Two machines that run for ever, and one whose data end after `PRESS_S`."""

PRESS_S = 4.0
PRESS_RATE_HZ = 4096.0

CLOUD_TOML = """
[cloud]
data_dir = "{directory}/cloud"
host_id = "{host}"
[mqtt]
host = "127.0.0.1"
port = {port}
[http]
port = {http_port}
signed_in_as = "operator"
"""


@dataclass(frozen=True, slots=True)
class Message:
    """One publication of a side, taken apart."""

    number: int
    link: int
    kind: str
    machine: str | None
    topic: str
    qos: int
    retain: bool
    payload: Payload


@dataclass(slots=True)
class Session:
    """Everything that passed, and where in it each step began."""

    gateway: list[Packet] = field(default_factory=list)
    host: list[Packet] = field(default_factory=list)
    seen: list[mqtt.MQTTMessage] = field(default_factory=list)
    marks: dict[str, tuple[int, int]] = field(default_factory=dict)
    stale: dict[str, object] = field(default_factory=dict)
    after_ddeath: list[dict[str, object]] = field(default_factory=list)

    def of_gateway(self, *kinds: str, since: str = "born", until: str | None = None) -> list[Message]:
        """Return what the gateway published between two steps."""
        return _messages(self.gateway, kinds, self._range(0, since, until))

    def of_host(self, *kinds: str, since: str = "born", until: str | None = None) -> list[Message]:
        """Return the commands the cloud published between two steps."""
        return _messages(self.host, kinds, self._range(1, since, until))

    def states(self, since: str = "born", until: str | None = None) -> list[Packet]:
        """Return the STATE messages the cloud published between two steps."""
        numbers = self._range(1, since, until)
        return [
            packet
            for number, packet in enumerate(self.host)
            if number in numbers
            and packet.type == PacketType.PUBLISH
            and packet.direction == "up"
            and packet.publication is not None
            and packet.publication.topic == f"spBv1.0/STATE/{HOST}"
        ]

    def connects(self, side: str) -> list[Packet]:
        """Return every CONNECT of a side."""
        return [p for p in getattr(self, side) if p.type == PacketType.CONNECT]

    def _range(self, column: int, since: str, until: str | None) -> range:
        end = self.marks[until][column] if until else 10**9
        return range(self.marks[since][column], end)


@functools.cache
def _decoded(payload: bytes) -> Payload:
    return decode_payload(payload)


def _messages(packets: list[Packet], kinds: tuple[str, ...], numbers: range) -> list[Message]:
    messages = []
    for number, packet in enumerate(packets):
        if number not in numbers or packet.type != PacketType.PUBLISH or packet.direction != "up":
            continue
        publication = packet.publication
        assert publication is not None
        if publication.topic.startswith("spBv1.0/STATE/"):
            continue
        topic = parse_topic(publication.topic)
        if kinds and topic.message_type not in kinds:
            continue
        messages.append(
            Message(
                number,
                packet.link,
                topic.message_type,
                topic.machine,
                publication.topic,
                publication.qos,
                publication.retain,
                _decoded(publication.payload),
            )
        )
    return messages


class Program:
    """A `plantpulse` process of the session."""

    def __init__(self, log: Path, *words: str) -> None:
        """Start it; what it says goes to the log."""
        with log.open("ab") as stream:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "plantpulse", *words], stdout=stream, stderr=stream, env=os.environ
            )

    def end(self, how: signal.Signals) -> None:
        """Send a signal and wait for the end."""
        self.process.send_signal(how)
        self.process.wait(timeout=20)


def _wait(condition: Callable[[], bool], what: str, timeout_s: float = 40.0) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > deadline:
            pytest.fail(f"waited {timeout_s:g} s in vain: {what}")
        time.sleep(0.05)


def _count(tap: MqttTap, kind: str, topic_part: str) -> int:
    return sum(
        1
        for p in tap.publications()
        if p.publication and f"/{kind}/" in p.publication.topic and topic_part in p.publication.topic
    )


@pytest.fixture(scope="session")
def session(tmp_path_factory: pytest.TempPathFactory) -> Session:
    """Run the whole story once and return what passed on the wires."""
    if not (shutil.which("mosquitto") or Path("/usr/sbin/mosquitto").exists()):
        if os.environ.get("CI") == "true":
            pytest.fail("needs mosquitto, which CI must have: run make services", pytrace=False)
        pytest.skip("needs mosquitto")
    directory = tmp_path_factory.mktemp("tck")
    record = Session()
    with Mosquitto(directory, _free_port()) as broker, MqttTap(broker.port) as up, MqttTap(broker.port) as down:
        observer = _observe(broker.port, record)
        play = _Play(directory, record, broker, up, down, observer)
        try:
            play.run()
        finally:
            play.clean_up()
            record.gateway, record.host = list(up.packets), list(down.packets)
    return record


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _observe(port: int, record: Session) -> mqtt.Client:
    """Subscribe like any other host would."""
    observer = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, "observer")
    observer.on_message = lambda _client, _userdata, message: record.seen.append(message)
    observer.connect("127.0.0.1", port)
    observer.subscribe("spBv1.0/#", 1)
    observer.loop_start()
    return observer


@dataclass(slots=True)
class _Play:
    directory: Path
    record: Session
    broker: Mosquitto
    up: MqttTap
    down: MqttTap
    observer: mqtt.Client
    agent: Program | None = None
    cloud: Program | None = None
    http_port: int = 0

    def run(self) -> None:
        """Go through the steps of the module's docstring."""
        self._born()
        self._rebirth()
        self._cut()
        self._killed()
        self._lost()
        self._offline()
        self._host_killed()
        self._forgotten()
        self._stopped()

    def clean_up(self) -> None:
        """Leave nothing running."""
        for program in (self.agent, self.cloud):
            if program is not None and program.process.poll() is None:
                program.end(signal.SIGKILL)
        self.observer.loop_stop()
        self.observer.disconnect()

    def _mark(self, step: str) -> None:
        self.record.marks[step] = (len(self.up.packets), len(self.down.packets))

    def _start_cloud(self, directory: str = "") -> None:
        self.http_port = self.http_port or _free_port()
        path = self.directory / "cloud.toml"
        place = self.directory / directory if directory else self.directory
        path.write_text(CLOUD_TOML.format(directory=place, host=HOST, port=self.down.port, http_port=self.http_port))
        self.cloud = Program(self.directory / "cloud.log", "cloud", "serve", "--config", str(path))

    def _start_agent(self) -> None:
        path = self.directory / "agent.toml"
        samples = np.random.default_rng(3).standard_normal(int(PRESS_S * PRESS_RATE_HZ)).astype(np.float32)
        np.savez(self.directory / "press.npz", acc_g=samples, fs_hz=PRESS_RATE_HZ)
        path.write_text(
            AGENT_TOML.format(directory=self.directory, group=GROUP, gateway=GATEWAY, host=HOST, port=self.up.port)
        )
        self.agent = Program(self.directory / "agent.log", "agent", "run", "--config", str(path))

    def _states(self) -> int:
        return sum(1 for p in self.down.publications() if p.publication and "/STATE/" in p.publication.topic)

    def _births(self) -> int:
        return _count(self.up, "NBIRTH", GATEWAY)

    def _data(self) -> int:
        return _count(self.up, "DDATA", GATEWAY)

    def _more_data(self, count: int, what: str) -> None:
        before = self._data()
        _wait(lambda: self._data() >= before + count, what)

    def _born(self) -> None:
        self._mark("born")
        self._start_cloud()
        _wait(lambda: self._states() >= 1, f"STATE of the cloud; see {self.directory}/cloud.log")
        self._start_agent()
        _wait(lambda: self._births() >= 1, f"NBIRTH; see {self.directory}/agent.log")
        _wait(lambda: _count(self.up, "DDEATH", "press-3") >= 1, f"DDEATH; see {self.directory}/agent.log")
        _wait(self._press_is_stale, "the API's word that one machine is stale after its DDEATH, and no other")
        _wait(lambda: self._data() >= 300, "enough data for seq to wrap", 120)

    def _rebirth(self) -> None:
        self._mark("rebirth")
        births = self._births()
        payload = Payload(
            timestamp_ms=int(time.time() * 1000),
            seq=None,
            metrics=(Metric(name="Node Control/Rebirth", alias=None, datatype=DataType.BOOLEAN, value=True),),
        )
        self.observer.publish(f"spBv1.0/{GROUP}/NCMD/{GATEWAY}", encode_payload(payload), qos=0)
        _wait(lambda: self._births() > births, "a rebirth after Node Control/Rebirth")
        self._more_data(3, "data after the rebirth")

    def _cut(self) -> None:
        self._mark("cut")
        births = self._births()
        self.up.cut()
        _wait(lambda: self._births() > births, "the gateway's return after a cut connection")
        self._more_data(3, "data after the cut")

    def _killed(self) -> None:
        self._mark("killed")
        assert self.agent is not None
        births = self._births()
        self.agent.end(signal.SIGKILL)
        _wait(self._machine_is_stale, "the API's word that the machine is stale after NDEATH")
        self._start_agent()
        _wait(lambda: self._births() > births, "the agent's return after a kill")
        self._more_data(3, "data after the kill")

    def _press_is_stale(self) -> bool:
        machines = httpx.get(f"http://127.0.0.1:{self.http_port}/api/v1/machines").json()["items"]
        self.record.after_ddeath = machines
        return {m["name"] for m in machines if m["stale"]} == {"press-3"} and len(machines) == 3

    def _machine_is_stale(self) -> bool:
        base = f"http://127.0.0.1:{self.http_port}/api/v1"
        machines, gateways = (httpx.get(f"{base}/{what}").json()["items"] for what in ("machines", "gateways"))
        self.record.stale = {"machines": machines, "gateways": gateways}
        return bool(machines) and all(m["stale"] for m in machines) and not any(g["online"] for g in gateways)

    def _lost(self) -> None:
        self._mark("lost")
        births = self._births()
        self.down.lose_once(
            lambda p: p.direction == "down" and p.publication is not None and "/DDATA/" in p.publication.topic
        )
        _wait(lambda: self._births() > births, "the cloud's request for a rebirth after a gap")
        self._more_data(3, "data after the gap")

    def _offline(self) -> None:
        self._mark("offline")
        states = self._states()
        lie = json.dumps({"online": False, "timestamp": int(time.time() * 1000)})
        self.observer.publish(f"spBv1.0/STATE/{HOST}", lie, qos=1, retain=True)
        _wait(lambda: self._states() > states, "the cloud's correction of its STATE")

    def _host_killed(self) -> None:
        self._mark("host_killed")
        assert self.cloud is not None
        states = self._states()
        self.cloud.end(signal.SIGKILL)
        _wait(lambda: self._last_state() is False, "the cloud's will")
        self._start_cloud()
        _wait(lambda: self._states() > states, "STATE after the cloud's return")
        commands = _count(self.down, "NCMD", GATEWAY)
        _wait(lambda: _count(self.down, "NCMD", GATEWAY) > commands, "an acknowledgement after the cloud's return")

    def _last_state(self) -> bool | None:
        states = [m for m in self.record.seen if m.topic == f"spBv1.0/STATE/{HOST}"]
        return json.loads(states[-1].payload)["online"] if states else None

    def _forgotten(self) -> None:
        self._mark("forgotten")
        assert self.cloud is not None
        states = self._states()
        self.cloud.end(signal.SIGKILL)
        commands = _count(self.down, "NCMD", GATEWAY)
        self._start_cloud("empty")
        _wait(lambda: self._states() > states, "STATE of the cloud without its stores")
        births = self._births()
        _wait(lambda: _count(self.down, "NCMD", GATEWAY) > commands, "the request for a rebirth when none is known")
        _wait(lambda: self._births() > births, "the birth that was asked for")

    def _stopped(self) -> None:
        self._mark("stopped")
        assert self.agent is not None
        assert self.cloud is not None
        self.agent.end(signal.SIGTERM)
        self.cloud.end(signal.SIGTERM)
        time.sleep(0.5)
