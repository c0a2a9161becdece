from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from pydantic import ValidationError

from edge_agent.sources.base import SourceError, SourcePosition, SourceRequest, WantedChannel, WantedContext
from edge_agent.sources.simulated import Options, SimulatedSource, open_source
from models.contract.units import parse_unit
from models.diagnosis.bearings import find_bearing

if TYPE_CHECKING:
    from models.signal.windows import Block

START_NS = 1_700_000_000_000_000_000


def request(**changes: Any) -> SourceRequest:
    facts: dict[str, Any] = {
        "machine": "pump-1",
        "channels": (
            WantedChannel("DE.H", parse_unit("g"), bearing=find_bearing("SKF 6205")),
            WantedChannel("NDE.H", parse_unit("g")),
        ),
        "sample_rate_hz": 6400.0,
        "speed_rpm": 1480.0,
        "directory": Path(),
        "speed": float("inf"),
        "start_ns": START_NS,
    }
    return SourceRequest(**(facts | changes))


def opened(options: dict[str, Any] | None = None, **changes: Any) -> SimulatedSource:
    return open_source(request(**changes), Options.model_validate({"seed": 5} | (options or {})))


async def first(source: SimulatedSource, count: int, start: SourcePosition) -> list[Block]:
    blocks: list[Block] = []
    async for block in source.blocks(start):
        blocks.append(block)
        if len(blocks) == count:
            break
    return blocks


async def test_half_seconds_in_si_follow_each_other_with_their_times_and_speed() -> None:
    source = opened()
    blocks = await first(source, 4, SourcePosition(epoch=7, next_index=0))
    assert [block.first_index for block in blocks] == [0, 3200, 6400, 9600]
    assert [block.end_ns - START_NS for block in blocks] == [500_000_000 * number for number in (1, 2, 3, 4)]
    assert all(block.epoch == 7 and block.word_bytes == 2 for block in blocks)
    assert all(block.samples.dtype == np.float32 and block.samples.shape == (2, 3200) for block in blocks)
    assert all(block.speed_rpm == pytest.approx(1480.0, rel=0.002) for block in blocks)
    # m/s², not g: a healthy machine has a few of them.
    assert 0.5 < float(blocks[0].samples.std()) < 5.0


async def test_after_a_restart_it_goes_on_at_the_next_sample_with_the_same_numbers_and_times() -> None:
    whole = await first(opened(), 6, SourcePosition(0, 0))
    before = opened()
    await first(before, 2, SourcePosition(0, 0))
    after = await first(opened(start_ns=None), 4, SourcePosition(0, 6400, before.detail))
    for expected, block in zip(whole[2:], after, strict=True):
        assert np.array_equal(block.samples, expected.samples)
        assert (block.first_index, block.end_ns) == (expected.first_index, expected.end_ns)


async def test_without_a_tachometer_no_speed_is_claimed() -> None:
    blocks = await first(opened({"speed_measured": False}), 1, SourcePosition(0, 0))
    assert blocks[0].speed_rpm is None


async def test_a_time_lapse_starts_in_the_past_and_never_hands_out_the_future() -> None:
    now_ns = START_NS
    options = Options(seed=5, duration_s=1000.0)
    plain = opened()
    source = SimulatedSource(plain._machine.physics, request(speed=10.0, start_ns=None), options, lambda: now_ns)
    await first(source, 1, SourcePosition(0, 0))
    assert int(source.detail) == START_NS - 900_000_000_000


@pytest.mark.parametrize(
    ("options", "changes", "says"),
    [
        ({"fault": [{"fault": "ball", "point": "NDE", "onset_s": 1, "time_constant_s": 1}]}, {}, "no bearing is known"),
        ({"sensor_failure": [{"fault": "dead", "channel": "DE.V", "from_s": 0}]}, {}, "DE.V"),
        ({"programme": [{"at_s": 5, "speed_rpm": 1480}]}, {}, "starts at 0 s"),
        ({}, {"speed_rpm": None}, "speed_rpm"),
        ({}, {"sample_rate_hz": 6400.5}, "whole sample rate"),
        ({}, {"channels": (WantedChannel("DE.H", parse_unit("m/s2")),)}, "in g"),
    ],
)
def test_what_cannot_be_simulated_is_refused_in_one_line(
    options: dict[str, Any], changes: dict[str, Any], says: str
) -> None:
    with pytest.raises(SourceError, match=says) as refused:
        opened(options, **changes)
    assert "pump-1" in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("options", [{"seeed": 1}, {"fault": [{"fault": "rust", "point": "DE"}]}, {"duration_s": 0}])
def test_unknown_keys_and_values_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Options.model_validate(options)


async def test_the_simulated_controller_says_speed_and_load_at_the_same_times_wherever_blocks_begin() -> None:
    programme = [{"at_s": 0.0, "speed_rpm": 1480.0, "load": 0.4}]
    wanted = (WantedContext("load", parse_unit("1")), WantedContext("speed", parse_unit("Hz")))
    source = opened({"programme": programme}, context=wanted)
    assert source.facts.context == ("load", "speed")
    whole = [said for block in await first(source, 4, SourcePosition(0, 0)) for said in block.context]
    part = [said for block in await first(source, 3, SourcePosition(0, 1_000)) for said in block.context]
    # The unrest of load is within 5 %, that of speed within 0.2 %.
    assert [said.value for said in whole if said.name == "load"] == pytest.approx([0.4] * 4, rel=0.05)
    assert [said.value for said in whole if said.name == "speed"] == pytest.approx([1480 / 60] * 4, rel=0.002)
    assert part == whole[2:8]
