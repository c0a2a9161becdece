"""One machine through the whole pipeline: learns, stays quiet, finds faults, and survives any restart to the bit."""

from __future__ import annotations

import functools
import subprocess
import sys
import time
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.alarming import AlarmSettings
from models.contract.vocabulary import OFF, STARTING, UNKNOWN, AlarmState, QualityCause, Severity
from models.operating_state import OperatingSettings
from models.pipeline import Pipeline, PipelineSettings, PipelineSettingsError, health_index
from models.pipeline_state import PipelineState
from models.recordings.reading import read_recording
from models.signal.quality import sample_quality
from models.signal.windows import Window
from models.state_bytes import StateError
from models.training.healthy_signals import draw_machine, simulate

RATE_HZ = 6400.0
SAMPLES = 1600
NS = 1_000_000_000
START_NS = 1_700_000_040 * NS
HOP_NS = NS // 8
WINDOW_BY_WINDOW = AlarmSettings(on_windows=(3, 5), on_decisions=(3, 5), decision_s=0.0, off_decisions=1)
"""Every window decides, as in a time-lapse: what is said here counts windows."""
SETTINGS = PipelineSettings(
    asset_id="0b1d6b8e-0000-4000-8000-000000000001",
    machine="pump-1",
    channel_names=("DE.H", "NDE.H"),
    sample_rate_hz=RATE_HZ,
    window_samples=SAMPLES,
    learning_windows=30,
    summary_interval_s=2.0,
    alarm=WINDOW_BY_WINDOW,
)
DEFAULT = "steady/default"


def window(index, *, level=1.0, impacts=0.0, speed_rpm=None, quality=(), line_mm_s=0.0):
    """Two channels of noise; on the second, impacts that ring at 2 kHz forty times a second; a line at 50 Hz."""
    rng = np.random.default_rng([7, index])
    samples = level * rng.standard_normal((2, SAMPLES))
    if impacts:
        since_s = (np.arange(SAMPLES) / RATE_HZ + 0.013 * index) % (1.0 / 40.0)
        samples[1] += impacts * np.exp(-since_s * 500.0) * np.sin(2.0 * np.pi * 2000.0 * since_s)
    angle = 2.0 * np.pi * 50.0 * np.arange(SAMPLES) / RATE_HZ
    samples += line_mm_s * 1e-3 * np.sqrt(2.0) * 2.0 * np.pi * 50.0 * np.sin(angle)
    return Window(samples.astype(np.float32), RATE_HZ, index, 0, START_NS + (index + 1) * HOP_NS, speed_rpm, quality)


def through(pipeline, windows, state=None):
    state, outcomes = state or pipeline.start(), []
    for one in windows:
        state, outcome = pipeline.step(state, one)
        outcomes.append(outcome)
    return state, outcomes


@functools.cache
def learnt():
    pipeline = Pipeline(SETTINGS)
    return pipeline, through(pipeline, [window(n) for n in range(60)])[0]


def changes(outcomes):
    return [(n, one.change.state, one.change.severity) for n, one in enumerate(outcomes) if one.change]


def test_it_learns_then_scores_and_a_healthy_machine_is_like_its_baseline():
    pipeline = Pipeline(SETTINGS)
    _, outcomes = through(pipeline, [window(n) for n in range(300)])
    assert [one.score is None for one in outcomes] == [True] * 30 + [False] * 270
    progress = [one.learning_progress for one in outcomes[:31]]
    assert progress[0] == pytest.approx(1 / 30)
    assert progress[30] == 1.0
    assert changes(outcomes) == []
    assert min(one.health_index for one in outcomes[30:]) > 80.0
    assert outcomes[-1].baseline.shape == outcomes[-1].features.shape == (2, len(pipeline.extractor.names))


def test_impacts_on_one_channel_become_an_alarm_within_the_delay_and_it_returns_after_repair():
    pipeline, state = learnt()
    windows = [window(60 + n, impacts=10.0 if 10 <= n < 40 else 0.0) for n in range(80)]
    _, outcomes = through(pipeline, windows, state)
    found = changes(outcomes)
    assert found[0][:2] == (12, AlarmState.ACTIVE)
    assert found[-1][:2] == (49, AlarmState.RETURNED)
    assert outcomes[30].health_index < 50.0 < outcomes[79].health_index


