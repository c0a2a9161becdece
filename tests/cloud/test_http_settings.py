"""Passwords never travel in the open: what a configuration may say about HTTP, and what it may not."""

from __future__ import annotations

import pytest

from cloud.configuration import read_configuration
from models.contract.errors import ConfigurationError

TLS = 'tls_cert = "c.pem"\ntls_key = "k.pem"\n'


def _settings(tmp_path, text):
    path = tmp_path / "cloud.toml"
    path.write_text(f"[http]\n{text}", encoding="utf-8")
    return read_configuration(path).http


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5", "plant.example"])  # noqa: S104 - that is the point
def test_other_machines_only_with_tls(tmp_path, host):
    with pytest.raises(ConfigurationError, match=r"cloud\.toml:2: http: host = .*in the open.*tls_cert"):
        _settings(tmp_path, f'host = "{host}"\n')
    assert _settings(tmp_path, f'host = "{host}"\n{TLS}').has_tls
    assert _settings(tmp_path, f'host = "{host}"\nbehind_tls_proxy = true\n').has_tls


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "::1", "localhost"])
def test_this_machine_needs_none(tmp_path, host):
    settings = _settings(tmp_path, f'host = "{host}"\n')
    assert settings.is_private
    assert not settings.has_tls


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('tls_cert = "c.pem"\n', "tls_key"),
        ('signed_in_as = "demo"\nbehind_tls_proxy = true\n', "loopback only"),
        (f'signed_in_as = "demo"\nhost = "0.0.0.0"\n{TLS}', "loopback only"),
        ('signed_in_as = "clock"\n', "no person"),
        ('trusted_proxies = ["10.0.0.1"]\n', "behind_tls_proxy"),
        ('behind_tls_proxy = true\ntrusted_proxies = ["*"]\n', "no address"),
        ("session_idle_h = 0\n", "greater than 0"),
        ("session_longest_h = 100000\n", "less than"),
    ],
)
def test_what_makes_no_sense_is_refused(tmp_path, text, says):
    with pytest.raises(ConfigurationError, match=says):
        _settings(tmp_path, text)


def test_files_are_relative_to_the_configuration(tmp_path):
    assert _settings(tmp_path, TLS).tls_cert == tmp_path / "c.pem"
