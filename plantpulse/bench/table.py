"""The table in the README: chosen numbers of `bench/results.json`, each with what it is measured against.

`make bench` measures, keeps the results and rewrites the block between the markers; nobody types a number there, and
a test compares the block with the kept results.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from plantpulse.marked_table import Markers

if TYPE_CHECKING:
    from collections.abc import Mapping

METER: Final = "bare_fft_ms"
"""What each benchmark's results keep of `plantpulse.bench.yardstick`."""
MARKERS: Final = Markers("<!-- bench:begin -->", "<!-- bench:end -->")


class Row(NamedTuple):
    """One line: what it is, which benchmark and key says it, how it is written, what it should be."""

    what: str
    benchmark: str
    key: str
    form: str
    goal: str


ROWS: Final = (
    Row("Agent, 4 channels of 25.6 kHz: resident memory", "pipeline", "rss_mb", "{:.0f} MB", "below 80 MB"),
    Row("Agent, 16 channels of 25.6 kHz: resident memory", "pipeline", "full_rss_mb", "{:.0f} MB", "below 80 MB"),
    Row("Agent, 4 channels of 25.6 kHz: processor", "pipeline", "cpu_percent", "{:.2f} % of one core", "below 2 %"),
    Row("Window end → record on disk, 4 channels, p99", "pipeline", "p99_ms", "{:.1f} ms", "–"),
    Row("Window end → record on disk, 64 channels, p99", "pipeline", "crowded_p99_ms", "{:.1f} ms", "below 50 ms"),
    Row("Agent, each channel beyond sixteen: resident memory", "pipeline", "mb_per_channel", "{:.2f} MB", "–"),
    Row("Channels of 25.6 kHz per core in real time", "pipeline", "realtime_channels_per_core", "{:,.0f}", "2,000"),
    Row(
        "One feature over a year, 100 machines stored, embedded store",
        "trends",
        "median_ms",
        "{:.0f} ms",
        "below 200 ms",
    ),
    Row("Window that decides → alarm over HTTP, 64 channels, median", "alarm", "p50_ms", "{:.0f} ms", "–"),
    Row("Window that decides → alarm over HTTP, 64 channels, p99", "alarm", "p99_ms", "{:.0f} ms", "below 250 ms"),
    Row("Fleet page, 1,000 machines, all its answers, p95", "console", "fleet_p95_ms", "{:.0f} ms", "below 500 ms"),
    Row("The same right after the cloud has started", "console", "fleet_first_ms", "{:.0f} ms", "–"),
    Row("Slowest page, 100,000 alarm occurrences, p95", "console", "slowest_page_p95_ms", "{:.0f} ms", "below 300 ms"),
    Row("One inference of the network that ships, litert, median", "inference", "litert_us", "{:.1f} µs", "below 5 µs"),
    Row("Default features, per channel-second", "features", "ms_per_channel_second", "{:.3f} ms", "–"),
    Row(
        "Default features against one bare FFT of the same windows", "features", "ratio_to_bare_rfft", "{:.2f}×", "2.5×"
    ),
    Row(
        "Default features against plain float64 numpy/scipy",
        "features",
        "speedup_over_plain_float64",
        "{:.0f}× faster",
        "30×",
    ),
)


def render(results: Mapping[str, Mapping[str, Any]]) -> str:
    """Return the table in Markdown; rows whose benchmark is not in the results are left out.

    >>> print(render({"pipeline": {"rss_mb": 61.2, "bare_fft_ms": 0.0613}}))
    | what | measured | goal | a bare FFT meanwhile |
    |---|---|---|---|
    | Agent, 4 channels of 25.6 kHz: resident memory | 61 MB | below 80 MB | 0.061 ms |
    """
    lines = ["| what | measured | goal | a bare FFT meanwhile |", "|---|---|---|---|"]
    for row in ROWS:
        found = results.get(row.benchmark, {})
        if row.key in found:
            measured, meter = row.form.format(found[row.key]), f"{found[METER]:.3f} ms"
            lines.append(f"| {row.what} | {measured} | {row.goal} | {meter} |")
    return "\n".join(lines)
