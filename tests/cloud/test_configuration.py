"""The cloud's TOML: every mistake is one line that says where and what to do."""

from __future__ import annotations

from pathlib import Path

import pytest

from cloud.configuration import read_configuration
from models.contract.errors import ConfigurationError, InputError


def _file(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "cloud.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_what_is_not_said_has_a_safe_default(tmp_path):
    settings = read_configuration(_file(tmp_path, ""))
    assert settings.http.host == "127.0.0.1"
    assert settings.cloud.groups == ("#all",)


def test_the_data_directory_is_relative_to_the_file(tmp_path):
    settings = read_configuration(_file(tmp_path, '[cloud]\ndata_dir = "here"\n'))
    assert settings.cloud.data_dir == tmp_path / "here"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[mqtt]\nprt = 1883\n", ":2: unknown key 'prt' in [mqtt], did you mean 'port'?"),
        ("[htp]\nport = 1\n", ":1: unknown key 'htp', did you mean 'http'?"),
        ("[mqtt]\nhost = 'a'\nport = 70000\n", ":3: mqtt.port: input should be less than or equal to 65535"),
        ("[cloud]\nhost_id = 'a/b'\n", ":2: cloud.host_id: id 'a/b' contains '/'"),
        ("[cloud]\ngroups = []\n", ":2: cloud.groups: Tuple should have at least 1 item"),
        ("[retention]\nsummary_days = 0\n", ":2: retention.summary_days: input should be greater than 0"),
        ("[mqtt\n", "broken TOML"),
        ("[plant]\ntime_zone = 'Europe/Berln'\n", ":2: plant.time_zone: there is no time zone 'Europe/Berln', did you"),
        (
            "[[notify.target]]\nname = 't'\nurl = 'json://x'\n[[notify.route]]\nname = 'r'\nto = ['t']\n",
            "[notify] needs the time zone of shifts and messages",
        ),
    ],
)
def test_a_mistake_names_file_line_and_key(tmp_path, text, expected):
    with pytest.raises(ConfigurationError) as caught:
        read_configuration(_file(tmp_path, text))
    message = str(caught.value)
    assert message.startswith(str(tmp_path / "cloud.toml"))
    assert expected in message
    assert "\n" not in message


@pytest.mark.parametrize("content", [None, b"\xff\xfe\x00"])
def test_a_file_that_cannot_be_read_is_bad_input(tmp_path, content):
    path = tmp_path / "cloud.toml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InputError, match=r"cloud\.toml"):
        read_configuration(path)


def test_the_example_for_people_can_be_used():
    settings = read_configuration(Path(__file__).parents[2] / "docs" / "examples" / "cloud.toml")
    assert settings.http.has_tls
    assert settings.book.url is not None
    assert settings.influx is not None
    assert settings.notify is not None
