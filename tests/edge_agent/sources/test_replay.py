"""Recordings as a source: the same samples, in SI, at their own times, from any place on."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from edge_agent.sources.base import SourceError, SourcePosition, SourceRequest, WantedChannel, WantedContext
from edge_agent.sources.replay import FileOptions, Options, ReplaySource, open_source
from models.contract.units import parse_unit

RATE_HZ = 1000.0
START_NS = 1_700_000_000_000_000_000
G = 9.80665


def _save(path, samples, rate_hz=RATE_HZ, name="acc_g", **more):
    np.savez(path, **{name: np.asarray(samples, np.float32)}, fs_hz=rate_hz, **more)
    return str(path)


def _request(folder, channels=("DE.H",), unit="g", **more):
    wanted = tuple(WantedChannel(name, parse_unit(unit)) for name in channels)
    settings = {"sample_rate_hz": None, "speed_rpm": None, "speed": math.inf, "start_ns": START_NS, **more}
    return SourceRequest("pump-1", wanted, directory=folder, **settings)


async def _blocks(source, next_index=0, most=10_000):
    found = []
    async for block in source.blocks(SourcePosition(3, next_index)):
        found.append(block)
        if len(found) == most:
            break
    return found


async def test_samples_come_in_si_with_their_own_times(tmp_path):
    _save(tmp_path / "a.npz", np.arange(1000) / 1000.0)
    blocks = await _blocks(open_source(_request(tmp_path), Options(files=("a.npz",))))
    samples = np.concatenate([block.samples for block in blocks], axis=1)
    assert samples.dtype == np.float32
    np.testing.assert_allclose(samples[0], np.arange(1000) / 1000.0 * G, rtol=1e-6)
    assert [block.first_index for block in blocks] == [0, 250, 500, 750]
    assert {block.epoch for block in blocks} == {3}
    assert blocks[-1].end_ns == START_NS + 1_000_000_000


async def test_going_on_in_the_middle_gives_the_same_samples_and_times(tmp_path):
    _save(tmp_path / "a.npz", np.random.default_rng(1).standard_normal(1000))
    whole = await _blocks(open_source(_request(tmp_path), Options(files=("a.npz",))))
    part = await _blocks(open_source(_request(tmp_path), Options(files=("a.npz",))), next_index=333)
    joined = np.concatenate([block.samples for block in whole], axis=1)
    np.testing.assert_array_equal(np.concatenate([block.samples for block in part], axis=1), joined[:, 333:])
    assert part[0].first_index == 333
    assert part[-1].end_ns == whole[-1].end_ns


async def test_the_first_time_is_remembered_over_a_restart(tmp_path):
    _save(tmp_path / "a.npz", np.ones(1000))
    source = open_source(_request(tmp_path, start_ns=None), Options(files=("a.npz",)))
    first = await _blocks(source)
    again = open_source(_request(tmp_path, start_ns=None), Options(files=("a.npz",)))
    position = SourcePosition(3, 500, source.detail)
    rest = [block async for block in again.blocks(position)]
    assert json.loads(source.detail)["first_ns"] == first[0].end_ns - 250_000_000
    assert rest[-1].end_ns == first[-1].end_ns


async def test_between_files_samples_are_missing_so_that_no_window_spans_two(tmp_path):
    _save(tmp_path / "a.npz", np.ones(500))
    _save(tmp_path / "b.npz", np.full(500, 2.0))
    blocks = await _blocks(open_source(_request(tmp_path), Options(files=("a.npz", "b.npz"))))
    assert [block.first_index for block in blocks] == [0, 250, 2000, 2250]


async def test_a_loop_goes_on_counting(tmp_path):
    _save(tmp_path / "a.npz", np.arange(500))
    source = open_source(_request(tmp_path), Options(files=("a.npz",), loop=True))
    blocks = await _blocks(source, most=5)
    assert [block.first_index for block in blocks] == [0, 250, 1500, 1750, 3000]
    np.testing.assert_array_equal(blocks[2].samples, blocks[0].samples)
    later = await _blocks(open_source(_request(tmp_path), Options(files=("a.npz",), loop=True)), 1750, most=1)
    np.testing.assert_array_equal(later[0].samples, blocks[1].samples)


async def test_a_file_that_is_repeated_is_played_in_a_row_before_the_next(tmp_path):
    _save(tmp_path / "a.npz", np.full(500, 1.0))
    _save(tmp_path / "b.npz", np.full(500, 2.0))
    files = (FileOptions(path=tmp_path / "a.npz", repeat=3), "b.npz")
    blocks = await _blocks(open_source(_request(tmp_path), Options(files=files)))
    assert [float(block.samples[0, 0] / np.float32(G)) for block in blocks[::2]] == pytest.approx([1, 1, 1, 2])
    # A gap lies between any two: no window ever spans the seam.
    assert [block.first_index for block in blocks[::2]] == [0, 2000, 4000, 6000]


async def test_never_earlier_than_its_own_time_and_a_time_lapse_ends_now(tmp_path):
    _save(tmp_path / "a.npz", np.ones(4000))
    now_ns = START_NS

    def clock_ns():
        return now_ns

    files = (FileOptions(path=tmp_path / "a.npz"),)
    request = _request(tmp_path, start_ns=None, speed=20.0)
    source = ReplaySource(request, Options(files=("a.npz",)), files, clock_ns)
    first = await anext(aiter(source.blocks(SourcePosition(1, 0))))
    # 4 s in time-lapse by 20 take 0.2 s: begun 3.8 s before now, it has caught up when it ends.
    assert first.end_ns == START_NS - 3_800_000_000 + 250_000_000


async def test_speed_and_words_come_from_the_file_or_from_the_person(tmp_path):
    _save(tmp_path / "a.npz", np.ones(300), rpm=1797.0)
    stated = open_source(_request(tmp_path, speed_rpm=1500.0), Options(files=("a.npz",)))
    assert (await _blocks(stated))[0].speed_rpm == 1797.0
    overruled = open_source(_request(tmp_path), Options(files=(FileOptions(path="a.npz", speed_rpm=1750.0),)))
    assert (await _blocks(overruled))[0].speed_rpm == 1750.0
    assert overruled.facts.word_bytes == 2


async def test_a_faster_recording_is_brought_down_to_the_machines_rate(tmp_path):
    t = np.arange(4000) / 4000.0
    _save(tmp_path / "a.npz", np.sin(2 * np.pi * 100.0 * t) + np.sin(2 * np.pi * 900.0 * t), rate_hz=4000.0)
    source = open_source(_request(tmp_path, sample_rate_hz=1000.0), Options(files=("a.npz",)))
    samples = np.concatenate([block.samples for block in await _blocks(source)], axis=1)[0] / G
    assert source.facts.sample_rate_hz == 1000.0
    assert source.facts.raw_rate_hz == 4000.0
    # 900 Hz would fold onto 100 Hz; what is left of it is below 1e-3 (80 dB, plus the edges of the record).
    expected = np.sin(2 * np.pi * 100.0 * np.arange(1000) / 1000.0)
    np.testing.assert_allclose(samples[100:-100], expected[100:-100], atol=2e-3)


@pytest.mark.parametrize(
    ("prepare", "more", "expected"),
    [
        (lambda _path: None, {}, "no such file"),
        (lambda p: p.write_bytes(b"PK"), {}, "a.npz"),
        (lambda p: _save(p, np.ones(300)), {"sample_rate_hz": 2000.0}, "never up"),
        (lambda p: _save(p, np.ones(300), name="acc_milli_g"), {}, 'is in mg, but DE.H is configured with unit = "g"'),
        (lambda p: _save(p, np.ones(300)), {"channels": ("DE.H", "DE.V")}, "has 1 channels, none for DE.V"),
        (lambda p: np.savez(p, acc_g=np.ones(300, np.float32)), {}, "does not state its rate"),
    ],
)
def test_what_cannot_be_played_is_said_when_the_source_is_opened(tmp_path, prepare, more, expected):
    prepare(tmp_path / "a.npz")
    with pytest.raises(SourceError, match=expected):
        open_source(_request(tmp_path, **more), Options(files=("a.npz",)))


@pytest.mark.needs("recordings/cwru")
async def test_a_real_set_of_different_rates_becomes_one_stream(tmp_path, recordings):
    folder = recordings / "cwru"
    files = (
        FileOptions(path=folder / "97_Normal_0_first_half.mat", sample_rate_hz=48_000.0),
        FileOptions(path=folder / "12k_DE_IR_007_105_0.mat", sample_rate_hz=12_000.0),
    )
    request = SourceRequest(
        "motor", (WantedChannel("DE.H", parse_unit("g"), "DE_time"),), None, None, tmp_path, math.inf, START_NS
    )
    source = open_source(request, Options(files=files))
    assert source.facts.sample_rate_hz == 12_000.0
    blocks = await _blocks(source)
    levels = [float(np.sqrt(np.mean(block.samples**2))) for block in blocks]
    assert np.median(levels[:8]) < 0.1 * G < np.median(levels[-8:])
    assert {block.speed_rpm for block in blocks} == {1796.0, 1797.0}


@pytest.mark.needs("recordings/femto")
async def test_snapshots_stay_apart(tmp_path, recordings):
    request = _request(tmp_path, ("H.1", "V.1"), unit="mg")
    source = open_source(request, Options(files=(str(recordings / "femto" / "Bearing2_6.npz"),)))
    blocks = await _blocks(source, most=3)
    assert [block.first_index for block in blocks] == [0, 256_000, 512_000]
    assert blocks[0].samples.shape == (2, 2560)


def _context(*names, source_channel=None, unit="%"):
    return tuple(WantedContext(name, parse_unit(unit), source_channel) for name in names)


async def test_what_is_stated_with_a_file_comes_with_each_of_its_blocks(tmp_path):
    _save(tmp_path / "a.npz", np.ones(500))
    _save(tmp_path / "b.npz", np.ones(500))
    files = (FileOptions(path=tmp_path / "a.npz", context={"load": 40.0}), "b.npz")
    source = open_source(_request(tmp_path, context=_context("load", "other")), Options(files=files))
    assert source.facts.context == ("load",)
    blocks = await _blocks(source)
    assert [[(said.name, said.value) for said in block.context] for block in blocks] == [[("load", 40.0)]] * 2 + [
        []
    ] * 2
    assert [block.context[0].time_ns - START_NS for block in blocks[:2]] == [0, 250_000_000]


async def test_a_slow_channel_of_the_recording_comes_as_means_and_goes_on_in_the_middle(tmp_path):
    load = np.repeat([10.0, 20.0, 30.0, 40.0], 250)
    np.savetxt(
        tmp_path / "a.csv", np.column_stack([np.ones(1000), load]), delimiter=",", header="acc,load", comments=""
    )
    wanted = _context("load", source_channel="load")
    options = Options(files=(FileOptions(path=tmp_path / "a.csv", sample_rate_hz=RATE_HZ),))
    request = _request(tmp_path, context=wanted)
    whole = [said for block in await _blocks(open_source(request, options)) for said in block.context]
    assert [(said.value, said.time_ns - START_NS) for said in whole] == [
        (10.0, 125_000_000), (20.0, 375_000_000), (30.0, 625_000_000), (40.0, 875_000_000)
    ]  # fmt: skip
    part = [said for block in await _blocks(open_source(request, options), next_index=333) for said in block.context]
    assert part == whole[1:]


async def test_a_tachometer_in_the_recording_is_a_measured_speed(tmp_path):
    np.savetxt(tmp_path / "a.csv", np.full((500, 2), 25.0), delimiter=",", header="acc,tacho", comments="")
    options = Options(files=(FileOptions(path=tmp_path / "a.csv", sample_rate_hz=RATE_HZ),))
    source = open_source(_request(tmp_path, context=_context("speed", source_channel="tacho", unit="Hz")), options)
    assert source.facts.speed_measured
    assert (await _blocks(source))[0].context[0].value == 25.0


def test_a_context_channel_that_is_not_in_the_file_is_named(tmp_path):
    _save(tmp_path / "a.npz", np.ones(500))
    with pytest.raises(SourceError, match="no channel 'tacho'"):
        open_source(_request(tmp_path, context=_context("speed", source_channel="tacho")), Options(files=("a.npz",)))