def test_the_baseline_is_not_moved_while_the_alarm_stands():
    pipeline, state = learnt()
    state, outcomes = through(pipeline, [window(60 + n, impacts=10.0) for n in range(200)], state)
    assert len([kind for _, kind, _ in changes(outcomes) if kind is AlarmState.ACTIVE]) >= 1
    assert outcomes[-1].score > 0.9 * outcomes[5].score


def test_a_machine_that_stops_is_off_and_not_judged_and_starts_without_an_alarm():
    pipeline, state = learnt()
    stop = [window(60 + n, level=0.002 if 10 <= n < 30 else 1.0) for n in range(60)]
    _, outcomes = through(pipeline, stop, state)
    assert {one.operating_state for one in outcomes[10:30]} == {OFF}
    assert [one.operating_state for one in outcomes[30:34]] == [STARTING, STARTING, STARTING, DEFAULT]
    assert all(one.score is None and one.health_index is None for one in outcomes[10:33])
    assert changes(outcomes) == []


def test_each_speed_has_its_own_baseline():
    pipeline = Pipeline(replace(SETTINGS, speed_rpm=1500.0))
    slow = [window(n, level=0.3, speed_rpm=1000.0) for n in range(60, 140)]
    _, outcomes = through(pipeline, [window(n, speed_rpm=1500.0) for n in range(60)] + slow)
    assert outcomes[-1].operating_state == "steady/1025rpm"
    assert outcomes[-1].score < 1.0
    assert changes(outcomes) == []


@pytest.mark.parametrize(("line_mm_s", "zone", "severity"), [(3.5, "C", Severity.ALERT), (6.0, "D", Severity.DANGER)])
def test_iso_zones_judge_from_the_first_day(line_mm_s, zone, severity):
    pipeline = Pipeline(replace(SETTINGS, machine_group=2, support="rigid"))
    state, outcomes = through(pipeline, [window(n, line_mm_s=line_mm_s) for n in range(5)])
    assert outcomes[0].zone == zone
    assert changes(outcomes) == [(2, AlarmState.ACTIVE, severity)]
    # Nobody learns from a machine in alarm that this is how it should be.
    assert outcomes[-1].learning_progress == outcomes[2].learning_progress
    assert state.baseline(DEFAULT) is None


def test_a_machine_far_from_its_baseline_is_not_in_danger_while_it_runs_smoothly():
    alarm = replace(WINDOW_BY_WINDOW, danger_score=3.0)
    pipeline = Pipeline(replace(SETTINGS, machine_group=2, support="rigid", alarm=alarm))
    windows = [window(n, impacts=40.0 if n >= 60 else 0.0, line_mm_s=0.5) for n in range(160)]
    _, outcomes = through(pipeline, windows)
    assert {one.zone for one in outcomes} <= {"A", "B"}
    assert min(one.score for one in outcomes[62:]) > alarm.danger_score
    assert {severity for _, _, severity in changes(outcomes)} == {Severity.ALERT}


def test_the_margin_that_holds_an_alarm_in_its_zone_makes_it_no_more_severe():
    pipeline = Pipeline(replace(SETTINGS, machine_group=2, support="rigid"))
    # 4.4 mm/s lies 2 % below zone D: within the margin by which a zone is left.
    _, outcomes = through(pipeline, [window(n, level=0.05, line_mm_s=4.4) for n in range(40)])
    assert {one.zone for one in outcomes} == {"C"}
    assert [severity for _, _, severity in changes(outcomes)] == [Severity.ALERT]


def test_without_group_and_support_there_is_no_zone():
    assert through(Pipeline(SETTINGS), [window(0, line_mm_s=50.0)])[1][0].zone is None


