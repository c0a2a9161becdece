"""The README's numbers are the kept results of `make bench`, not somebody's typing."""

from __future__ import annotations

import json

from conftest import ROOT

from plantpulse.bench.table import MARKERS, render


def test_the_readme_shows_the_kept_results():
    kept = json.loads((ROOT / "bench" / "results.json").read_text())
    readme = (ROOT / "README.md").read_text()
    shown = readme.partition(MARKERS.begin)[2].partition(MARKERS.end)[0].strip()
    assert shown == render(kept["results"])
