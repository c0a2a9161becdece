"""Detectors of slow series in a process: what becomes a row, what is learnt from, and what a break means."""

from __future__ import annotations

import numpy as np
import pytest

from models.contract.vocabulary import OFF, TRANSIENT
from models.detectors.discord import DiscordSettings
from models.detectors.table import STREAM_DETECTORS
from models.process.streams import EVERYWHERE, Gathering, Learnt, Stream, StreamMemory, stream_from_bytes

HOUR_NS = 3_600_000_000_000
SHORT = DiscordSettings(window_blocks=8, newest_blocks=4, odd_blocks=1, memory_blocks=240)
RNG_SEED = 4


def _stream(name, **more):
    """Return a stream of two channels, a value every ten minutes, windows of three that share two."""
    usual = {"channels": 2, "sample_rate_hz": 1 / 600.0, "hop_samples": 1, "learning_windows": 1, "learning_s": 0.0}
    options = SHORT if name == "discord" else None
    return Stream(name, **{**usual, "options": options, **more})


def _fed(stream, values, memory=None, first=0, state="steady/default", **more):
    """Return the memory after windows of three of these values (n, channels), and what was heard at which."""
    memory, heard = memory or StreamMemory(), {}
    usual = {"follows": True, "is_wrong": False, **more}
    for end in range(3, len(values) + 1):
        window = values[end - 3 : end].T.astype(np.float32)
        follows = usual["follows"] if end == 3 else True
        end_ns = (first + end) * HOUR_NS // 6
        memory, row = stream.step(memory, window, state, end_ns, follows=follows, is_wrong=usual["is_wrong"])
        if row is not None:
            heard[end] = row
    return memory, heard


def _noise(rows, seed=RNG_SEED):
    return np.array([20.0, 3.0]) + 0.1 * np.random.default_rng(seed).standard_normal((rows, 2))


def test_a_row_of_the_discord_is_the_mean_of_an_hour_and_of_tracking_a_hop():
    values = _noise(2 + 18)
    memory, _ = _fed(_stream("discord"), values)
    hours = values[2:].reshape(3, 6, 2).mean(axis=1)
    np.testing.assert_allclose(memory.places[EVERYWHERE].rows, hours, rtol=1e-6)
    memory, _ = _fed(_stream("tracking"), values)
    np.testing.assert_allclose(memory.places["steady/default"].rows, values[2:], rtol=1e-6)


def test_after_a_gap_the_whole_window_is_new_and_lost_hours_are_missing_in_the_pattern():
    stream = _stream("discord")
    values = _noise(2 + 6 * 5)
    memory, _ = _fed(stream, values)
    memory, _ = _fed(stream, _noise(12, seed=9), memory, first=len(values) + 6 * 3, follows=False)
    rows = memory.places[EVERYWHERE].rows
    assert np.isnan(rows).all(axis=1).tolist() == [False] * 5 + [True] * 3 + [False] * 2
    np.testing.assert_allclose(rows[-1], _noise(12, seed=9)[6:].mean(axis=0), rtol=1e-6)


def test_before_a_gap_longer_than_all_that_is_learnt_nothing_counts():
    stream = _stream("discord")
    memory, _ = _fed(stream, _noise(6 * 10))
    memory, _ = _fed(stream, _noise(14, seed=9), memory, first=100_000, follows=False)
    assert len(memory.places[EVERYWHERE].rows) == 2


def test_half_an_hour_of_values_is_an_hour_and_less_is_missing():
    for missing, is_there in ((3, True), (4, False)):
        values = _noise(2 + 6)
        values[2 : 2 + missing, 1] = np.nan
        memory, _ = _fed(_stream("discord"), np.concatenate([_noise(6), values]))
        assert np.isfinite(memory.places[EVERYWHERE].rows[-1]).tolist() == [True, is_there]


def test_levels_have_a_place_in_each_phase_and_patterns_one_for_all():
    values = _noise(30)
    for name, places in (("tracking", {"steady/cooling", "steady/idle"}), ("discord", {EVERYWHERE})):
        stream, memory = _stream(name), None
        for number, state in enumerate(("steady/cooling", TRANSIENT, "steady/idle", "steady/cooling")):
            memory, _ = _fed(stream, values, memory, first=28 * number, state=state)
        assert memory.places.keys() == places


def test_levels_of_a_phase_go_on_where_it_was_left():
    """Phases of ten rows fill a mean of thirty; between them nothing is judged."""
    stream = _stream("tracking")
    memory, heard = _fed(stream, _noise(400))
    assert heard
    judged = []
    for number in range(6):
        first = 398 + 22 * number
        memory, heard = _fed(stream, _noise(12) + 5.0, memory, first=first, state=TRANSIENT)
        assert (heard, memory.score) == ({}, None)
        moved = _noise(12, seed=8 + number) + np.array([0.0, 1.0])
        memory, heard = _fed(stream, moved, memory, first=first + 10)
        assert len(heard) == 10
        judged.append(max(row.score for row in heard.values()))
    # What moved is seen, what was in between is not.
    assert judged[-1] > 1.0
    assert heard[12].channel == 1


