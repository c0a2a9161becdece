"""The line to the broker with TLS and certificates on both sides, on a real Mosquitto."""

from __future__ import annotations

import time
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pytest
from support.authority import Authority
from support.broker import Guard, Mosquitto

from edge_agent.certificate import CertificateClock
from edge_agent.journal import Change
from edge_agent.mqtt_session import Tls
from models.contract.errors import ConfigurationError

from .conftest import STAMP, small_record
from .host import AcknowledgingHost, CountingProxy
from .test_uplink import running, until

pytestmark = [
    pytest.mark.needs("mosquitto"),
    # paho leaves the socket of a handshake that failed to Python, which closes it and complains.
    pytest.mark.filterwarnings("ignore:Exception ignored in. <ssl.SSLSocket:pytest.PytestUnraisableExceptionWarning"),
]

HOST = "127.0.0.1"


@dataclass(frozen=True)
class Line:
    """A guarded broker and the plant's authority."""

    mosquitto: Mosquitto
    port: int
    authority: Authority

    def gateway(self, name: str = "gateway-1", days: float = 90.0) -> Tls:
        """Return what a gateway shows."""
        pair = self.authority.issue(name, days)
        return Tls(self.authority.file, pair.certificate, pair.key)


@pytest.fixture
def other_free_port(free_ports, free_port):
    return next(port for port in free_ports(2) if port != free_port)


@pytest.fixture
def line(tmp_path, free_port, other_free_port):
    authority = Authority(tmp_path)
    guard = Guard(other_free_port, authority.file, authority.issue("broker", 30, HOST))
    with Mosquitto(tmp_path, free_port, guard) as mosquitto:
        yield Line(mosquitto, other_free_port, authority)


@asynccontextmanager
async def refused(opened, port, tls):
    """Run an uplink that cannot get through, and hand out what it says."""
    said: list[str] = []
    async with running(opened, port, said, tls=tls):
        await until(lambda: said, "complaint")
        yield said[0]


async def test_records_are_delivered_through_tls_and_every_byte_of_it_is_counted(opened, line):
    with AcknowledgingHost(line.mosquitto.port) as host:
        async with CountingProxy(line.port) as proxy:
            async with running(opened, proxy.port, tls=line.gateway()) as (uplink, disk):
                await until(lambda: uplink.is_born, "birth")
                await disk.commit(Change(STAMP, tuple(small_record(number) for number in range(1, 201))))
                uplink.wake()
                await until(lambda: disk.journal.pending_records == 0, "acknowledgement")
            assert set(host.deliveries.values()) == {1}
            assert len(host.stored) == 200
            # The other side's farewell may come when nobody counts any more.
            assert uplink.socket_bytes == pytest.approx(proxy.bytes, abs=200)


async def test_without_a_certificate_the_broker_does_not_let_us_in(opened, line):
    async with refused(opened, line.port, Tls(line.authority.file)) as said:
        assert "it may ask for a certificate" in said


async def test_a_certificate_that_has_ended_is_refused(opened, line):
    async with refused(opened, line.port, line.gateway(days=-1.0)) as said:
        assert "look whether" in said
        assert "gateway-1.pem is valid" in said


async def test_a_broker_of_another_authority_is_not_believed(opened, line, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    stranger = Authority(tmp_path / "elsewhere", "stranger")
    tls = line.gateway()
    async with refused(opened, line.port, Tls(stranger.file, tls.certificate_file, tls.key_file)) as said:
        assert "certificate verify failed" in said


async def test_a_broker_whose_certificate_names_another_machine_is_not_believed(
    opened, tmp_path, free_port, other_free_port
):
    authority = Authority(tmp_path)
    guard = Guard(other_free_port, authority.file, authority.issue("broker", 30, "192.0.2.1"))
    with Mosquitto(tmp_path, free_port, guard) as mosquitto:
        tls = Line(mosquitto, other_free_port, authority).gateway()
        async with refused(opened, other_free_port, tls) as said:
            assert "IP address mismatch" in said


async def test_a_plain_connection_to_a_guarded_listener_goes_on_trying(opened, line):
    async with refused(opened, line.port, None) as said:
        assert "trying again" in said


async def test_a_renewed_certificate_is_used_from_the_next_connection_on(opened, line):
    said: list[str] = []
    tls = line.gateway(days=-1.0)
    with AcknowledgingHost(line.mosquitto.port) as host:
        async with running(opened, line.port, said, tls=tls) as (uplink, disk):
            await until(lambda: said, "complaint")
            line.gateway(days=90.0)
            await until(lambda: uplink.is_born, "birth")
            await disk.commit(Change(STAMP, (small_record(1),)))
            uplink.wake()
            await until(lambda: host.stored, "delivery")


@pytest.mark.parametrize(
    ("broken", "words"),
    [
        (lambda _, empty: Tls(empty), "mqtt.ca_file"),
        (lambda _, empty: Tls(empty.with_name("missing.pem")), "No such file"),
        (lambda tls, empty: Tls(tls.ca_file, empty, tls.key_file), "mqtt.certificate_file"),
        (lambda tls, empty: Tls(tls.ca_file, tls.certificate_file, empty), "without passphrase"),
    ],
)
def test_files_that_cannot_be_used_are_named(tmp_path, broken, words):
    authority = Authority(tmp_path)
    pair = authority.issue("gateway-1", 90)
    empty = tmp_path / "empty.pem"
    empty.write_text("")
    with pytest.raises(ConfigurationError, match=words):
        broken(Tls(authority.file, pair.certificate, pair.key), empty).context()


def test_the_key_of_another_certificate_is_refused(tmp_path):
    authority = Authority(tmp_path)
    mine, other = authority.issue("gateway-1", 90), authority.issue("gateway-2", 90)
    with pytest.raises(ConfigurationError, match="cannot be used"):
        Tls(authority.file, mine.certificate, other.key).context()


async def test_the_days_that_are_left(tmp_path):
    authority = Authority(tmp_path)
    for days in (61.5, -3.25):
        clock = CertificateClock(authority.issue("gateway-1", days).certificate)
        assert await clock.days_left(time.time()) == pytest.approx(days, abs=0.01)


async def test_where_there_is_no_certificate_nothing_is_told(tmp_path):
    damaged = tmp_path / "damaged.pem"
    damaged.write_text("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
    for path in (None, tmp_path / "missing.pem", damaged):
        assert await CertificateClock(path).days_left(time.time()) is None
