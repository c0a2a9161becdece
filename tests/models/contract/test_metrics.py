"""The catalogue of metrics, and the facts in a machine's birth."""

from __future__ import annotations

import dataclasses

import pytest
from support import contract_examples as examples

from models.contract.errors import RecordError, SchemaTooNewError
from models.contract.facts import ChannelFacts, MachineFacts, format_facts, parse_facts
from models.contract.metrics import UNALIASED_METRICS, machine_metrics, node_metrics
from models.contract.sparkplug import DataType
from models.contract.vocabulary import DropReason

FACTS = MachineFacts(
    machine_class="pump",
    speed_rpm=1480.0,
    machine_group=2,
    support="rigid",
    feature_hash=examples.FEATURE_HASH,
    window_s=1.0,
    summary_interval_s=60.0,
    channels=(
        ChannelFacts("DE.H", "g", 25_600.0, 2, "SKF 6205"),
        ChannelFacts("NDE.H", "m/s²", 25_600.0, 3),
    ),
)


def test_the_fixed_names_are_those_of_the_contract() -> None:
    """Names are only ever added: dashboards of other systems point at them."""
    names = {definition.name for definition in node_metrics(["pump", "pump", "fan"])}
    assert {
        "Outbox/Incarnation",
        "Outbox/SchemaMax",
        "Outbox/Sequence",
        "Outbox/Pending",
        "Outbox/Acknowledged",
        "Outbox/Rejected",
        "Record/Id",
        "Agent/Version",
        "Config/Hash",
        "Config/Target",
        "Clock/Quality",
        "Clock/Offset",
        "Model/pump/Version",
        "Model/pump/Target",
        "Model/fan/State",
        "Evidence/Request",
    } <= names
    assert {f"Outbox/Dropped/{reason.value}" for reason in DropReason} <= names
    machine = {definition.name for definition in machine_metrics(examples.FEATURES)}
    assert {
        "Asset/Id",
        "Outbox/Sequence",
        "Record/Id",
        "Record/Kind",
        "DE.H/velocity_rms",
        "DE.H/velocity_rms/Max",
        "Summary/Vector",
        "OperatingState",
        "HealthIndex",
        "Score",
        "Zone",
        "Learning/Progress",
        "Alarm/Record",
        "Evidence/Chunk",
    } <= machine


def test_no_name_stands_twice() -> None:
    for definitions in (node_metrics(["pump", "fan"]), machine_metrics(examples.FEATURES)):
        names = [definition.name for definition in definitions]
        assert len(names) == len(set(names))


def test_features_have_their_unit_and_go_as_float() -> None:
    by_name = {definition.name: definition for definition in machine_metrics(examples.FEATURES)}
    for name in ("DE.H/velocity_rms", "DE.H/velocity_rms/Max"):
        assert (by_name[name].eng_unit, by_name[name].datatype) == ("mm/s", DataType.FLOAT)


def test_tck_id_payloads_name_bdseq_and_rebirth_have_no_alias() -> None:
    aliased = {definition.name for definition in node_metrics([])}
    assert [(d.name, d.datatype) for d in UNALIASED_METRICS] == [
        ("bdSeq", DataType.INT64),
        ("Node Control/Rebirth", DataType.BOOLEAN),
    ]
    assert not aliased & {definition.name for definition in UNALIASED_METRICS}


@pytest.mark.parametrize("names", [["DE.H/rms", "DE.H/rms"], ["Alarm/Record"], ["Score"], ["a", "a/Max"]])
def test_a_channel_that_would_hide_another_metric_is_refused(names: list[str]) -> None:
    with pytest.raises(RecordError, match="rename the channel"):
        machine_metrics([(name, "1") for name in names])


@pytest.mark.parametrize(
    "facts", [FACTS, dataclasses.replace(FACTS, speed_rpm=None, machine_group=None, support=None, channels=())]
)
def test_facts_come_back_as_they_were(facts: MachineFacts) -> None:
    assert parse_facts(format_facts(facts)) == facts


def test_facts_of_a_newer_version_say_so_and_unknown_keys_do_not_matter() -> None:
    text = format_facts(FACTS)
    assert parse_facts(text.replace("{", '{"later":[1],', 1)) == FACTS
    with pytest.raises(SchemaTooNewError):
        parse_facts(text.replace('"schema":1', '"schema":2'))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"schema":1', '"schema":"1"'),
        ('"speed_rpm":1480.0', '"speed_rpm":NaN'),
        ('"speed_rpm":1480.0', '"speed_rpm":1e999'),
        ('"speed_rpm":1480.0', '"speed_rpm":"fast"'),
        ('"machine_class":"pump"', '"machine_class":"\\u0000"'),
        ('"machine_class":"pump"', '"machine_class":"\\ud800"'),
        ('"word_bytes":2', '"word_bytes":-2'),
        ('"word_bytes":2', '"word_bytes":true'),
        ('"channels":[', '"channels":[1,'),
        ('"window_s":1.0', '"window_s":' + "9" * 5_000),
        ('"window_s":1.0', '"window_s":' + "9" * 400),
    ],
)
def test_facts_of_other_types_are_a_named_error(old: str, new: str) -> None:
    text = format_facts(FACTS)
    assert old in text
    with pytest.raises(RecordError):
        parse_facts(text.replace(old, new))