def test_a_machine_that_is_off_is_missing_in_a_pattern():
    stream = _stream("discord")
    memory, heard = _fed(stream, _noise(6 * 60))
    assert heard
    memory, heard = _fed(stream, _noise(2 + 6 * 3), memory, first=358, state=OFF)
    assert (heard, memory.score) == ({}, None)
    assert np.isnan(memory.places[EVERYWHERE].state.blocks[-2:]).all()


@pytest.mark.parametrize("name", STREAM_DETECTORS)
def test_nothing_is_learnt_while_something_is_wrong(name):
    stream = _stream(name)
    memory, _ = _fed(stream, _noise(60))
    before = memory.places[next(iter(memory.places))]
    memory, _ = _fed(stream, _noise(60) + 50.0, memory, first=58, is_wrong=True)
    after = memory.places[next(iter(memory.places))]
    assert np.nanmax(after.rows) == np.nanmax(before.rows)


@pytest.mark.parametrize("name", STREAM_DETECTORS)
def test_learning_takes_as_many_rows_as_are_needed_and_as_long_as_was_asked(name):
    stream = _stream(name, learning_windows=600)
    long = _stream(name, learning_windows=600, learning_s=10 * 86_400.0)
    values = _noise(700)
    memory, _ = _fed(stream, values[:350])
    assert 0.3 < stream.progress(memory, "steady/default", 350 * HOUR_NS // 6) < 0.65
    memory, _ = _fed(stream, values)
    assert stream.progress(memory, "steady/default", 700 * HOUR_NS // 6) == 1.0
    memory, _ = _fed(long, values)
    assert long.progress(memory, "steady/default", 700 * HOUR_NS // 6) == pytest.approx(700 / 1_440, abs=0.01)
    assert isinstance(memory.places[next(iter(memory.places))], Gathering)


def test_what_cannot_be_learnt_from_is_said_half_of_it_dropped_and_tried_again():
    """Every channel creeps at first: `tracking` has nothing to judge; then they do not any more."""
    stream = _stream("tracking")
    creeping = 20.0 + np.repeat(np.sin(np.arange(160) / 100.0)[:, None], 2, axis=1)
    memory, _ = _fed(stream, creeping)
    gathered = memory.places["steady/default"]
    assert "wanders more slowly" in gathered.refused
    assert len(gathered.rows) < 100
    memory, _ = _fed(stream, _noise(2_000), memory, first=158)
    assert isinstance(memory.places["steady/default"], Learnt)


@pytest.mark.parametrize("name", STREAM_DETECTORS)
def test_the_memory_is_bounded_and_goes_on_to_the_bit(name):
    stream = _stream(name)
    memory, _ = _fed(stream, _noise(1_000 if name == "tracking" else 1_600))
    again = stream_from_bytes(name, memory.to_bytes())
    assert again.to_bytes() == memory.to_bytes()
    memory, heard = _fed(stream, _noise(400, seed=2), memory, first=5_000)
    again, other = _fed(_stream(name), _noise(400, seed=2), again, first=5_000)
    assert heard == other
    assert memory.to_bytes() == again.to_bytes()
    full = len(memory.to_bytes())
    memory, _ = _fed(stream, _noise(602, seed=3), memory, first=5_398)
    assert len(memory.to_bytes()) == pytest.approx(full, abs=50)


@pytest.mark.parametrize("name", STREAM_DETECTORS)
def test_gathering_is_bounded_however_long_it_takes(name):
    stream = _stream(name, learning_s=1e12)
    most = stream.kind.learning_rows(SHORT if name == "discord" else None).most
    rows = np.zeros((most, 2), np.float32)
    place = "steady/default" if stream.kind.per_phase else EVERYWHERE
    memory = StreamMemory({place: Gathering(rows, 1, stream.least_rows)}, place)
    memory, _ = _fed(stream, _noise(80), memory)
    assert memory.places[place].rows.shape == (most, 2)


def test_what_is_heard_names_channel_and_levels_in_their_unit():
    stream = _stream("tracking")
    memory, _ = _fed(stream, _noise(400))
    moved = _noise(60, seed=5) + np.array([0.0, 1.0])
    _, heard = _fed(stream, moved, memory, first=398)
    row = heard[max(heard)]
    assert row.score > 1.0
    assert (row.channel, row.newest) == (1, None)
    assert (row.now, row.usual) == (pytest.approx(4.0, abs=0.1), pytest.approx(3.0, abs=0.2))
