"""docs/notifications.md is true: its example is read and opened, its tables name every field."""

from __future__ import annotations

import re
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from cloud.configuration import read_configuration
from cloud.notifying.fields import FIELDS
from cloud.notifying.plan import plan_of
from cloud.notifying.settings import NotifySettings, RouteSettings, ShiftSettings, TargetSettings
from cloud.notifying.targets import open_targets

TEXT = (Path(__file__).parents[3] / "docs" / "notifications.md").read_text(encoding="utf-8")


@pytest.fixture
def example(tmp_path):
    toml = re.search(r"```toml\n(.*?)```", TEXT, re.DOTALL)[1]
    (tmp_path / "cloud.toml").write_text(toml, encoding="utf-8")
    for name, content in (("maintenance.url", "json://127.0.0.1:1/x"), ("work-orders.secret", "s")):
        (tmp_path / name).write_text(content, encoding="utf-8")
        (tmp_path / name).chmod(0o600)
    return tmp_path / "cloud.toml"


def test_the_example_is_read_and_its_targets_open(example):
    settings, zone = read_configuration(example).notify, ZoneInfo("Europe/Berlin")
    assert open_targets(settings).keys() == {"maintenance", "on-call", "work-orders"}
    assert len(plan_of(settings, zone).routes) == 4


def test_the_example_shows_every_key(example):
    toml = example.read_text()
    for model in (NotifySettings, TargetSettings, RouteSettings, ShiftSettings):
        for key in model.model_fields:
            shown = re.search(rf"^(\[\[notify\.)?(\w+\.)*{key}\b", toml, re.MULTILINE)
            # An address and a secret may also stand in the file itself; a machine is named like a class.
            assert shown or key in {"secret", "machines"}, key


def test_every_field_of_a_template_is_documented():
    table = TEXT[TEXT.index("| field |") : TEXT.index("## When it does not work")]
    assert set(FIELDS) <= set(re.findall(r"\w+", table))
