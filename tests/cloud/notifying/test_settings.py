"""[notify] in a cloud's TOML: every mistake is one line that names the nearest, and no line holds a password."""

from __future__ import annotations

import pytest
from pydantic import BaseModel, ConfigDict

from cloud.notifying.settings import NotifySettings
from cloud.notifying.targets import masked_address, open_targets
from models.contract.errors import ConfigurationError
from models.contract.strict_toml import parse

GOOD = """
[notify]
console = "https://pulse.plant.example/"
holidays = [2026-12-25]
[[notify.target]]
name = "maintenance"
url = "mailto://user:hunter2@plant.example"
quiet = ["22:00-06:00"]
[[notify.target]]
name = "work-orders"
webhook = "https://cmms.plant.example/api?token=hunter2"
secret = "hunter2"
template = '{"title": "{sentence}"}'
[[notify.shift]]
name = "day"
hours = ["mon-fri 06:00-14:00"]
[[notify.shift.extra]]
day = 2026-12-25
hours = ["08:00-10:00"]
[[notify.route]]
name = "all"
shifts = ["day"]
to = ["maintenance"]
digest = ["07:00"]
[[notify.route.escalate]]
after_minutes = 15
to = ["work-orders"]
"""


class File(BaseModel):
    """A file with this one section."""

    model_config = ConfigDict(extra="forbid")
    notify: NotifySettings | None = None


def test_a_complete_configuration_is_read():
    settings = parse(GOOD, "cloud.toml", File)[0].notify
    assert settings.console == "https://pulse.plant.example"
    assert [target.name for target in settings.target] == ["maintenance", "work-orders"]
    assert "hunter2" not in repr(settings)


@pytest.mark.parametrize(
    ("right", "wrong", "expected"),
    [
        ('name = "maintenance"', 'nmae = "maintenance"', ":6: unknown key 'nmae' in [notify.target]"),
        ('to = ["maintenance"]', 'to = ["maintenence"]', "no target 'maintenence', did you mean 'maintenance'?"),
        ('shifts = ["day"]', 'shifts = ["dya"]', "there is no shift 'dya', did you mean 'day'?"),
        ("{sentence}", "{sentense}", "unknown field 'sentense', did you mean 'sentence'?"),
        ("{sentence}", "{sentence", "a brace without its partner"),
        ('\'{"title"', '\'["title"', "is no JSON"),
        ("mon-fri 06:00", "mon-fr 06:00", "'mon-fr 06:00-14:00' is no span of the week"),
        ("mon-fri 06:00", "mon-fry 06:00", "'fry' is no day"),
        ('"07:00"', '"7"', "'7' is no time of day"),
        ('["22:00-06:00"]', '["00:00-24:00"]', "quiet = never ends"),
        ('secret = "hunter2"', "", "a webhook is signed, give one of secret and secret_file"),
        ('webhook = "https', 'webhook = "htps', "must be an address that begins with https://"),
        ('webhook = "https://cmms', 'url = "x://hunter2"\nwebhook = "https://cmms', "exactly one of url, url_file"),
        ('url = "mailto://user:hunter2@plant.example"', 'url = ["hunter2"]', "must be text"),
        ('secret = "hunter2"', "secret = 12345678", "must be text"),
        ('name = "work-orders"', 'name = "maintenance"', "two of [[notify.target]] have the name 'maintenance'"),
        ('[[notify.target]]\nname = "maintenance"', '[notify.target]\nname = "maintenance"', "broken TOML"),
        ('quiet = ["22', 'timeout_s = 0\nquiet = ["22', "notify.target.timeout_s"),
        ("after_minutes = 15", "after_minutes = 0", "should be greater than 0"),
    ],
)
def test_a_mistake_is_one_line_that_names_the_nearest_and_no_secret(right, wrong, expected):
    assert right in GOOD
    with pytest.raises(ConfigurationError) as caught:
        parse(GOOD.replace(right, wrong), "cloud.toml", File)
    message = str(caught.value)
    assert expected in message
    assert "\n" not in message
    assert "hunter2" not in message
    assert "12345678" not in message


def test_a_target_that_is_no_table_is_not_repeated():
    with pytest.raises(ConfigurationError, match=r"write \[\[notify\.target\]\]") as caught:
        parse('[notify]\ntarget = ["mailto://user:hunter2@x"]\nroute = []\n', "cloud.toml", File)
    assert "hunter2" not in str(caught.value)


def test_three_steps_of_escalation_are_refused():
    more = '[[notify.route.escalate]]\nafter_minutes = 5\nto = ["maintenance"]\n'
    parse(GOOD + more, "cloud.toml", File)
    with pytest.raises(ConfigurationError, match=r"notify\.route\.escalate"):
        parse(GOOD + more + more, "cloud.toml", File)


def test_people_see_the_service_and_nothing_behind_it():
    settings = parse(GOOD, "cloud.toml", File)[0].notify
    assert [masked_address(target) for target in settings.target] == ["mailto://…", "https://cmms.plant.example/…"]


def opened(tmp_path, target: str):
    text = f'[notify]\n[[notify.target]]\nname = "t"\n{target}\n[[notify.route]]\nname="r"\nto=["t"]\n'
    return open_targets(parse(text, "cloud.toml", File)[0].notify.beside(tmp_path))


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ('url = "mailtoo://user:hunter2@x.example"', "no service is called 'mailtoo', did you mean 'mailto'?"),
        ('url = "hunter2"', "no service is called 'hunter2'"),
        ('url = "slack://hunter2"', "slack:// cannot be used like this"),
        ('url_file = "none"', "cannot be read (No such file or directory)"),
    ],
)
def test_an_address_that_cannot_work_is_said_before_anything_starts(tmp_path, target, expected):
    with pytest.raises(ConfigurationError) as caught:
        opened(tmp_path, target)
    assert expected in str(caught.value)
    assert "[[notify.target]] 't'" in str(caught.value)
    if target != 'url = "hunter2"':
        assert "hunter2" not in str(caught.value)


def test_an_address_may_stand_in_a_file_that_only_the_service_may_read(tmp_path):
    secret = tmp_path / "target.url"
    secret.write_text("json://127.0.0.1:1/x\n")
    secret.chmod(0o640)
    with pytest.raises(ConfigurationError, match="others may read it: chmod 600"):
        opened(tmp_path, 'url_file = "target.url"')
    secret.chmod(0o600)
    assert opened(tmp_path, 'url_file = "target.url"').keys() == {"t"}
    secret.write_text("\n")
    with pytest.raises(ConfigurationError, match="is empty"):
        opened(tmp_path, 'url_file = "target.url"')
