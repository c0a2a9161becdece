"""The long runs of `make soak`: what takes an hour and would only be waited for in vain anywhere else."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import UTC, datetime

import pytest

from plantpulse.demo.plant import simulated_story

pytestmark = pytest.mark.soak


@pytest.mark.timeout(300)
@pytest.mark.parametrize("seed", range(1, 11))
def test_ten_whole_demos_each_raise_the_alarm_of_the_right_cause(seed):
    machine, fault = simulated_story(seed, healthy=False, start=datetime.now(UTC)).failing
    words = ["demo", "--seed", str(seed), "--until-alarm", "--timeout", "240", "--json"]
    done = subprocess.run([sys.executable, "-m", "plantpulse", *words], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout.splitlines()[-1])
    print(f"seed {seed}: {told['seconds']:.0f} s, sent {told['sent_bytes'] / told['raw_bytes']:.3%} of raw")
    assert [(alarm["machine"], alarm["label"]) for alarm in told["alarms"]] == [(machine, fault)]
    assert told["sent_bytes"] <= 0.01 * told["raw_bytes"]


@pytest.mark.timeout(700)
def test_the_healthy_plant_stays_silent_for_ten_minutes():
    words = ["demo", "--healthy", "--until-alarm", "--timeout", "600", "--json"]
    done = subprocess.run([sys.executable, "-m", "plantpulse", *words], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert json.loads(done.stdout.splitlines()[-1])["alarms"] == []
