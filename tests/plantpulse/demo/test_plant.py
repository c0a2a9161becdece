from __future__ import annotations

import itertools
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import pytest

from cloud.configuration import read_configuration
from edge_agent.configuration import read_settings, source_options, source_request
from edge_agent.sources import source_module
from plantpulse.demo.files import write_files
from plantpulse.demo.plant import (
    FAULTS,
    LEARNING_WINDOWS,
    TIME_LAPSE_S,
    simulated_story,
    start_of_time_lapse,
)
from plantpulse.demo.story import Story

START = datetime(2026, 3, 1, 8, tzinfo=UTC)


def story(seed: int, *, healthy: bool = False) -> Story:
    return simulated_story(seed, healthy=healthy, start=START)


def faults_of(story: Story) -> dict[str, list[dict[str, object]]]:
    return {machine.name: list(machine.source.get("fault", [])) for machine in story.machines}


def test_a_seed_is_a_plant() -> None:
    assert story(7) == story(7)
    assert story(7) != story(8)


def test_exactly_one_machine_fails_and_seeds_cover_every_fault_and_machine() -> None:
    told = [story(seed) for seed in range(100)]
    for one in told:
        failing = {name: faults for name, faults in faults_of(one).items() if faults}
        assert list(failing) == [one.failing[0]]
        assert [fault["fault"] for fault in failing[one.failing[0]]] == [one.failing[1]]
    assert {one.failing[1] for one in told} == set(FAULTS)
    assert len(Counter(one.failing[0] for one in told)) == 3


def test_healthy_means_that_nothing_fails() -> None:
    for seed in range(20):
        one = story(seed, healthy=True)
        assert one.failing is None
        assert not any(itertools.chain.from_iterable(faults_of(one).values()))


def test_one_of_the_healthy_machines_is_stopped_now_and_then() -> None:
    for seed in range(20):
        one = story(seed)
        stopping = [machine for machine in one.machines if "programme" in machine.source]
        assert len(stopping) == 1
        assert stopping[0].name != one.failing[0]
        speeds = [point["speed_rpm"] for point in stopping[0].source["programme"]]
        assert 0.0 in speeds


def test_the_fault_begins_after_the_baseline_is_learnt() -> None:
    learnt_s = LEARNING_WINDOWS * 0.5
    for seed in range(20):
        one = story(seed)
        assert faults_of(one)[one.failing[0]][0]["onset_s"] > learnt_s + 30.0


def test_the_time_lapse_ends_as_it_reaches_the_clock() -> None:
    begun = start_of_time_lapse(START, 10.0)
    behind_s = (START - begun).total_seconds()
    # It gains nine seconds per second, and has played an hour of machine time when it has gained what it was behind.
    assert behind_s / 9.0 * 10.0 == pytest.approx(TIME_LAPSE_S)
    assert start_of_time_lapse(START, 1.0) == START


def test_the_written_files_are_what_the_real_agent_and_the_real_cloud_read(tmp_path: Path) -> None:
    one = story(3)
    files = write_files(one, tmp_path, http_port=8081, mqtt_port=1884)
    settings = read_settings(files.gateway_toml)
    assert [machine.name for machine in settings.machine] == [machine.name for machine in one.machines]
    assert settings.mqtt.port == 1884
    assert settings.gateway.data_dir == files.gateway_dir
    for machine in settings.machine:
        source = source_module(machine.source.kind).open_source(
            source_request(machine, tmp_path), source_options(machine)
        )
        assert source.facts.channels == ("DE.H", "DE.A", "NDE.H")
        assert source.facts.sample_rate_hz == 25_600.0
    cloud = read_configuration(files.cloud_toml)
    assert (cloud.http.port, cloud.mqtt.port, cloud.cloud.host_id) == (8081, 1884, settings.gateway.host_id)


def test_the_same_plant_has_the_same_asset_ids_wherever_it_runs(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    first = read_settings(write_files(story(3), tmp_path / "a", http_port=1, mqtt_port=2).gateway_toml)
    again = read_settings(write_files(story(3), tmp_path / "b", http_port=3, mqtt_port=4).gateway_toml)
    other = read_settings(write_files(story(4), tmp_path / "b", http_port=3, mqtt_port=4).gateway_toml)
    ids = [machine.asset_id for machine in first.machine]
    assert ids == [machine.asset_id for machine in again.machine]
    assert not set(ids) & {machine.asset_id for machine in other.machine}
