"""The README's numbers are the kept results of `make bench`, not somebody's typing."""

from __future__ import annotations

import json

import pytest
from conftest import ROOT

from models.contract.errors import InputError
from plantpulse.bench.table import BEGIN, END, put_into, render


def test_the_readme_shows_the_kept_results():
    kept = json.loads((ROOT / "bench" / "results.json").read_text())
    readme = (ROOT / "README.md").read_text()
    shown = readme.partition(BEGIN)[2].partition(END)[0].strip()
    assert shown == render(kept["results"])


def test_the_table_goes_between_the_markers(tmp_path):
    readme = tmp_path / "README.md"
    readme.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n")
    put_into(readme, "| new |")
    assert readme.read_text() == f"before\n{BEGIN}\n| new |\n{END}\nafter\n"


def test_a_readme_without_markers_is_left_alone(tmp_path):
    readme = tmp_path / "README.md"
    readme.write_text("nothing here\n")
    with pytest.raises(InputError, match="are missing"):
        put_into(readme, "| new |")
    assert readme.read_text() == "nothing here\n"
