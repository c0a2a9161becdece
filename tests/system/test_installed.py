"""What people install: the wheel holds every file the program reads, and the agent runs on its own small set alone."""

from __future__ import annotations

import json
import subprocess
import zipfile
from pathlib import Path

import numpy as np
import pytest
from conftest import ROOT

UV = ROOT / ".venv" / "bin" / "uv"
AGENT_SET = {
    "numpy",
    "scipy",
    "protobuf",
    "pydantic",
    "paho-mqtt",
    "ai-edge-litert",
    "cryptography",
    "securesystemslib[crypto]",
    "tuf",
}
BELONGS_ELSEWHERE = ("sklearn", "sqlalchemy", "fastapi", "rich", "matplotlib", "plotly", "amqtt", "pandas")

pytestmark = pytest.mark.skipif(not UV.exists(), reason="needs uv, which make setup installs where it has a wheel")

GATEWAY_TOML = """
[gateway]
group = "plant"
name = "gateway-1"
asset_id = "0d8f0f2e-8f50-4d6e-a3d1-0a9d0f6f1a11"
data_dir = "{directory}/gateway"
host_id = "plantpulse"
[mqtt]
host = "127.0.0.1"
port = 1883
[[machine]]
name = "pump-1"
asset_id = "0d8f0f2e-8f50-4d6e-a3d1-0a9d0f6f1a12"
class = "pump"
speed_rpm = 1480.0
[machine.source]
kind = "replay"
files = ["{recording}"]
[[machine.channel]]
name = "DE.H"
unit = "g"
source_channel = "vibration"
[machine.learning]
windows = 20
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    """Build the wheel as a release would."""
    out = tmp_path_factory.mktemp("wheel")
    subprocess.run([UV, "build", "--quiet", "--out-dir", out, ROOT], check=True)
    return next(out.glob("plantpulse-*.whl"))


def test_the_wheel_holds_every_file_that_is_read_at_run_time(wheel):
    tracked = subprocess.run(
        ["git", "ls-files", "models", "edge_agent", "cloud", "plantpulse"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    ).stdout.split()  # fmt: skip
    assert set(tracked) <= set(zipfile.ZipFile(wheel).namelist())


def test_the_wheel_holds_no_tests_and_no_recordings(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    assert not [name for name in names if name.startswith(("tests/", "bench/", "docs/")) or name.endswith(".mat")]


@pytest.mark.timeout(600)
def test_the_agent_runs_on_its_own_small_set(wheel, tmp_path):
    python = tmp_path / "venv" / "bin" / "python"
    subprocess.run([UV, "venv", "--quiet", tmp_path / "venv"], check=True)
    for what in (["--require-hashes", "-r", ROOT / "deploy" / "locks" / "edge.txt"], ["--no-deps", wheel]):
        subprocess.run([UV, "pip", "install", "--quiet", "--python", python, *what], check=True)
    recording = tmp_path / "pump.npz"
    noise = np.random.default_rng(1).normal(0.0, 0.1, 30 * 12_800).astype(np.float32)
    np.savez(recording, vibration=noise, fs_hz=12_800.0)
    configuration = tmp_path / "gateway.toml"
    configuration.write_text(GATEWAY_TOML.format(directory=tmp_path, recording=recording))

    checked = _plantpulse(python, "agent", "check", "--config", configuration)
    assert "pump-1" in checked

    lines = _plantpulse(python, "agent", "replay", recording, "--config", configuration, "--json").splitlines()
    kinds = {json.loads(line)["kind"] for line in lines}
    assert "summary" in kinds

    script = "import importlib.util as u, sys; print([m for m in sys.argv[1:] if u.find_spec(m)])"
    found = subprocess.run([python, "-c", script, *BELONGS_ELSEWHERE], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


def test_the_agent_names_its_packages_in_the_project(wheel):
    metadata = zipfile.ZipFile(wheel).read(next(n for n in zipfile.ZipFile(wheel).namelist() if n.endswith("METADATA")))
    required = [
        line.removeprefix("Requires-Dist: ") for line in metadata.decode().splitlines() if "Requires-Dist" in line
    ]
    agent = {r.split(">")[0].split(";")[0].strip() for r in required if "extra" not in r or 'extra == "edge"' in r}
    assert agent == AGENT_SET


def _plantpulse(python: Path, *words: object) -> str:
    # Away from the checkout, so that what runs is what was installed.
    program = python.parent / "plantpulse"
    done = subprocess.run([program, *words], cwd=python.parent, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout
