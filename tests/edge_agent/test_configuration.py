"""A configuration is right, or one line says which key on which line is wrong and what would be right."""

from __future__ import annotations

import pytest

from edge_agent.configuration import configuration_hash, parse_settings, read_settings, source_options, source_request
from models.contract.errors import ConfigurationError

GOOD = """
[gateway]
group = "demo-plant"
name = "gateway-1"
asset_id = "6f1c7a52-94a7-4f5f-8a0e-0d7a2f3c1b11"
data_dir = "./gateway-1"

[[machine]]
name = "pump-1"
asset_id = "6f1c7a52-94a7-4f5f-8a0e-0d7a2f3c1b12"
class = "pump"
speed_rpm = 1480
machine_group = 2
support = "rigid"
  [machine.source]
  kind = "replay"
  files = ["a.mat", {path = "b.mat", sample_rate_hz = 12000.0}]
  speed = 10.0
  start = "2026-03-01T08:00:00Z"
  [[machine.channel]]
  name = "DE.H"
  unit = "g"
  bearing_orders = {bpfo = 3.58, bpfi = 5.42, bsf = 2.36, ftf = 0.398}
  [[machine.channel]]
  name = "DE.V"
  unit = "mg"
  [machine.window]
  length_s = 1.0
  [machine.alarm]
  on_windows = [3, 5]
"""


def test_a_good_configuration_is_read_with_its_defaults():
    settings = parse_settings(GOOD, "gateway.toml")
    machine = settings.machine[0]
    assert settings.gateway.host_id == "plantpulse"
    assert settings.outbox.synchronous == "FULL"
    assert (machine.machine_class, machine.speed_rpm, machine.alarm.on_windows) == ("pump", 1480.0, (3, 5))
    assert machine.window.overlap == 0.5
    assert source_options(machine).files[1].sample_rate_hz == 12000.0


def test_what_a_source_needs_is_resolved(tmp_path):
    settings = parse_settings(GOOD, "gateway.toml")
    request = source_request(settings.machine[0], tmp_path)
    assert [channel.unit.name for channel in request.channels] == ["g", "mg"]
    assert request.channels[0].bearing.bpfo == 3.58
    assert (request.speed, request.start_ns) == (10.0, 1_772_352_000_000_000_000)


def test_the_data_directory_lies_beside_the_file(tmp_path):
    (tmp_path / "gateway.toml").write_text(GOOD)
    assert read_settings(tmp_path / "gateway.toml").gateway.data_dir == tmp_path / "gateway-1"


def _line_of(text: str, part: str) -> int:
    return next(number for number, line in enumerate(text.splitlines(), start=1) if part in line)


def _with(old: str, new: str) -> str:
    assert old in GOOD
    return GOOD.replace(old, new, 1)


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("  length_s", "  lenght_s", "unknown key 'lenght_s' in [machine.window], did you mean 'length_s'?"),
        ("speed = 10.0", "sped = 10.0", "unknown key 'sped' in [machine.source], did you mean 'speed'?"),
        ("speed_rpm = 1480", "rpm = 1480", "unknown key 'rpm' in [machine], did you mean 'speed_rpm'?"),
        ('group = "demo-plant"', 'group = "demo/plant"', "contains '/': MQTT forbids + # / in ids"),
        ('name = "pump-1"', 'name = "pump+1"', "contains '+': MQTT forbids + # / in ids"),
        ('name = "DE.H"', 'name = "DE#.H"', "contains '#': MQTT forbids + # / in ids"),
        ('name = "DE.H"', 'name = "DEH"', "is not point.axis"),
        ('unit = "g"', 'unit = "gee"', "unknown unit 'gee'"),
        ('unit = "g"', 'unit = "mm/s"', "a vibration channel needs g, mg or m/s2"),
        ('kind = "replay"', 'kind = "reply"', "unknown source kind 'reply', did you mean 'replay'?"),
        ("on_windows = [3, 5]", "on_windows = [5, 3]", "1 <= k <= n"),
        ("length_s = 1.0", "length_s = -1.0", "greater than 0"),
        ("length_s = 1.0", 'length_s = "1"', "valid number"),
        ('start = "2026-03-01T08:00:00Z"', 'start = "yesterday"', 'write "now" or a time such as'),
        ('start = "2026-03-01T08:00:00Z"', 'start = "2026-03-01T08:00:00"', "has no time zone"),
        ('asset_id = "6f1c7a52-94a7-4f5f-8a0e-0d7a2f3c1b12"', 'asset_id = "pump"', "is not a UUID"),
        ("{bpfo = 3.58", "{bpf = 3.58", "unknown key 'bpf'"),
    ],
)
def test_a_mistake_is_named_with_file_line_and_remedy(old, new, expected):
    text = _with(old, new)
    with pytest.raises(ConfigurationError) as caught:
        parse_settings(text, "gateway.toml")
    message = str(caught.value)
    assert message.startswith(f"gateway.toml:{_line_of(text, new)}: ")
    assert expected in message
    assert "\n" not in message


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ('unit = "mg"', 'unit = "gee"', "unknown unit 'gee'"),
        ("bearing_orders = {bpfo = 3.58", "bearing_orders = {bpfo = -3.58", "greater than 0"),
    ],
)
def test_the_mistake_in_the_only_channel_is_what_is_told(old, new, expected):
    first, rest = GOOD.index("  [[machine.channel]]"), GOOD.index("  [machine.window]")
    second = GOOD.index("  [[machine.channel]]", first + 1)
    keeps = (first, second) if old in GOOD[first:second] else (second, rest)
    text = (GOOD[:first] + GOOD[slice(*keeps)] + GOOD[rest:]).replace(old, new)
    with pytest.raises(ConfigurationError) as caught:
        parse_settings(text, "gateway.toml")
    assert str(caught.value).startswith(f"gateway.toml:{_line_of(text, new)}: ")
    assert expected in str(caught.value)
    assert "more)" not in str(caught.value)


