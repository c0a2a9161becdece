"""Another model takes over a machine: no window is left without a score, and nothing is learnt from a fault."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from support.bundles import small_bundle
from support.ringing import RATE_HZ, signal

from models.bundle.archive import read_bundle
from models.bundle.errors import UnsuitableBundleError
from models.bundle.manifest import Kind
from models.detectors.autoencoder import base_network
from models.machine_model import BUILT_IN, MachineModel
from models.pipeline import Pipeline
from models.pipeline_state import PipelineSettings
from models.recordings.recording import Channel, Recording, Segment
from models.signal.windows import Window
from models.training.fit_windows import WindowFit, fit_windows

WINDOW = 3_000
HOP_NS = 125_000_000
SETTINGS = PipelineSettings("0b1d6b8e-0000-4000-8000-000000000002", "motor", ("CH0", "CH1"), RATE_HZ, WINDOW)
STATE = "steady/default"


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    """Return a bundle for windows of a quarter of a second of the same machine."""
    path = tmp_path_factory.mktemp("model") / "healthy.npz"
    samples = signal(20.0, 11)
    path.write_bytes(samples.tobytes())
    channels = (Channel("CH0", "m/s2"), Channel("CH1", "m/s2"))
    recording = Recording(path, channels, RATE_HZ, (Segment(0.0, samples),))
    wanted = WindowFit("motors", version="2", machine_class="motor", window_s=WINDOW / RATE_HZ)
    return read_bundle(fit_windows([recording], wanted))


@pytest.fixture(scope="module")
def model(bundle):
    return MachineModel.of_bundle(bundle)


def windows(count, seed, first=0, **changes):
    """Return windows that follow each other."""
    samples = signal(count * WINDOW / RATE_HZ + 0.1, seed, **changes)
    return [
        Window(
            samples=samples[:, number * WINDOW : (number + 1) * WINDOW],
            sample_rate_hz=RATE_HZ,
            index=first + number,
            epoch=1,
            end_ns=(first + number + 1) * 2 * HOP_NS,
            speed_rpm=None,
            quality=(),
        )
        for number in range(count)
    ]


def through(pipeline, state, stream):
    outcomes = []
    for window in stream:
        state, outcome = pipeline.step(state, window)
        outcomes.append(outcome)
    return state, outcomes


@pytest.fixture(scope="module")
def learnt():
    """Return a pipeline with what comes with the program, and its state once it has learnt."""
    pipeline = Pipeline(SETTINGS)
    state, _ = through(pipeline, pipeline.start(), windows(70, 1))
    assert state.is_learnt
    return pipeline, state


def detectors(state):
    return [detector.name for detector in state.baseline(STATE).fit.detectors]


def test_no_window_is_without_a_score_when_another_model_takes_over(learnt, model):
    before, state = learnt
    after = Pipeline(SETTINGS, model)
    state = after.resume(state.to_bytes(), before.model)
    assert detectors(state) == ["mahalanobis"]
    state, outcomes = through(after, state, windows(59, 2, first=70))
    assert all(outcome.score is not None for outcome in outcomes)
    assert detectors(state) == ["mahalanobis"]
    state, outcomes = through(after, state, windows(3, 3, first=129))
    assert detectors(state) == ["mahalanobis", "autoencoder"]
    assert state.joining == {}
    (_, autoencoder) = state.baseline(STATE).fit.detectors
    assert autoencoder.scorer.network is model.network
    _, outcomes = through(after, state, windows(60, 4, first=132))
    assert max(outcome.score for outcome in outcomes) < 1.0


def test_nothing_is_learnt_from_a_fault(learnt, model):
    before, state = learnt
    after = Pipeline(SETTINGS, model)
    state = after.resume(state.to_bytes(), before.model)
    state, _ = through(after, state, windows(100, 5, first=70, impacts=40.0))
    assert detectors(state) == ["mahalanobis"]
    assert all(len(one.vectors) == 0 for one in state.joining.values())


def test_a_restart_in_the_middle_goes_on_to_the_bit(learnt, model):
    before, state = learnt
    after = Pipeline(SETTINGS, model)
    state = after.resume(state.to_bytes(), before.model)
    half, _ = through(after, state, windows(30, 6, first=70))
    assert len(half.joining[STATE].vectors) == 30
    again = Pipeline(SETTINGS, model).resume(half.to_bytes())
    rest = windows(40, 7, first=100)
    assert through(after, half, rest)[0].to_bytes() == through(Pipeline(SETTINGS, model), again, rest)[0].to_bytes()


def test_the_way_back_is_the_state_from_before(learnt, model):
    before, state = learnt
    kept = state.to_bytes()
    after = Pipeline(SETTINGS, model)
    through(after, after.resume(kept, before.model), windows(80, 8, first=70))
    back = Pipeline(SETTINGS).resume(kept)
    assert back.to_bytes() == kept
    assert detectors(back) == ["mahalanobis", "autoencoder"]


def test_a_model_with_fewer_detectors_keeps_those_it_has(learnt):
    before, state = learnt
    fewer = MachineModel.built_in(["mahalanobis"])
    resumed = Pipeline(SETTINGS, fewer).resume(state.to_bytes(), before.model)
    assert detectors(resumed) == ["mahalanobis"]
    only = MachineModel.built_in(["t2_q"])
    assert not Pipeline(SETTINGS, only).resume(state.to_bytes(), before.model).is_learnt


def test_a_machine_that_was_learning_goes_on_learning(model):
    before = Pipeline(SETTINGS)
    state, _ = through(before, before.start(), windows(30, 9))
    after = Pipeline(SETTINGS, model)
    state, _ = through(after, after.resume(state.to_bytes(), before.model), windows(40, 10, first=30))
    assert detectors(state) == ["mahalanobis", "autoencoder"]


def test_a_model_for_other_features_is_refused(model):
    with pytest.raises(UnsuitableBundleError, match="was made for features"):
        Pipeline(replace(SETTINGS, window_samples=6_000), model)


def test_bundles_that_cannot_judge_windows_here_are_refused():
    for changes, words in (
        ({"kind": Kind.TABLE}, "judges a table"),
        ({"detectors": ("oracle",)}, "'oracle' is not known here"),
        ({"detectors": ("autoencoder",)}, "autoencoder needs a network"),
    ):
        with pytest.raises(UnsuitableBundleError, match=words):
            MachineModel.of_bundle(read_bundle(small_bundle(**changes)))


def test_what_comes_with_the_program_has_a_name_too():
    model = MachineModel.built_in(["mahalanobis", "autoencoder"])
    assert (model.label, model.key) == (BUILT_IN, "mahalanobis+autoencoder")
    vectors = np.random.default_rng(1).normal(size=(60, 14)).astype(np.float32)
    (fitted,) = model.fit(["autoencoder"], vectors, 1)
    assert fitted.scorer.network is base_network()
