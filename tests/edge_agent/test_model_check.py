"""A bundle is tried in a process of its own: what is wrong with it is an answer with a name, and the agent lives on."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
from support.bundles import small_manifest
from support.ringing import RATE_HZ, signal

from edge_agent.model_check import Limits, Verdict, check
from models.bundle.archive import DETECTOR, GOLDEN, NETWORK, GoldenVectors, read_bundle, write_bundle
from models.recordings.recording import Channel, Recording, Segment
from models.training.fit_windows import WindowFit, fit_windows


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Return a bundle with a network."""
    path = tmp_path_factory.mktemp("model") / "healthy.npz"
    samples = signal(20.0, 11)
    path.write_bytes(samples.tobytes())
    recording = Recording(path, (Channel("A", "m/s2"), Channel("B", "m/s2")), RATE_HZ, (Segment(0.0, samples),))
    return fit_windows([recording], WindowFit("motors", window_s=0.25))


async def checked(folder, data, limits=None, sha256=None):
    path = folder / "candidate.bundle"
    path.write_bytes(data)
    return await check(path, sha256 or hashlib.sha256(data).hexdigest(), limits)


async def test_a_good_bundle_is_good_and_its_time_is_known(tmp_path, data):
    found = await checked(tmp_path, data)
    assert (found.verdict, found.detail) == (Verdict.GOOD, "")
    assert 0.0 < found.median_us < 10_000.0


async def test_what_was_verified_and_what_is_loaded_are_the_same_bytes(tmp_path, data):
    found = await checked(tmp_path, data, sha256="00" * 32)
    assert found.verdict is Verdict.UNSUITABLE
    assert "was verified" in found.detail


async def test_a_damaged_one_is_named(tmp_path, data):
    found = await checked(tmp_path, data[:-1])
    assert (found.verdict, found.detail.split()[0]) == (Verdict.UNSUITABLE, "no")


async def test_other_answers_than_the_known_ones_are_named(tmp_path, data):
    bundle = read_bundle(data)
    golden = bundle.golden()
    skewed = GoldenVectors(golden.rows, golden.answers + np.float32(0.5), golden.vectors, golden.scores)
    parts = {**bundle.parts, GOLDEN: skewed.to_bytes()}
    found = await checked(tmp_path, write_bundle(bundle.manifest, parts))
    assert found.verdict is Verdict.UNSUITABLE
    assert "beside the known answers" in found.detail


async def test_bytes_that_are_no_network_are_named(tmp_path, data):
    bundle = read_bundle(data)
    parts = {**bundle.parts, NETWORK: b"TFL3" + bytes(3_000)}
    found = await checked(tmp_path, write_bundle(bundle.manifest, parts))
    assert found.verdict in (Verdict.UNSUITABLE, Verdict.CRASHED)
    assert found.detail


async def test_a_missing_file_is_named(tmp_path):
    found = await check(tmp_path / "missing.bundle", "00" * 32)
    assert found.verdict is Verdict.UNSUITABLE
    assert "No such file" in found.detail


async def test_a_model_that_cannot_judge_windows_is_named(tmp_path):
    golden = GoldenVectors(vectors=np.float32([[0.0]]), scores=np.float32([0.5]))
    data = write_bundle(small_manifest(detectors=("oracle",)), {GOLDEN: golden.to_bytes(), DETECTOR: b"x"})
    found = await checked(tmp_path, data)
    assert found.verdict is Verdict.UNSUITABLE
    assert "'oracle' is not known here" in found.detail


async def test_one_that_hangs_is_killed(tmp_path, data):
    found = await checked(tmp_path, data, Limits(wall_s=0.05))
    assert (found.verdict, found.detail) == (Verdict.HUNG, "no answer within 0.05 s")


async def test_one_that_takes_too_much_memory_ends_alone(tmp_path, data):
    found = await checked(tmp_path, data, Limits(memory_bytes=60 << 20))
    assert found.verdict is Verdict.CRASHED
    assert found.detail