def test_a_dead_sensor_is_the_sensors_alarm_and_never_the_machines():
    pipeline, state = learnt()
    dead = [replace(window(60 + n), quality=(QualityCause.CONSTANT,)) for n in range(20)]
    state, outcomes = through(pipeline, dead, state)
    assert [n for n, one in enumerate(outcomes) if one.sensor_change] == [4]
    assert outcomes[4].sensor_change.severity is Severity.ALERT
    assert {one.operating_state for one in outcomes} == {UNKNOWN}
    assert all(one.features is None and one.score is None and one.change is None for one in outcomes)
    _, outcomes = through(pipeline, [window(80 + n) for n in range(20)], state)
    assert [one.sensor_change.state for one in outcomes if one.sensor_change] == [AlarmState.RETURNED]


@pytest.mark.parametrize("value", [np.nan, np.inf, 1e30])
def test_samples_that_are_no_measurement_are_left_out_and_counted(value):
    pipeline, state = learnt()
    broken = window(60)
    broken.samples[0, 5] = value
    state, outcomes = through(pipeline, [broken, window(61)], state)
    assert outcomes[0].features is None
    assert np.isfinite(outcomes[1].score)
    assert dict(state.summary.bad_windows)["not_finite"] == 1


def test_a_clipped_window_may_raise_an_alarm_and_never_clears_one():
    pipeline, state = learnt()
    clipped = (QualityCause.CLIPPED,)
    state, outcomes = through(pipeline, [window(60 + n, impacts=10.0, quality=clipped) for n in range(5)], state)
    assert outcomes[2].change.state is AlarmState.ACTIVE
    _, outcomes = through(pipeline, [window(70 + n, quality=clipped) for n in range(50)], state)
    assert all(one.change is None for one in outcomes)


def test_gaps_and_clock_jumps_lie_in_the_stream_and_such_windows_are_good():
    pipeline, state = learnt()
    _, outcomes = through(pipeline, [window(60, quality=(QualityCause.GAP, QualityCause.CLOCK_JUMP))], state)
    assert outcomes[0].score is not None


def test_summaries_close_by_the_clock_and_by_the_state_and_hold_every_window_once():
    pipeline = Pipeline(SETTINGS)
    windows = [window(n, level=0.002 if 40 <= n < 50 else 1.0) for n in range(100)]
    state, outcomes = through(pipeline, windows)
    closed = [(one.summary, one.summary_key) for one in outcomes if one.summary]
    _, last, key = pipeline.close(state)
    closed.append((last, key))
    assert sum(summary.windows for summary, _ in closed) == 100
    assert len({key for _, key in closed}) == len(closed)
    assert [key[1] for _, key in closed] == sorted(key[1] for _, key in closed)
    assert [s.operating_state for s, _ in closed].count(OFF) >= 1
    for summary, _ in closed:
        assert (summary.end_ns - 1) // (2 * NS) == summary.start_ns // (2 * NS)
        assert summary.feature_names[0] == "DE.H/acceleration_rms"
        assert (summary.statistics.minimum <= summary.sample).all()
        assert (summary.sample <= summary.statistics.maximum).all()


def story():
    """Learning, a stop, a speed change, a dead sensor, a fault and its repair, in 140 windows."""
    for n in range(140):
        quality = (QualityCause.CONSTANT,) if 60 <= n < 68 else ()
        level = 0.002 if 40 <= n < 45 else 1.0
        speed = 1000.0 if 45 <= n < 55 else 1500.0
        yield window(n, level=level, impacts=10.0 if 80 <= n < 110 else 0.0, speed_rpm=speed, quality=quality)


@functools.cache
def told():
    pipeline = Pipeline(replace(SETTINGS, machine_group=2, support="rigid"))
    state, outcomes = through(pipeline, story())
    return pipeline, tuple(repr(one) for one in outcomes), state.to_bytes()


@given(st.sets(st.integers(0, 139), min_size=1, max_size=6))
@settings(max_examples=10, deadline=None)
def test_after_a_restart_at_any_window_it_continues_to_the_bit(restarts):
    pipeline, expected, last = told()
    state, outcomes = pipeline.start(), []
    for n, one in enumerate(story()):
        if n in restarts:
            state = Pipeline(pipeline.settings).resume(state.to_bytes())
        state, outcome = pipeline.step(state, one)
        outcomes.append(repr(outcome))
    assert tuple(outcomes) == expected
    assert state.to_bytes() == last


