"""A table goes between its markers and nowhere else."""

from __future__ import annotations

from pathlib import Path

import pytest

from models.contract.errors import InputError
from plantpulse.marked_table import Markers, put_into

MARKERS = Markers("<!-- a -->", "<!-- b -->")


def test_the_table_goes_between_the_markers(tmp_path: Path) -> None:
    page = tmp_path / "README.md"
    page.write_text("before\n<!-- a -->\nold\n<!-- b -->\nafter\n")
    put_into(page, MARKERS, "| new |")
    assert page.read_text() == "before\n<!-- a -->\n| new |\n<!-- b -->\nafter\n"


def test_a_page_without_markers_is_left_alone(tmp_path: Path) -> None:
    page = tmp_path / "README.md"
    page.write_text("nothing here\n")
    with pytest.raises(InputError, match="are missing"):
        put_into(page, MARKERS, "| new |")
    assert page.read_text() == "nothing here\n"


def test_a_page_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"none\.md: cannot be read"):
        put_into(tmp_path / "none.md", MARKERS, "| new |")
