"""Signing in at a cloud as it runs: the first user, HTTPS, a proxy before it, and the stream of events."""

from __future__ import annotations

import json
import shutil
import signal
import ssl
import subprocess
import sys

import httpx
import pytest
from support.cloud_process import CloudProcess, wait_until

PASSWORD = "correct horse battery"  # noqa: S105 - of a person made up


def _cloud(tmp_path, free_ports, *lines):
    """Return a cloud with other lines in its [http] section; nobody is signed in by itself."""
    mqtt_port, http_port = free_ports(2)
    cloud = CloudProcess(tmp_path, mqtt_port, http_port)
    text = cloud.configuration.read_text().replace(
        'signed_in_as = "operator"\n', "".join(f"{line}\n" for line in lines)
    )
    cloud.configuration.write_text(text)
    return cloud


def _add(cloud, name, role):
    words = [sys.executable, "-m", "plantpulse", "cloud", "users", "add", name, "--role", role]
    subprocess.run(
        [*words, "--config", str(cloud.configuration)], input=PASSWORD, text=True, check=True, capture_output=True
    )


def _sign_in(client, **headers):
    body = {"name": "M. Ruiz", "password": PASSWORD}
    return client.post("/api/v1/session", json=body, headers=headers)


def test_before_the_first_user_nobody_is_let_in_and_the_way_is_said(tmp_path, free_ports):
    with _cloud(tmp_path, free_ports) as cloud, httpx.Client(base_url=cloud.address) as client:
        assert client.get("/api/v1/machines").status_code == 401
        assert client.get("/").status_code == 303
        assert client.get("/healthz").status_code == 200
        assert cloud.log.read_text().count("plantpulse cloud users add NAME --role admin") == 1
        _add(cloud, "M. Ruiz", "admin")  # beside the running cloud
        assert _sign_in(client).status_code == 200
        assert client.get("/api/v1/machines").status_code == 200
        cloud.end(signal.SIGTERM)
        cloud.start()
        assert client.get("/api/v1/machines").status_code == 200  # a restart signs nobody out


def test_who_signs_out_hears_nothing_more(tmp_path, free_ports):
    """A stream is looked at every ten seconds; one that was never allowed does not begin."""
    with _cloud(tmp_path, free_ports) as cloud, httpx.Client(base_url=cloud.address, timeout=60.0) as client:
        _add(cloud, "M. Ruiz", "viewer")
        assert client.get("/api/v1/events").status_code == 401
        _sign_in(client)
        with client.stream("GET", "/api/v1/events") as stream:
            lines = stream.iter_lines()
            assert next(lines) == ": listening"
            with httpx.Client(base_url=cloud.address, cookies=client.cookies) as other:
                headers = {"content-type": "application/json", "origin": cloud.address}
                assert other.delete("/api/v1/session", headers=headers).status_code == 204
            assert [line for line in lines if line.startswith("event")] == []  # and it ends


@pytest.mark.skipif(shutil.which("openssl") is None, reason="needs openssl to make a certificate")
def test_https_by_ourselves(tmp_path, free_ports):
    words = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=localhost"
    files = ["-keyout", tmp_path / "k.pem", "-out", tmp_path / "c.pem", "-addext", "subjectAltName=DNS:localhost"]
    subprocess.run(["openssl", *words.split(), *map(str, files)], check=True, capture_output=True)
    cloud = _cloud(tmp_path, free_ports, 'host = "0.0.0.0"', 'tls_cert = "c.pem"', 'tls_key = "k.pem"')
    port = cloud.address.rpartition(":")[2]
    trusted = ssl.create_default_context(cafile=tmp_path / "c.pem")
    _add(cloud, "M. Ruiz", "admin")
    with cloud.log.open("ab") as log:
        command = [sys.executable, "-m", "plantpulse", "cloud", "serve", "--config", str(cloud.configuration), "--json"]
        process = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        wait_until(lambda: '"console"' in cloud.log.read_text() or process.poll() is not None, 60.0)
        assert json.loads(cloud.log.read_text().splitlines()[-1])["console"] == f"https://0.0.0.0:{port}"
        with httpx.Client(base_url=f"https://localhost:{port}", verify=trusted) as client:
            answer = _sign_in(client)
            assert answer.headers["strict-transport-security"].startswith("max-age=")
            assert answer.headers["set-cookie"].startswith("__Host-plantpulse=")
            assert "Secure" in answer.headers["set-cookie"]
            assert client.get("/api/v1/machines").status_code == 200
        with pytest.raises(httpx.TransportError):
            httpx.get(f"http://127.0.0.1:{port}/healthz")
    finally:
        process.terminate()
        process.wait(20)


@pytest.mark.parametrize(("trusted", "counted"), [('["127.0.0.1"]', "198.51.100.7"), ('["192.0.2.1"]', "127.0.0.1")])
def test_forwarded_headers_are_believed_of_named_proxies_only(tmp_path, free_ports, trusted, counted):
    cloud = _cloud(tmp_path, free_ports, "behind_tls_proxy = true", f"trusted_proxies = {trusted}")
    with cloud, httpx.Client(base_url=cloud.address) as client:
        _add(cloud, "M. Ruiz", "admin")
        answer = _sign_in(client, **{"x-forwarded-for": "198.51.100.7", "x-forwarded-proto": "https"})
        cookie = answer.headers["set-cookie"].split(";")[0]
        headers = {"cookie": cookie}  # Secure: the client itself would not send it over plain HTTP
        (entry,) = client.get("/api/v1/audit", params={"what": "session"}, headers=headers).json()["items"]
        assert entry["detail"]["address"] == counted
        assert client.get("/metrics").status_code == 401


@pytest.mark.parametrize(
    ("lines", "says"),
    [
        (('host = "0.0.0.0"',), "in the open"),
        (('host = "0.0.0.0"', 'tls_cert = "none.pem"', 'tls_key = "none.pem"'), "http.tls_cert"),
    ],
)
def test_without_tls_it_does_not_start_where_others_can_reach_it(tmp_path, free_ports, lines, says):
    cloud = _cloud(tmp_path, free_ports, *lines)
    command = [sys.executable, "-m", "plantpulse", "cloud", "serve", "--config", str(cloud.configuration)]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (ran.returncode, ran.stderr.count("\n")) == (2, 1), ran.stderr
    assert says in ran.stderr
