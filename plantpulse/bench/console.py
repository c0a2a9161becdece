"""How soon pages of the console have what they show, in a large plant, on loopback.

The real cloud in a process of its own, on a book and a trend store that were filled before: by default 1,000 machines
with 30 days of health and 100,000 occurrences of alarms. For each page: the page itself, then every answer of the API
that it fetches before it shows anything, one after the other; cursors are followed where its script does. A round
is every page once; the first round is counted, too. Beside the time on the wall stands the processor time of the cloud:
on a busy machine it is the only one that says something about the cloud.

    plantpulse bench console --book postgres --url postgresql://plantpulse@127.0.0.1/empty_database
"""

from __future__ import annotations

import contextlib
import http.client
import json
import math
import os
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from urllib.parse import quote, urlencode

from models.contract.errors import PlantpulseError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator, Mapping

    from plantpulse.bench.console_plant import Plant

START_S: Final = 60.0
DAY_S: Final = 86_400

_CLOUD: Final = """
[cloud]
data_dir = "cloud"
[mqtt]
port = {mqtt_port}
[http]
port = {http_port}
signed_in_as = "bench"
"""


class Ask(NamedTuple):
    """What a page's script asks for; a list whose end nobody waits for is not followed."""

    resource: str
    parameters: Mapping[str, Any] = {}
    is_followed: bool = True


