"""`plantpulse demo`: a plant, its gateway and its cloud on this machine, in one go.

Read the arguments, choose the story, find ports and a place for the data, write the configurations, start broker,
cloud and agent, and then watch until the end that was asked for: Ctrl-C, the first fault alarm, or a time.
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import signal
import sys
import tempfile
import threading
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from models.contract.errors import InputError
from plantpulse.demo.cloud_reader import CloudReader
from plantpulse.demo.dashboards import fill_grafana
from plantpulse.demo.files import DEMO_USER, write_files
from plantpulse.demo.journey import Journey, remembered_journey
from plantpulse.demo.ports import LOOPBACK, pick_port
from plantpulse.demo.screen import LiveScreen, PlainScreen
from plantpulse.demo.watching import Ending, Watch

if TYPE_CHECKING:
    from collections.abc import Iterator

    from plantpulse.demo.screen import Screen
    from plantpulse.demo.story import Story

EXAMPLE: Final = """examples:
  plantpulse demo                                     a simulated plant, until Ctrl-C
  plantpulse demo --recordings ../shared/data/femto   bearings that ran to failure, in time-lapse
  plantpulse demo --seed 7 --until-alarm --json       for scripts: ends with the first fault alarm
"""

USUAL_HTTP_PORT: Final = 8080
USUAL_MQTT_PORT: Final = 1883
UNTIL_ALARM_TIMEOUT_S: Final = 180.0


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.epilog = EXAMPLE
    parser.add_argument("--recordings", type=Path, metavar="DIR", help="play real recordings instead of a simulation")
    parser.add_argument("--unit", metavar="UNIT", help="unit of recordings that do not state theirs: g, mg or m/s2")
    parser.add_argument("--healthy", action="store_true", help="the control: nothing fails, and no alarm may come")
    parser.add_argument(
        "--story", choices=("degradation",), default="degradation", help="what happens; at present one story"
    )
    parser.add_argument("--seed", type=_seed, metavar="N", help="which plant; a new one each time if left out")
    parser.add_argument(
        "--data-dir", type=Path, metavar="DIR", help="keep everything here, and go on from it next time"
    )
    parser.add_argument("--http-port", type=_port, metavar="N", help=f"of the console; {USUAL_HTTP_PORT} if free")
    parser.add_argument("--mqtt-port", type=_port, metavar="N", help=f"of the broker; {USUAL_MQTT_PORT} if free")
    parser.add_argument(
        "--influx", metavar="URL", help="keep the trends in this InfluxDB; needs INFLUX_TOKEN and INFLUX_ORG"
    )
    parser.add_argument(
        "--grafana", metavar="URL", help="bring the dashboards to this Grafana; needs --influx and GRAFANA_TOKEN"
    )
    parser.add_argument(
        "--until-alarm", action="store_true", help="end with 0 at the first fault alarm, 1 at the timeout"
    )
    parser.add_argument(
        "--timeout",
        type=_positive,
        metavar="S",
        help=f"end after S seconds ({UNTIL_ALARM_TIMEOUT_S:.0f} with --until-alarm)",
    )
    parser.add_argument("--speed", type=_positive, metavar="X", help="machine seconds per second of the time-lapse")
    parser.add_argument("--json", action="store_true", help="one JSON line on standard output at the end")


def run(arguments: argparse.Namespace) -> int:
    """Run the demo and return the exit code."""
    if arguments.recordings is not None and arguments.healthy:
        raise InputError("--healthy is about the simulated plant: leave it out with --recordings")
    http = pick_port(arguments.http_port, USUAL_HTTP_PORT, "--http-port")
    mqtt = pick_port(arguments.mqtt_port, USUAL_MQTT_PORT, "--mqtt-port")
    if http.number == mqtt.number:
        raise InputError(f"--http-port and --mqtt-port are both {http.number}: choose two")
    if arguments.influx is not None:
        _check_influx(arguments.influx)
    address = f"http://{LOOPBACK}:{http.number}"
    notes = [] if arguments.grafana is None else fill_grafana(arguments.grafana, arguments.influx, address)
    with _data_directory(arguments.data_dir) as data_dir:
        journey = _journey(arguments, data_dir)
        story = journey.story(unit=arguments.unit)
        files = write_files(story, data_dir, http_port=http.number, mqtt_port=mqtt.number, influx=arguments.influx)
        screen = _screen(arguments, address, story)
        _introduce(
            screen, story, journey, address, [note for note in (http.note, mqtt.note, *notes, *story.notes) if note]
        )
        timeout_s = arguments.timeout or (UNTIL_ALARM_TIMEOUT_S if arguments.until_alarm else None)
        watch = Watch(files, CloudReader(address), screen, mqtt.number, story.replay)
        with _stop_on_signals() as stop:
            outcome = watch.run(stop, until_alarm=arguments.until_alarm, timeout_s=timeout_s)
        if arguments.json:
            print(json.dumps({**outcome.as_json(), "seed": story.seed}), flush=True)
    if outcome.ending is Ending.ALARM or not arguments.until_alarm:
        return 0
    return 1


def _check_influx(url: str) -> None:
    """Ask an InfluxDB whether it takes what we bring, before anything is started.

    Raises:
        InputError: the address is none, or token or organisation are missing.
        StoreError: it does not answer, or refuses the token.
    """
    import os

    from pydantic import ValidationError

    from cloud.trends.influx_server import InfluxServer
    from cloud.trends.influx_settings import InfluxSettings, influx_access

    try:
        settings = InfluxSettings(url=url)
    except ValidationError as error:
        raise InputError(f"--influx {url[:200]!r}: give an address such as http://127.0.0.1:8086") from error
    server = InfluxServer(influx_access(settings, os.environ))
    try:
        server.check()
    finally:
        server.close()


def _journey(arguments: argparse.Namespace, data_dir: Path) -> Journey:
    """Return what was begun in this directory, or begin what was asked for."""
    asked = Journey(
        seed=random.SystemRandom().randrange(1, 1_000_000) if arguments.seed is None else arguments.seed,
        begun=datetime.now(UTC).isoformat(),
        healthy=arguments.healthy,
        recordings=str(arguments.recordings.resolve()) if arguments.recordings is not None else None,
        speed=arguments.speed,
    )
    return remembered_journey(data_dir, asked, seed_was_asked=arguments.seed is not None)


@contextmanager
def _data_directory(asked: Path | None) -> Iterator[Path]:
    """Yield a directory that can be written: the asked one, kept, or a temporary one, removed."""
    if asked is None:
        temporary = Path(tempfile.mkdtemp(prefix="plantpulse-demo-"))
        try:
            yield temporary
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
        return
    try:
        asked.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=asked):
            pass
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise InputError(f"--data-dir {asked}: cannot be written ({reason}); choose another directory") from error
    yield asked.resolve()


def _screen(arguments: argparse.Namespace, address: str, story: Story) -> Screen:
    if arguments.json:
        return PlainScreen(sys.stderr)
    if sys.stdout.isatty():
        return LiveScreen(address, f"plantpulse demo, seed {story.seed}")
    return PlainScreen(sys.stdout)


def _introduce(screen: Screen, story: Story, journey: Journey, address: str, notes: list[str]) -> None:
    again = " (going on where it was)" if journey.resumed else ""
    screen.say(f"seed {story.seed}{again}")
    screen.say(f"plantpulse demo: {story.headline} ({', '.join(machine.name for machine in story.machines)})")
    for note in notes:
        screen.say(f"note: {note}")
    screen.say(f"look at {address} (you are signed in automatically as {DEMO_USER})")


@contextmanager
def _stop_on_signals() -> Iterator[threading.Event]:
    """Yield an event that SIGINT and SIGTERM set; the former handlers come back afterwards."""
    stop = threading.Event()

    def ask_to_stop(_number: int, _frame: Any) -> None:
        stop.set()

    before = {number: signal.signal(number, ask_to_stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, former in before.items():
            signal.signal(number, former)


def _port(text: str) -> int:
    return _bounded(text, 1, 65_535, "a port is a whole number from 1 to 65535")


def _seed(text: str) -> int:
    return _bounded(text, 0, 2**53 - 1, "a seed is a whole number from 0")


def _bounded(text: str, low: int, high: int, rule: str) -> int:
    try:
        number = int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r}: {rule}") from None
    if not low <= number <= high:
        raise argparse.ArgumentTypeError(f"{text}: {rule}")
    return number


def _positive(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not 0.0 < number < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r}: must be a number above 0")
    return number