def test_a_step_leaves_the_state_before_it_as_it_was():
    pipeline, state = learnt()
    before = state.to_bytes()
    pipeline.step(state, window(60, impacts=10.0))
    assert state.to_bytes() == before


def test_the_state_is_small_enough_to_be_written_with_every_record():
    names = ("DE.H", "DE.V", "NDE.H", "NDE.V")
    pipeline = Pipeline(replace(SETTINGS, channel_names=names))
    sizes = []
    state = pipeline.start()
    for n in range(60):
        four = replace(window(n), samples=np.concatenate([window(n).samples, window(1000 + n).samples]))
        state, _ = pipeline.step(state, four)
        sizes.append(len(state.to_bytes()))
    assert max(sizes) < 20_000


def test_other_channels_mean_other_baselines_but_the_alarm_stands():
    pipeline, state = learnt()
    state, _ = through(pipeline, [window(60 + n, impacts=10.0) for n in range(5)], state)
    assert state.alarm.active
    other = Pipeline(replace(SETTINGS, channel_names=("NDE.H", "NDE.V"))).resume(state.to_bytes())
    assert other.learnt == {}
    assert other.alarm == state.alarm


def test_damaged_state_is_an_error_with_a_name():
    data = bytearray(learnt()[1].to_bytes())
    data[100] ^= 1
    with pytest.raises(StateError):
        PipelineState.from_bytes(bytes(data))


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"detectors": ("no_such_detector",)}, "no_such_detector"),
        ({"detectors": ()}, "choose from"),
        ({"feature_names": ("kurtosis",)}, "none of its features"),
        ({"feature_names": ("acceleration_rms",)}, "autoencoder"),
        ({"learning_windows": 5}, "at least 8"),
    ],
)
def test_settings_that_cannot_work_are_refused_with_what_would(wrong, said):
    with pytest.raises(PipelineSettingsError, match=said):
        Pipeline(replace(SETTINGS, **wrong))


def test_features_may_be_chosen_and_those_not_judged_are_still_trended():
    names = ("acceleration_mean", "acceleration_rms", "kurtosis")
    pipeline = Pipeline(replace(SETTINGS, feature_names=names, detectors=("mahalanobis",)))
    _, outcomes = through(pipeline, [window(n) for n in range(40)])
    assert outcomes[-1].features.shape == (2, 3)
    np.testing.assert_array_equal(np.isnan(outcomes[-1].baseline[0]), [True, False, True])


def test_the_health_index_is_100_where_healthy_windows_are_and_50_at_the_threshold():
    assert health_index(0.2, 0.3) == 100.0
    assert health_index(1.0, 0.3) == 50.0
    indices = [health_index(score, 0.3) for score in np.linspace(0.0, 20.0, 100)]
    assert indices == sorted(indices, reverse=True)
    assert indices[-1] > 0.0


def test_the_agent_loads_no_library_of_training_for_it():
    heavy = "{'scipy.signal', 'scipy.fft', 'sklearn', 'pandas', 'flatbuffers', 'models.training'}"
    code = f"import sys, models.pipeline; print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_judging_costs_less_than_a_millisecond_beside_the_features():
    names = ("DE.H", "DE.V", "NDE.H", "NDE.V")
    pipeline = Pipeline(replace(SETTINGS, channel_names=names))
    state, judging_s = pipeline.start(), []
    for n in range(120):
        four = replace(window(n), samples=np.concatenate([window(n).samples, window(1000 + n).samples]))
        begun = time.process_time()
        pipeline.extractor(four.samples)
        between = time.process_time()
        state, _ = pipeline.step(state, four)
        judging_s.append((time.process_time() - between) - (between - begun))
    # About 0.25 ms where it was written; the processor's time, so that a busy machine does not count.
    assert np.median(judging_s[40:]) < 1e-3


def test_healthy_machines_of_many_kinds_raise_no_alarm():
    """Six machines, 400 windows each; load and sources wander, now and then something knocks."""
    for seed in range(6):
        rng = np.random.default_rng([404, seed])
        machine = draw_machine(rng)
        pipeline = Pipeline(
            PipelineSettings(
                SETTINGS.asset_id,
                "m",
                ("DE.H",),
                machine.sample_rate_hz,
                machine.window_samples,
                operating=OperatingSettings(off_rms_m_s2=0.0),
            )
        )
        samples = simulate(machine, 400, rng)
        windows = [
            Window(one[None], machine.sample_rate_hz, n, 0, START_NS + n * NS, None) for n, one in enumerate(samples)
        ]
        _, outcomes = through(pipeline, windows)
        assert changes(outcomes) == [], f"seed {seed}"


def of_snapshots(path):
    """Return a pipeline for a recording of snapshots, and its windows with their times."""
    recording = read_recording(path).in_si()
    rate_hz = recording.sample_rate_hz
    names = tuple(channel.name for channel in recording.channels)
    width = recording.segments[0].samples.shape[1]
    pipeline = Pipeline(PipelineSettings(SETTINGS.asset_id, "bearing", names, rate_hz, width))
    windows = []
    for n, segment in enumerate(recording.segments):
        causes = tuple(dict.fromkeys(cause for one in sample_quality(segment.samples) for cause in one))
        end_ns = START_NS + round(segment.start_s * NS)
        windows.append(Window(np.ascontiguousarray(segment.samples), rate_hz, n, 0, end_ns, None, causes))
    return pipeline, windows


@pytest.mark.needs("recordings/femto")
@pytest.mark.parametrize("run", ["Bearing1_1", "Bearing1_2", "Bearing2_6"])
def test_a_bearing_run_to_failure_is_found_before_its_end_and_not_in_its_first_half(recordings, run):
    pipeline, windows = of_snapshots(recordings / "femto" / f"{run}.npz")
    _, outcomes = through(pipeline, windows)
    raised = [n for n, kind, _ in changes(outcomes) if kind is AlarmState.ACTIVE]
    assert raised
    assert raised[0] > len(windows) / 2
    # No alarm that comes and goes: what is found stays.
    assert all(kind is AlarmState.ACTIVE for _, kind, _ in changes(outcomes))


@pytest.mark.needs("recordings/cwru")
def test_seeded_bearing_faults_are_all_found_with_thirteen_short_windows_to_learn_from(recordings):
    from scipy.signal import decimate

    def windows(path, downsample):
        recording = read_recording(path)
        row = [channel.name for channel in recording.channels].index("DE")
        samples = recording.segments[0].samples[row].astype(float) * 9.80665
        samples = decimate(samples, downsample) if downsample > 1 else samples
        cut = [samples[at : at + 3000] for at in range(0, len(samples) - 2999, 1500)]
        return [
            Window(one[None].astype(np.float32), 12_000.0, n, 0, START_NS + n * NS // 8, None)
            for n, one in enumerate(cut)
        ]

    folder = recordings / "cwru"
    (normal,) = folder.glob("*Normal*.mat")
    healthy = windows(normal, 4)
    pipeline = Pipeline(
        PipelineSettings(SETTINGS.asset_id, "m", ("DE.H",), 12_000.0, 3000, learning_windows=len(healthy) - 6)
    )
    state, outcomes = through(pipeline, healthy)
    assert max(one.score for one in outcomes if one.score is not None) < 1.0
    for path in sorted(set(folder.glob("*.mat")) - {normal}):
        _, outcomes = through(pipeline, windows(path, 4 if path.name.startswith("48k") else 1), state)
        assert min(one.score for one in outcomes) > 1.0, path.name
        # Half a second of windows: the fast judge of the default profile.
        assert changes(outcomes)[0][0] == 3


def test_a_delay_of_one_window_alarms_at_once():
    eager = Pipeline(replace(SETTINGS, alarm=AlarmSettings(on_windows=(1, 1))))
    _, outcomes = through(eager, [window(60, impacts=10.0)], learnt()[1])
    assert outcomes[0].change is not None