class ConsoleBenchmarkError(PlantpulseError):
    """The benchmark did not run to its end."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument("--machines", type=int, default=1_000, metavar="N", help="default 1000")
    parser.add_argument("--occurrences", type=int, default=100_000, metavar="N", help="of alarms; default 100000")
    parser.add_argument("--rounds", type=int, default=20, metavar="N", help="how often each page is opened")
    parser.add_argument("--book", choices=("sqlite", "postgres"), default="sqlite", help="default sqlite")
    parser.add_argument("--url", metavar="URL", help="with --book postgres: an empty database")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="fill this directory, or use it if it is filled")


def measure(arguments: argparse.Namespace) -> dict[str, Any]:
    """Return the numbers of `plantpulse bench console`.

    Returns:
        `fleet_p95_ms`, `fleet_first_ms` (right after the cloud has started), `slowest_page`, `slowest_page_p95_ms`, and
        `pages` by name, each with `p50_ms, p95_ms, first_ms, cpu_p50_ms, cpu_p95_ms, requests, kilobytes` and its
        slowest answer; `load`, runnable processes per core when it ended.

    Raises:
        ConsoleBenchmarkError: the cloud did not start, or an answer was none.
    """
    if arguments.book == "postgres" and not arguments.url:
        raise ConsoleBenchmarkError("--book postgres: say where, with --url postgresql://user@host/empty_database")
    with contextlib.ExitStack() as stack:
        kept = arguments.keep or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="plantpulse-console-")))
        plant = _filled(kept, arguments)
        address, process = stack.enter_context(_cloud(kept, arguments.url if arguments.book == "postgres" else None))
        pages = _pages(plant, time.time())
        rounds = []
        for _ in range(arguments.rounds):
            used_s, opened = _used_s(process), {}
            for name, page in pages.items():
                answers = _open(address, *page)
                before_s, used_s = used_s, _used_s(process)
                opened[name] = answers, used_s - before_s
            rounds.append(opened)
        load = os.getloadavg()[0] / (os.cpu_count() or 1)
    found = {name: _summarised([one[name] for one in rounds]) for name in pages}
    slowest = max(found, key=lambda name: found[name]["p95_ms"])
    return {
        "fleet_p95_ms": found["fleet"]["p95_ms"],
        "fleet_first_ms": found["fleet"]["first_ms"],
        "slowest_page": slowest,
        "slowest_page_p95_ms": found[slowest]["p95_ms"],
        "pages": found,
        "machines": arguments.machines,
        "occurrences": plant.occurrences,
        "book": arguments.book,
        "rounds": arguments.rounds,
        "load": load,
    }


def _pages(plant: Plant, now_s: float) -> dict[str, tuple[str, list[Ask]]]:
    """Return each page: its address, and what its script asks for until everything is shown."""
    machine, alarm, gateway = (quote(one, safe="") for one in (plant.machine, plant.alarm, plant.gateway))
    head = [Ask("/session"), Ask("/alarms", {"state": "open"})]
    week = {"from": _iso(now_s - 7 * DAY_S), "to": _iso(now_s)}
    month = {"from": _iso(now_s - 30 * DAY_S), "to": _iso(now_s), "points": 500}
    withheld = ["shelved", "suppressed", "out_of_service"]
    fleet = Ask("/machines", {"limit": 1_000})
    of_machine = [
        Ask(f"/machines/{machine}"),
        Ask("/alarms", {"machine": plant.machine}),
        Ask("/labels", {"machine": plant.machine}),
        Ask("/models/changes", {"machine": plant.machine}),
        Ask(f"/machines/{machine}/spectra", is_followed=False),
        Ask(f"/machines/{machine}/spectra/latest"),
        Ask(f"/machines/{machine}/trends", month | {"feature": ["health_index", "score", "C0/feature_2"]}),
    ]
    history = {"state": ["normal", *withheld], "limit": 200}
    pages: dict[str, tuple[str, list[Ask]]] = {
        "fleet": ("/", [fleet]),
        "site": ("/site", [fleet]),
        "machine": (f"/machines/{machine}", of_machine),
        "spectrum": (f"/machines/{machine}/spectrum", [of_machine[0], of_machine[4], of_machine[5]]),
        "alarms": ("/alarms", []),
        "alarms_withheld": ("/alarms?show=withheld", [Ask("/alarms", {"state": withheld})]),
        "alarms_all": ("/alarms?show=all", [Ask("/alarms", history, is_followed=False)]),
        "alarms_searched": ("/alarms?show=all&q=outer", [Ask("/alarms", history | {"q": "outer"}, is_followed=False)]),
        "measures": ("/alarms/measures", [Ask("/alarms/measures", week)]),
        "alarm": (f"/alarms/{alarm}", [Ask(f"/alarms/{alarm}"), Ask(f"/alarms/{alarm}/evidence")]),
        "gateways": ("/gateways", [Ask("/gateways")]),
        "gateway": (
            f"/gateways/{gateway}",
            [Ask(f"/gateways/{gateway}"), Ask("/machines", {"gateway": plant.gateway})],
        ),
        "models": ("/models", [Ask("/models"), Ask("/labels/track-record")]),
        "notifications": (
            "/notifications",
            [Ask("/notifications", {"limit": 50}, is_followed=False), Ask("/notifications/withheld")],
        ),
        "audit": ("/audit", [Ask("/audit", is_followed=False)]),
        "users": ("/users", [Ask("/users")]),
    }
    return {name: (path, head + asks) for name, (path, asks) in pages.items()}


def _iso(at_s: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(at_s))


def _open(address: tuple[str, int], path: str, asks: list[Ask]) -> dict[str, tuple[float, int]]:
    """Return how long each answer of one page took and how large it was, by what was asked."""
    connection = http.client.HTTPConnection(*address, timeout=30.0)
    try:
        took = {path: _timed(connection, path)[:2]}
        for resource, parameters, is_followed in asks:
            cursor, pages = None, 0
            while pages == 0 or cursor:
                query = urlencode([*parameters.items(), *([("cursor", cursor)] if cursor else [])], doseq=True)
                seconds, size, body = _timed(connection, f"/api/v1{resource}?{query}")
                document = json.loads(body)
                took[f"{len(took)} {resource}"] = (seconds, size)
                cursor = document.get("next") if is_followed and isinstance(document, dict) else None
                pages += 1
    finally:
        connection.close()
    return took


def _timed(connection: http.client.HTTPConnection, path: str) -> tuple[float, int, bytes]:
    begun_s = time.perf_counter()
    connection.request("GET", path, headers={"Accept-Encoding": "gzip"} if path.startswith("/static") else {})
    answer = connection.getresponse()
    body = answer.read()
    if answer.status != http.client.OK:
        raise ConsoleBenchmarkError(f"{path}: {answer.status} {body[:300]!r}")
    return time.perf_counter() - begun_s, len(body), body


def _used_s(process: int) -> float:
    """Return the processor time of a process with all its threads.

    Source: Linux, Documentation/scheduler/sched-stats.rst, /proc/<pid>/schedstat: the first number, in ns.
    """
    used_ns = 0
    for thread in Path(f"/proc/{process}/task").iterdir():
        with contextlib.suppress(OSError):
            used_ns += int((thread / "schedstat").read_text(encoding="ascii").split()[0])
    return used_ns / 1e9


def _summarised(rounds: list[tuple[dict[str, tuple[float, int]], float]]) -> dict[str, Any]:
    answers = [one for one, _ in rounds]
    totals = [sum(seconds for seconds, _ in one.values()) * 1000 for one in answers]
    used = [seconds * 1000 for _, seconds in rounds]
    slowest = max(answers[0], key=lambda ask: statistics.median(one[ask][0] for one in answers))
    return {
        "p50_ms": statistics.median(totals),
        "p95_ms": _p95(totals),
        "first_ms": totals[0],
        "cpu_p50_ms": statistics.median(used),
        "cpu_p95_ms": _p95(used),
        "requests": len(answers[0]),
        "kilobytes": round(sum(size for _, size in answers[0].values()) / 1000),
        "slowest_answer": slowest,
        "slowest_answer_p50_ms": 1000 * statistics.median(one[slowest][0] for one in answers),
    }


def _p95(values: list[float]) -> float:
    """Return what 95 % of the values do not exceed: the nearest rank."""
    return sorted(values)[math.ceil(0.95 * len(values)) - 1]


def _filled(directory: Path, arguments: argparse.Namespace) -> Plant:
    """Fill the stores, if they are not yet, and return what to ask for."""
    from cloud.book.opening import book_url, open_book
    from cloud.book.settings import BookSettings, book_address
    from cloud.configuration import RetentionSettings
    from plantpulse.bench.console_plant import Plant, fill_book, fill_trends

    stores = directory / "cloud"
    note = directory / f"filled-{arguments.book}.json"
    if note.exists():
        return Plant(**json.loads(note.read_text(encoding="utf-8")))
    stores.mkdir(parents=True, exist_ok=True)
    now_ms = int(time.time()) * 1000
    print(f"filling {arguments.machines} machines, {arguments.occurrences} occurrences …", file=sys.stderr)
    if not (stores / "trends.sqlite").exists():
        fill_trends(stores / "trends.sqlite", RetentionSettings(), arguments.machines, now_ms)
    is_file = arguments.book == "sqlite"
    address = book_url(stores / "book.sqlite") if is_file else book_address(BookSettings(url=arguments.url), stores)
    engine = open_book(address)
    try:
        plant = fill_book(engine, arguments.machines, arguments.occurrences, now_ms)
    finally:
        engine.dispose()
    fields = {"machine": plant.machine, "alarm": plant.alarm, "gateway": plant.gateway}
    note.write_text(json.dumps(fields | {"occurrences": plant.occurrences}), encoding="utf-8")
    return plant


@contextlib.contextmanager
def _cloud(directory: Path, url: str | None) -> Iterator[tuple[tuple[str, int], int]]:
    """Run the cloud, give its address and process.

    Nothing is at its broker's port, which is one more thing that pages have to say.
    """
    http_port, mqtt_port = _free_port(), _free_port()
    text = _CLOUD.format(http_port=http_port, mqtt_port=mqtt_port)
    if url:
        text += f"[book]\nurl = {json.dumps(url)}\n"
    configuration, log = directory / "cloud.toml", directory / "cloud.log"
    configuration.write_text(text, encoding="utf-8")
    command = [sys.executable, "-m", "plantpulse", "cloud", "serve", "--config", str(configuration)]
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output, env=os.environ.copy())
    try:
        address = ("127.0.0.1", http_port)
        _wait(address, process, log)
        yield address, process.pid
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(20.0)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def _wait(address: tuple[str, int], process: subprocess.Popen[bytes], log: Path) -> None:
    deadline_s = time.monotonic() + START_S
    while time.monotonic() < deadline_s:
        if process.poll() is not None:
            raise ConsoleBenchmarkError(f"the cloud ended: {log.read_text(errors='replace')[-500:]}")
        with contextlib.suppress(OSError, http.client.HTTPException):
            connection = http.client.HTTPConnection(*address, timeout=2.0)
            connection.request("GET", "/healthz")
            if connection.getresponse().status == http.client.OK:
                connection.close()
                return
        time.sleep(0.05)
    raise ConsoleBenchmarkError(f"the cloud did not start within {START_S:.0f} s")
