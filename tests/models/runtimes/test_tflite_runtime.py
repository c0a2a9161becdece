"""tflite-runtime in its own environment, with numpy 1: our adapter's file runs there as it does here.

This is also where `models.runtimes` is tested with numpy 1.26: every file below goes through the reader, the adapter
and the numpy runtime there.
"""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import numpy as np
import pytest
from conftest import tflite_runtime_python
from support import other_numpy
from support.networks import damaged, shipped, small_float

from models.runtimes.errors import NetworkError
from models.runtimes.table import load_network
from models.runtimes.tflite_file import read_dense

pytestmark = pytest.mark.needs("tflite-runtime")

DAMAGED = 240
"""Of each network. Given such bytes unchecked, tflite-runtime 2.14 crashed on 36 of 90 and hung on two."""


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Write both networks, whole and damaged, and rows to be answered."""
    folder = tmp_path_factory.mktemp("networks")
    rows = np.clip(np.random.default_rng(0).standard_normal((200, 14)), -6.0, 6.0).astype(np.float32)
    np.save(folder / "rows.npy", rows)
    for name, network in (("int8", shipped()), ("float32", small_float())):
        (folder / f"{name}.tflite").write_bytes(network)
        for number, damage in enumerate(damaged(network, DAMAGED, seed=1)):
            (folder / f"{name}_{number:03}.tflite").write_bytes(damage)
    return folder


@pytest.fixture(scope="module")
def said(files):
    done = subprocess.run(
        [tflite_runtime_python(), "-I", other_numpy.__file__, files, "tflite-runtime", "numpy"],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "OPENBLAS_NUM_THREADS": "1"},
    )
    # A crash of the library would be a negative code; the last line on standard error is the file it was at.
    assert done.returncode == 0, done.stderr[-500:]
    return json.loads(done.stdout)


def answers(files, runtime):
    with np.load(files / f"{runtime}.npz") as kept:
        return {name: kept[name] for name in kept.files}


def test_it_is_another_numpy(said):
    assert said["numpy version"].startswith("1.26.")


def test_the_shipped_network_is_within_one_step_of_litert(files, said):
    assert said["tflite-runtime"]["int8.tflite"] == "ran"
    step = read_dense(shipped())[-1].result.scale
    expected = load_network(shipped(), "litert").run(np.load(files / "rows.npy"))
    assert np.abs(answers(files, "tflite-runtime")["int8.tflite"] - expected).max() < 1.01 * step


def test_a_float_network_is_the_same(files, said):
    assert said["tflite-runtime"]["float32.tflite"] == "ran"
    rows = np.resize(np.load(files / "rows.npy"), (200, 5))
    expected = load_network(small_float(), "litert").run(rows)
    np.testing.assert_allclose(answers(files, "tflite-runtime")["float32.tflite"], expected, rtol=1e-5, atol=1e-5)


def test_damaged_files_are_refused_there_as_here_and_none_brings_it_down(files, said):
    refused = [name for name, outcome in said["tflite-runtime"].items() if outcome != "ran"]
    assert len(refused) > DAMAGED
    for name in refused:
        # Our reader's reason, or the library itself refuses what the reader found nothing wrong with.
        reason = said["tflite-runtime"][name]
        assert reason == said["numpy"][name] or "no network that tflite-runtime can run" in reason
    for file in sorted(Path(files).glob("*.tflite")):
        try:
            load_network(file.read_bytes(), "litert")
        except NetworkError:
            assert file.name in refused


def test_the_numpy_runtime_gives_the_same_under_both_numpys(files, said):
    rows = np.load(files / "rows.npy")
    there = answers(files, "numpy")
    assert said["numpy"]
    for name, answer in there.items():
        network = load_network((files / name).read_bytes(), "numpy")
        with np.errstate(all="ignore"):
            here = network.run(np.resize(rows, (len(rows), network.inputs)))
        if name.startswith("int8"):
            np.testing.assert_array_equal(answer, here)
        else:
            # Matrix products of another BLAS add up in another order.
            np.testing.assert_allclose(answer, here, rtol=1e-4, atol=1e-4)
