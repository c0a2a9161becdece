"""What every test may rely on: the marker `needs`, the recordings, free ports."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
RECORDINGS = Path(os.environ.get("PLANTPULSE_RECORDINGS", ROOT.parent / "shared" / "data"))

PROGRAMS = {
    "mosquitto": ("mosquitto", "/usr/sbin/mosquitto"),
    "chromium": ("chromium", "/usr/bin/chromium"),
    "node": ("node",),
    "postgresql": ("initdb",),
}
"""What a test may need, and by which program it is recognised; `make services` installs them."""


def _is_there(name: str) -> bool:
    if name.startswith("recordings/"):
        return (RECORDINGS / name.removeprefix("recordings/")).is_dir()
    if name.startswith("npm/"):
        return (npm_modules() / name.removeprefix("npm/")).is_dir()
    if name == "postgresql" and any(Path("/usr/lib/postgresql").glob("*/bin/initdb")):
        return True  # Debian keeps the server's programs out of the path.
    if name == "influxdb":
        return influxd_path() is not None
    if name == "tflite-runtime":
        return tflite_runtime_python().exists()
    return any(shutil.which(program) for program in PROGRAMS[name])


def npm_modules() -> Path:
    """Return where `make services` puts the foreign Sparkplug packages."""
    cache = Path(os.environ.get("PLANTPULSE_CACHE", Path.home() / ".cache" / "plantpulse"))
    return cache / "npm" / "node_modules"


def tflite_runtime_python() -> Path:
    """Return the interpreter with tflite-runtime and numpy 1 that `make services` made."""
    from plantpulse.bench.inference import default_interpreter

    return default_interpreter()


@cache
def influxd_path() -> Path | None:
    """Return the server of InfluxDB 2 that `make services` built, or one that is installed."""
    script = ROOT / "deploy" / "influxdb" / "build.sh"
    built = subprocess.run([script, "--path"], capture_output=True, text=True, check=False)
    if built.returncode == 0:
        return Path(built.stdout.strip())
    installed = shutil.which("influxd")
    return Path(installed) if installed else None


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip by name what a person's machine lacks; under CI a missing server is a failure."""
    for marker in item.iter_markers("needs"):
        for name in marker.args:
            if _is_there(name):
                continue
            if os.environ.get("CI") == "true" and not name.startswith("recordings/"):
                pytest.fail(f"needs {name}, which CI must have: run make services", pytrace=False)
            pytest.skip(f"needs {name}")


@pytest.fixture
def recordings() -> Path:
    """Return the folder of public recordings; use together with `needs("recordings/NAME")`."""
    return RECORDINGS


@pytest.fixture
def free_ports() -> Callable[[int], list[int]]:
    """Return a function that finds so many different TCP ports on loopback that were free a moment ago."""

    def find(count: int) -> list[int]:
        probes = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
        numbers = [int(probe.getsockname()[1]) for probe in probes]
        for probe in probes:
            probe.close()
        return numbers

    return find


@pytest.fixture
def free_port(free_ports: Callable[[int], list[int]]) -> int:
    """Return one such port."""
    return free_ports(1)[0]
