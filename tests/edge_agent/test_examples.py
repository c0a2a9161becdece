"""The examples that people begin with are configurations that the gateway takes, sources included."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge_agent.assembly import machine_setup
from edge_agent.configuration import read_settings, source_options, source_request
from edge_agent.sources import source_module

EXAMPLES = sorted(
    path
    for path in (Path(__file__).parents[2] / "docs" / "examples").glob("*.toml")
    if "[cloud]" not in path.read_text()
)


def test_there_is_one_for_what_vibrates_and_one_for_what_is_slow():
    kinds = {machine.kind for path in EXAMPLES for machine in read_settings(path).machine}
    assert kinds == {"vibration", "process"}


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_is_valid_down_to_its_pipeline(path, tmp_path):
    for machine in read_settings(path).machine:
        source = source_module(machine.source.kind).open_source(
            source_request(machine, tmp_path), source_options(machine)
        )
        assert machine_setup(machine, source).pipeline is not None
