"""Golden payloads: ours do not change by accident, foreign ones are understood, and npm's library agrees."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
from conftest import npm_modules
from contract.golden_payloads import (
    GOLDEN,
    MACHINE_ALIASES,
    MACHINE_METRICS,
    NODE_ALIASES,
    NODE_METRICS,
    ours,
    plain,
    read_hex,
)
from support import contract_examples as examples

from models.contract.encoding import from_record, record_from_metrics
from models.contract.host_state import parse_state
from models.contract.records import MetricValue
from models.contract.sparkplug import DataSet, DataType, Property, Template, decode_payload, encode_payload, typed_value
from models.contract.topics import parse_state_topic, parse_topic

NPM = Path(__file__).resolve().parent / "npm"
OURS = ours()
PAYLOADS = sorted(name for name in OURS if not name.startswith("state"))
FOREIGN = sorted(path.stem for path in (GOLDEN / "foreign").glob("*.hex"))


def document(path: Path) -> dict[str, Any]:
    """Return what stands beside the bytes."""
    return json.loads(path.with_suffix(".json").read_text())


@pytest.mark.parametrize("name", OURS)
def test_ours_are_still_the_same_bytes(name: str) -> None:
    """Where this fails, gateways in the field write something else than this version does."""
    path = GOLDEN / "ours" / f"{name}.hex"
    assert read_hex(path) == OURS[name].data
    assert document(path)["topic"] == OURS[name].topic


def test_nothing_else_lies_among_ours() -> None:
    assert {path.stem for path in (GOLDEN / "ours").iterdir()} == set(OURS)


@pytest.mark.parametrize("name", PAYLOADS)
def test_ours_are_read_as_described(name: str) -> None:
    path = GOLDEN / "ours" / f"{name}.hex"
    payload = decode_payload(read_hex(path))
    assert plain(payload) == document(path)["read"]
    assert encode_payload(payload) == read_hex(path)
    assert parse_topic(document(path)["topic"]).text == document(path)["topic"]


@pytest.mark.parametrize(("name", "online"), [("state-online", True), ("state-offline", False)])
def test_states_are_read_as_described(name: str, online: bool) -> None:  # noqa: FBT001 - the message's own field
    path = GOLDEN / "ours" / f"{name}.hex"
    assert parse_state(read_hex(path)).online is online
    assert parse_state_topic(document(path)["topic"]) == "plantpulse"


@pytest.mark.parametrize(
    ("name", "sequence", "content"),
    [
        ("ddata-summary", 42, examples.summary()),
        ("ddata-historical", 42, examples.summary()),
        ("ddata-alarm", 44, examples.alarm()),
        ("ddata-evidence", 45, examples.evidence_part()),
        ("ndata-health", 46, examples.health()),
    ],
)
def test_the_stored_bytes_are_still_the_same_content(name: str, sequence: int, content: Any) -> None:
    """The cloud of today reads what the gateway of the day of these files wrote."""
    path = GOLDEN / "ours" / f"{name}.hex"
    topic = parse_topic(document(path)["topic"])
    definitions = NODE_METRICS if topic.machine is None else MACHINE_METRICS
    aliases = NODE_ALIASES if topic.machine is None else MACHINE_ALIASES
    by_alias = {aliases[definition.name]: definition for definition in definitions}
    received = [
        MetricValue(
            by_alias[metric.alias].name,
            typed_value(metric.value, by_alias[metric.alias].datatype),
            metric.timestamp_ms,
        )
        for metric in decode_payload(read_hex(path)).metrics
    ]
    number, record = record_from_metrics(topic.machine, received)
    assert number == sequence
    assert str(from_record(record)) == str(content)


# What tck-ids say about our messages, on the stored bytes.


def test_tck_id_payloads_nbirth_seq_and_bdseq() -> None:
    payload = decode_payload(read_hex(GOLDEN / "ours" / "nbirth.hex"))
    by_name = {metric.name: metric for metric in payload.metrics}
    assert payload.seq == 0
    assert (by_name["bdSeq"].datatype, by_name["bdSeq"].alias) == (DataType.INT64, None)
    assert (by_name["Node Control/Rebirth"].value, by_name["Node Control/Rebirth"].alias) == (False, None)


def test_tck_id_payloads_ndeath_has_bdseq_and_no_seq() -> None:
    payload = decode_payload(read_hex(GOLDEN / "ours" / "ndeath.hex"))
    birth = decode_payload(read_hex(GOLDEN / "ours" / "nbirth.hex"))
    assert payload.seq is None
    assert [(metric.name, metric.value) for metric in payload.metrics] == [("bdSeq", birth.metrics[0].value)]


@pytest.mark.parametrize("name", ["nbirth", "dbirth"])
def test_tck_id_payloads_births_declare_name_datatype_value_and_timestamp(name: str) -> None:
    for metric in decode_payload(read_hex(GOLDEN / "ours" / f"{name}.hex")).metrics:
        assert metric.name is not None
        assert metric.datatype is not None
        assert metric.timestamp_ms is not None
        assert metric.is_null == (metric.value is None)


def test_tck_id_payloads_alias_is_unique_over_node_and_machines() -> None:
    aliases = [
        metric.alias
        for name in ("nbirth", "dbirth")
        for metric in decode_payload(read_hex(GOLDEN / "ours" / f"{name}.hex")).metrics
        if metric.alias is not None
    ]
    assert len(aliases) == len(set(aliases)) == len(NODE_METRICS) + len(MACHINE_METRICS)


@pytest.mark.parametrize("name", [name for name in PAYLOADS if "data" in name])
def test_tck_id_payloads_data_is_alias_value_and_timestamp(name: str) -> None:
    payload = decode_payload(read_hex(GOLDEN / "ours" / f"{name}.hex"))
    assert payload.seq is not None
    for metric in payload.metrics:
        assert (metric.name, metric.datatype) == (None, None)
        assert None not in (metric.alias, metric.timestamp_ms)
        assert metric.is_historical == (name == "ddata-historical")


# Foreign payloads.


@pytest.mark.parametrize("name", FOREIGN)
def test_foreign_payloads_are_read_and_sent_back_as_the_same_bytes(name: str) -> None:
    path = GOLDEN / "foreign" / f"{name}.hex"
    payload = decode_payload(read_hex(path))
    assert plain(payload) == document(path)["read"]
    assert encode_payload(payload) == read_hex(path)
    assert payload.unsupported == 0


def same(sent: Any, read: Any) -> bool:
    """Return whether we read what was given to the npm package (its names for things on the left)."""
    if isinstance(sent, dict) and set(sent) == {"hex"}:
        return read == bytes.fromhex(sent["hex"])
    if isinstance(sent, dict) and set(sent) == {"float"}:
        return read == float(sent["float"])
    if isinstance(read, DataSet):
        types = [DataType(number).name.replace("_", "") for number in read.types]
        return (list(read.columns), types, [list(row) for row in read.rows]) == (
            sent["columns"],
            [name.upper() for name in sent["types"]],
            sent["rows"],
        )
    if isinstance(read, Template):
        return all(same_metric(*pair) for pair in zip(sent["metrics"], read.metrics, strict=True)) and all(
            same_metric(*pair) for pair in zip(sent["parameters"], read.parameters, strict=True)
        )
    if isinstance(read, dict):
        return sent.keys() == read.keys() and all(same_property(sent[key], read[key]) for key in sent)
    return sent == read


def same_property(sent: dict[str, Any], read: Property) -> bool:
    """Return whether type and value of a property are those given."""
    return same_type(sent, read) and same(sent["value"], read.value)


def same_type(sent: dict[str, Any], read: Any) -> bool:
    """Return whether the datatype is the one given by name."""
    return sent["type"].upper() == read.datatype.name.replace("_", "")


def same_metric(sent: dict[str, Any], read: Any) -> bool:
    """Return whether a metric or parameter is the one given."""
    return sent["name"] == read.name and same_type(sent, read) and same(sent["value"], read.value)


@pytest.mark.parametrize("name", [name for name in FOREIGN if name != "client-ddata-compressed"])
def test_foreign_payloads_say_what_was_given_to_the_package(name: str) -> None:
    path = GOLDEN / "foreign" / f"{name}.hex"
    sent, payload = document(path)["sent"], decode_payload(read_hex(path))
    parse_topic(document(path)["topic"])
    if sent is None:
        assert [(metric.name, metric.value) for metric in payload.metrics] == [("bdSeq", 0)]
        return
    assert payload.timestamp_ms == sent["timestamp"]
    assert payload.seq == sent.get("seq")
    for given, metric in zip(sent.get("metrics", []), payload.metrics, strict=True):
        assert same_metric(given, metric), given["name"]
        assert same(given.get("properties", {}), metric.properties), given["name"]
        assert metric.is_historical == given.get("isHistorical", False)
        assert metric.timestamp_ms == given.get("timestamp")


# Live: the npm package reads ours, and makes the golden ones again.


def ask(questions: list[dict[str, Any]]) -> list[Any]:
    """Return npm's answers."""
    done = subprocess.run(
        ["node", str(NPM / "exchange.cjs")],
        input=json.dumps(questions),
        env=os.environ | {"NODE_PATH": str(npm_modules())},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return json.loads(done.stdout)


@pytest.mark.needs("node", "npm/sparkplug-payload")
def test_npm_parses_ours_and_writes_the_same_bytes() -> None:
    answers = ask([{"op": "message", "hex": OURS[name].data.hex()} for name in PAYLOADS])
    assert answers == [OURS[name].data.hex() for name in PAYLOADS]


@pytest.mark.needs("node", "npm/sparkplug-payload")
def test_npm_decodes_ours_and_encodes_the_same_bytes() -> None:
    """Its public functions need datatypes, so births, deaths and the rebirth command."""
    names = ["nbirth", "dbirth", "ndeath", "ddeath", "ncmd-rebirth"]
    answers = ask([{"op": "payload", "hex": OURS[name].data.hex()} for name in names])
    assert answers == [OURS[name].data.hex() for name in names]


@pytest.mark.needs("node", "npm/sparkplug-payload")
@pytest.mark.parametrize("name", [name for name in PAYLOADS if "data" in name])
def test_npm_reads_the_values_of_our_data_as_we_do(name: str) -> None:
    """A host written with npm knows the birth and gets every value, sign and width included."""
    gateway = name.startswith("ndata")
    definitions, aliases = (NODE_METRICS, NODE_ALIASES) if gateway else (MACHINE_METRICS, MACHINE_ALIASES)
    datatypes = {aliases[definition.name]: definition.datatype for definition in definitions}
    (answer,) = ask([{"op": "values", "hex": OURS[name].data.hex(), "datatypes": datatypes}])
    metrics = decode_payload(OURS[name].data).metrics
    assert len(answer["metrics"]) == len(metrics)
    for theirs, mine in zip(answer["metrics"], metrics, strict=True):
        value = typed_value(mine.value, datatypes[mine.alias])
        given = theirs["value"]
        if isinstance(given, dict) and "long" in given:
            given = int(given["long"])
        assert same(given, value), mine.alias


@pytest.mark.needs("node", "npm/sparkplug-payload", "npm/sparkplug-client")
def test_npm_makes_the_foreign_payloads_again(tmp_path: Path) -> None:
    """The files are what these versions of the packages really write."""
    script = tmp_path / "npm" / "make_foreign.cjs"
    script.parent.mkdir()
    script.write_text((NPM / "make_foreign.cjs").read_text())
    subprocess.run(
        ["node", str(script)],
        env=os.environ | {"NODE_PATH": str(npm_modules())},
        timeout=60,
        check=True,
    )
    made = {path.stem: read_hex(path) for path in (tmp_path / "golden" / "foreign").glob("*.hex")}
    assert made == {name: read_hex(GOLDEN / "foreign" / f"{name}.hex") for name in FOREIGN}
