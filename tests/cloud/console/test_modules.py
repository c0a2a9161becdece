"""What the modules without a page say: numbers, durations, order of machines, peaks; run in the browser."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from cloud.console.assets import Assets

if TYPE_CHECKING:
    from collections.abc import Callable

    from playwright.sync_api import Route

    from tests.cloud.console.conftest import Visitor

    pytestmark = pytest.mark.needs("chromium")


@pytest.fixture
def call(desktop: Visitor) -> Callable[..., Any]:
    """Call a function of a module with plain values."""
    desktop.open("/gateways")
    version = Assets().version

    def run(module: str, function: str, *arguments: object) -> Any:
        script = f"async (a) => (await import('/static/{version}/{module}.js')).{function}(...a)"
        return desktop.page.evaluate(script, list(arguments))

    return run


def test_numbers_have_three_significant_digits_and_a_dash_where_there_is_none(call: Callable[..., Any]) -> None:
    said = {value: call("format", "number", value) for value in (0, 0.01234, 1.5, 12.345, 1234.6, -3.21, 48_000)}
    assert said == {
        0: "0",
        0.01234: "0.0123",
        1.5: "1.50",
        12.345: "12.3",
        1234.6: "1235",
        -3.21: "−3.21",
        48_000: "48\u202f000",
    }
    assert call("format", "number", None) == "–"
    assert call("format", "number", 0.0000123) == "1.23 × 10⁻⁵"


def test_durations_are_words(call: Callable[..., Any]) -> None:
    second, minute, hour, day = 1_000, 60_000, 3_600_000, 86_400_000
    said = [
        call("format", "duration", ms) for ms in (12 * second, 3 * minute, 2 * hour + 5 * minute, 7 * hour, 9 * day)
    ]
    assert said == ["12 s", "3 min", "2 h 5 min", "7 h", "9 days"]


def test_times_carry_the_offset_of_their_own_day(call: Callable[..., Any]) -> None:
    assert call("format", "time", 1_768_476_000_000) == "2026-01-15 12:20:00 +01:00"
    assert call("format", "time", 1_784_110_800_000) == "2026-07-15 12:20:00 +02:00"


@pytest.mark.parametrize(
    ("zone", "said"),
    [
        ("America/St_Johns", "2026-01-15 07:50:00 −03:30"),
        ("Asia/Kolkata", "2026-01-15 16:50:00 +05:30"),
        ("Mars/Olympus", "2026-01-15 12:20:00 +01:00"),  # unknown to the browser, which shows its own
    ],
)
def test_a_plant_shows_its_own_clock_wherever_its_people_are(desktop: Visitor, zone: str, said: str) -> None:
    def of_another_plant(route: Route) -> None:
        page = route.fetch()
        named = page.text().replace('<html lang="en">', f'<html lang="en" data-time-zone="{zone}">')
        route.fulfill(response=page, body=named)

    desktop.page.route("**/gateways", of_another_plant)
    desktop.open("/gateways")
    script = f"async (ms) => (await import('/static/{Assets().version}/format.js')).time(ms)"
    assert desktop.page.evaluate(script, 1_768_476_000_000) == said


@pytest.mark.parametrize("moment_ms", [1_768_476_000_123, 1_784_110_800_000, 1_792_893_600_000])
def test_the_time_axis_is_read_back_as_it_was_drawn(call: Callable[..., Any], moment_ms: int) -> None:
    assert call("format", "fromLocalTime", call("format", "localTime", moment_ms)) == moment_ms


def test_an_open_alarm_comes_before_silence_and_silence_before_rest(call: Callable[..., Any]) -> None:
    quiet = {"open_alarms": {}, "stale": False, "last_data": "2026-01-01T00:00:00Z", "learning_progress": 1}
    assert call("condition", "condition", quiet | {"open_alarms": {"low": 1, "high": 2}, "stale": True}) == "high"
    assert call("condition", "condition", quiet | {"stale": True, "operating_state": "off"}) == "nodata"
    assert call("condition", "condition", quiet | {"operating_state": "off"}) == "off"
    assert call("condition", "condition", quiet | {"stale": True, "maintenance": {"by": "A. Keller"}}) == "withheld"
    assert call("condition", "condition", quiet | {"learning_progress": 0.4}) == "learning"
    assert call("condition", "condition", quiet) == "normal"


def test_peaks_are_found_between_bins_and_one_peak_is_one(call: Callable[..., Any]) -> None:
    values = [0.0] * 200
    values[99:102] = [2.0, 6.0, 4.0]
    values[103] = 1.5  # within the window's width of the peak before: its skirt
    values[150] = 3.0
    peaks = call("lines", "findPeaks", values, 0.5, 5)
    assert [round(peak["hz"], 2) for peak in peaks] == [50.08, 75.0]  # parabola through 2, 6, 4: a sixth of a bin


def test_a_peak_is_named_by_the_fault_line_within_its_slip_or_by_the_shaft(call: Callable[..., Any]) -> None:
    lines = [{"line": "BPFO", "expected_hz": 88.4}]
    assert call("lines", "lineNear", 87.9, 0.5, lines, 1480) == "BPFO"
    assert call("lines", "lineNear", 49.4, 0.5, lines, 1480) == "2× shaft"
    assert call("lines", "lineNear", 60.0, 0.5, lines, 1480) is None
    assert call("lines", "lineNear", 49.4, 0.5, lines, None) is None


def test_orders_of_the_shaft_belong_to_the_spectrum_and_bearing_lines_to_the_envelope(call):
    assert [call("lines", "isOfShaft", name) for name in ("1x", "0.5x", "10x")] == [True] * 3
    assert [call("lines", "isOfShaft", name) for name in ("BPFO", "2x BPFO", "2BSF", "BPFI@DE")] == [False] * 4


def test_the_first_sentence_ends_at_a_full_stop_that_is_one(call: Callable[..., Any]) -> None:
    texts = {
        "Imbalance is likely: 2.4 mm/s at 1x. Then comes more.": "Imbalance is likely: 2.4 mm/s at 1x.",
        "Damage of the outer race. 6 lines match.": "Damage of the outer race. 6 lines match.",  # a digit begins none
        "One sentence without an end": "One sentence without an end",
        "Is it so? Yes.": "Is it so?",
        "": "",
    }
    assert {text: call("format", "firstSentence", text) for text in texts} == texts


def test_ticks_are_round_numbers_within_the_range(call: Callable[..., Any]) -> None:
    assert call("ticks", "numberTicks", 0, 1_000, 5) == [[200 * n, str(200 * n)] for n in range(6)]
    assert [words for _, words in call("ticks", "numberTicks", -0.13, 0.21, 4)] == ["−0.1", "0.0", "0.1", "0.2"]
    assert call("ticks", "numberTicks", 1, 1, 5) == []
    assert [words for _, words in call("ticks", "decadeTicks", -3, 4)] == [
        "10⁻³",
        "0.01",
        "0.1",
        "1",
        "10",
        "100",
        "1000",
        "10⁴",
    ]


def test_ticks_of_time_are_local_and_round_also_on_the_day_the_clock_changes(call: Callable[..., Any]) -> None:
    midnight = 1_792_969_200_000  # 2026-10-26 00:00 in Berlin (2026-10-25 23:00 UTC), the day after the clock went back
    ticks = call("ticks", "timeTicks", midnight - 25 * 3_600_000, midnight + 3_600_000, 6)
    assert ticks[0] == [midnight - 25 * 3_600_000, "00:00", "Oct 25, 2026"]
    assert [words for at, words, day in ticks if day == "Oct 26, 2026"] == ["00:00"]


def test_a_place_holds_the_worst_of_its_machines(call: Callable[..., Any], desktop: Visitor) -> None:
    desktop.open("/site")  # the module belongs to that page
    quiet = {"open_alarms": {}, "stale": False, "last_data": "2026-01-01T00:00:00Z", "learning_progress": 1}
    worst = call("site", "worstOf", [quiet, quiet | {"open_alarms": {"high": 2, "low": 1}}, quiet | {"stale": True}])
    assert worst == {"worst": "high", "open": {"urgent": 0, "high": 2, "medium": 0, "low": 1}}
