"""From healthy recordings to a model on a gateway's disk that has given its known answers there, by command alone."""

from __future__ import annotations

import asyncio
import hashlib
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from support.broker import Mosquitto
from support.cloud_process import CloudProcess, wait_until
from support.ringing import RATE_HZ, signal

from edge_agent.model_check import Verdict, check
from edge_agent.model_files import ModelFiles


def _run(*words):
    done = subprocess.run([sys.executable, "-m", *map(str, words)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def _cloud(*words):
    return _run("plantpulse", "cloud", *words)


@pytest.mark.needs("mosquitto")
def test_from_recordings_to_a_tried_model_on_the_gateway(tmp_path, free_ports):
    mqtt_port, http_port = free_ports(2)
    recording, bundle, safe = tmp_path / "healthy.npz", tmp_path / "motors.bundle", tmp_path / "safe"
    samples = signal(20.0, 1)
    np.savez(recording, DE=samples[0], FE=samples[1], fs=RATE_HZ, t=np.arange(samples.shape[1]) / RATE_HZ)
    settings = tmp_path / "fit.toml"
    settings.write_text('version = "1.4.0"\nmachine_class = "motor"\nwindow_s = 0.25\n')
    _run("plantpulse", "models", "fit", recording, "--unit", "m/s2", "--config", settings, "-o", bundle, "--json")
    with Mosquitto(tmp_path, mqtt_port), CloudProcess(tmp_path, mqtt_port, http_port) as cloud:
        wait_until(cloud.is_ready)
        config = ("--config", cloud.configuration, "--json")
        _cloud("keys", "init", "--offline", safe, *config)
        _cloud("keys", "add-class", "gateway-models", "motor", "--offline", safe, *config)
        told = _cloud("release", bundle, *config)
        assert (told["state"], told["version"]) == ("released", "1.4.0")
        (version,) = cloud.get("/models/versions")["items"]
        assert version["sha256"] == hashlib.sha256(bundle.read_bytes()).hexdigest() == told["sha256"]
        fetched = _run(
            "edge_agent.update_process",
            *("--source", f"{cloud.address}/updates"),
            *("--root", tmp_path / "data" / "updates" / "metadata" / "1.root.json"),
            *("--trusted", tmp_path / "trusted", "--into", tmp_path / "fetched"),
            *("--allow", "gateway-models/motor/*", "--target", told["target"]),
        )
    (target,) = fetched["targets"]
    files = ModelFiles(tmp_path / "models")
    sha256 = files.store(Path(target["path"]).read_bytes())
    assert sha256 == told["sha256"] == target["sha256"]
    found = asyncio.run(check(files.path(sha256), sha256))
    assert (found.verdict, found.detail) == (Verdict.GOOD, "")