def test_group_and_support_belong_together():
    with pytest.raises(
        ConfigurationError, match=r"gateway.toml:8: machine: support is missing: ISO 20816-3 needs both"
    ):
        parse_settings(_with('support = "rigid"\n', ""), "gateway.toml")


def test_a_missing_unit_says_what_a_unit_looks_like():
    with pytest.raises(ConfigurationError, match=r"gateway.toml:20: key 'unit' is missing in \[machine.channel\]: say"):
        parse_settings(_with('  unit = "g"\n', ""), "gateway.toml")


def test_two_machines_need_two_names():
    machine = GOOD[GOOD.index("[[machine]]") :]
    with pytest.raises(ConfigurationError, match="name 'pump-1' is there twice"):
        parse_settings(GOOD + machine, "gateway.toml")


def test_the_second_machine_has_lines_of_its_own():
    machine = GOOD[GOOD.index("[[machine]]") :].replace("pump-1", "pump-2").replace("1b12", "1b13")
    text = GOOD + machine.replace("length_s", "lenght_s")
    with pytest.raises(ConfigurationError, match=rf"gateway.toml:{_line_of(text, 'lenght_s')}: unknown key"):
        parse_settings(text, "gateway.toml")


def test_broken_toml_says_the_line():
    with pytest.raises(ConfigurationError, match=r"gateway.toml: broken TOML: .*line 3"):
        parse_settings(_with('group = "demo-plant"', 'group = "demo-plant'), "gateway.toml")


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(ConfigurationError, match=r"gateway.toml: cannot be read \(No such file"):
        read_settings(tmp_path / "gateway.toml")


def test_a_file_that_is_no_text(tmp_path):
    (tmp_path / "gateway.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigurationError, match="is not UTF-8 text"):
        read_settings(tmp_path / "gateway.toml")


def test_the_hash_speaks_of_the_content_and_not_of_its_order():
    first = configuration_hash(parse_settings(GOOD, "a"))
    reordered = _with('group = "demo-plant"\nname = "gateway-1"', 'name = "gateway-1"\ngroup = "demo-plant"')
    assert configuration_hash(parse_settings(reordered, "b")) == first
    assert configuration_hash(parse_settings(_with("1480", "1481"), "a")) != first
    assert len(first) == 16


def _with_context(addition):
    return GOOD.replace("  [machine.window]", f"{addition}\n  [machine.window]")


def test_context_channels_are_read_and_only_measured_ones_are_asked_of_the_source(tmp_path):
    text = _with_context(
        """
  [[machine.context]]
  name = "load"
  unit = "%"
  source_channel = "motor_load"
  state_width = 20.0
  [[machine.context]]
  name = "oil_temperature"
  unit = "C"
  value = 60.0
"""
    )
    machine = parse_settings(text, "gateway.toml").machine[0]
    load, oil = (one.channel() for one in machine.context)
    assert (load.name, load.unit, load.state_width, load.constant, load.tolerance_s) == ("load", "%", 20.0, None, 10.0)
    assert (oil.unit, oil.state_width, oil.constant) == ("degC", None, 60.0)
    [wanted] = source_request(machine, tmp_path).context
    assert (wanted.name, wanted.unit.name, wanted.source_channel) == ("load", "%", "motor_load")


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ('name = "Motor load"', "lower-case"),
        ('name = "load"\nunit = "loads"', "unknown unit"),
        ('name = "speed"\nunit = "degC"', "rpm or Hz"),
        ('name = "load"\nvalue = 1.0\nsource_channel = "x"', "value or source_channel"),
        ('name = "load"\nstate_width = 0.0', "state_width"),
        ('name = "load"\nstate_widht = 1.0', "did you mean"),
    ],
)
def test_a_context_channel_that_cannot_be_is_named_with_its_line(keys, message):
    with pytest.raises(ConfigurationError, match=message) as raised:
        parse_settings(_with_context(f"  [[machine.context]]\n{keys}"), "gateway.toml")
    assert "gateway.toml" in str(raised.value)


def test_two_context_channels_of_one_name_are_refused():
    twice = '  [[machine.context]]\n  name = "load"\n' * 2
    with pytest.raises(ConfigurationError, match="context 'load' is there twice"):
        parse_settings(_with_context(twice), "gateway.toml")
