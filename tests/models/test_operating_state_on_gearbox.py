"""The gearbox set through the pipeline with its load as context: learnt loads are judged, an unlearnt one is no fault.

Neither unit nor rate of the set is stated: it is read as g at a rate that only names the bands. The healthy runs are
the louder ones, so no limit of level can tell them apart.
"""

from __future__ import annotations

import functools

import numpy as np
import pytest

from models.context import ContextChannel, ContextValue
from models.contract.vocabulary import STARTING, TRANSIENT, UNKNOWN
from models.operating_state import OperatingSettings
from models.pipeline import Pipeline, PipelineSettings
from models.recordings.reading import read_recording
from models.signal.windows import Window

NOMINAL_RATE_HZ = 12_800.0
SAMPLES = 2_560
"""A dozen turns of the drive at 0.0070 cycles per sample and more: 34 to 43 windows a file."""
MOVING = {TRANSIENT, STARTING}

pytestmark = pytest.mark.needs("recordings/gearbox")


@functools.cache
def samples_of(folder, name):
    recording = read_recording(folder / "gearbox" / f"{name}.csv.gz", sample_rate_hz=NOMINAL_RATE_HZ, unit="g")
    return recording.segments[0].samples[:4] * np.float32(9.80665)


def through(pipeline, state, folder, name, *, load, first):
    outcomes = []
    samples = samples_of(folder, name)
    for number in range(samples.shape[1] // SAMPLES):
        piece = samples[:, number * SAMPLES : (number + 1) * SAMPLES]
        index = first + number
        context = (ContextValue("load", load, "%"),)
        window = Window(piece, NOMINAL_RATE_HZ, index, 0, 10**18 + index * 200_000_000, None, (), context)
        state, outcome = pipeline.step(state, window)
        outcomes.append(outcome)
    return state, outcomes


def pipeline(**operating):
    return Pipeline(
        PipelineSettings(
            asset_id="0b1d6b8e-0000-4000-8000-000000000001",
            machine="gearbox",
            channel_names=("A.X", "B.X", "C.X", "D.X"),
            sample_rate_hz=NOMINAL_RATE_HZ,
            window_samples=SAMPLES,
            learning_windows=25,
            context=(ContextChannel("load", "%", state_width=20.0),),
            operating=OperatingSettings(**operating),
        )
    )


def learnt(judge, folder):
    """The state after the healthy runs at loads 0 and 40."""
    state, _ = through(judge, judge.start(), folder, "h30hz0", load=0.0, first=0)
    return through(judge, state, folder, "h30hz40", load=40.0, first=100)[0]


@pytest.mark.parametrize("name", ["h30hz80", "b30hz80"])
def test_an_unlearnt_load_is_unknown_instead_of_a_fault(recordings, name):
    judge = pipeline(learn_new_states=False)
    _, outcomes = through(judge, learnt(judge, recordings), recordings, name, load=80.0, first=200)
    assert {one.operating_state for one in outcomes} == {UNKNOWN, *MOVING}
    assert all(one.score is None and one.change is None for one in outcomes)


def test_a_new_load_is_unknown_with_visible_progress_until_it_has_been_learnt(recordings):
    judge = pipeline()
    _, outcomes = through(judge, learnt(judge, recordings), recordings, "h30hz80", load=80.0, first=200)
    unlearnt = [one for one in outcomes if one.operating_state == UNKNOWN]
    progress = [one.learning_progress for one in unlearnt]
    assert progress == sorted(progress)
    assert (progress[0], len(unlearnt)) == (pytest.approx(1 / 25), 24)
    assert outcomes[-1].operating_state == "steady/load80"
    assert max(one.score for one in outcomes if one.score is not None) < 1.0


@pytest.mark.parametrize(("name", "load"), [("b30hz0", 0.0), ("b30hz40", 40.0)])
def test_the_broken_tooth_is_beyond_the_threshold_in_the_loads_that_were_learnt(recordings, name, load):
    judge = pipeline()
    _, outcomes = through(judge, learnt(judge, recordings), recordings, name, load=load, first=200)
    # The run lasts some seconds: how long it must last to become an alarm is the alarm's own business.
    scores = [one.score for one in outcomes if one.score is not None]
    assert len(scores) >= 30
    assert np.mean(np.array(scores) >= 1.0) > 0.9


@pytest.mark.parametrize(("name", "load"), [("h30hz0", 0.0), ("h30hz40", 40.0)])
def test_coming_back_to_a_learnt_load_the_healthy_gearbox_is_normal(recordings, name, load):
    judge = pipeline()
    state, _ = through(judge, learnt(judge, recordings), recordings, "h30hz80", load=80.0, first=200)
    _, outcomes = through(judge, state, recordings, name, load=load, first=300)
    assert max(one.score for one in outcomes if one.score is not None) < 1.0
    assert all(one.change is None for one in outcomes)


def test_without_the_load_s_reading_nothing_is_claimed(recordings):
    judge = pipeline()
    _, outcomes = through(judge, learnt(judge, recordings), recordings, "b30hz40", load=None, first=200)
    assert {one.operating_state for one in outcomes} == {UNKNOWN}
    assert all(one.score is None and one.change is None for one in outcomes)
