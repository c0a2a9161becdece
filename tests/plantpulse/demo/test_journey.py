from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from plantpulse.demo.journey import Journey, JourneyError, remembered_journey

ASKED = Journey(seed=5, begun="2026-03-01T08:00:00+00:00", healthy=False, recordings=None, speed=None)


def test_a_new_directory_begins_what_is_asked_for(tmp_path: Path) -> None:
    assert remembered_journey(tmp_path, ASKED, seed_was_asked=False) == ASKED


def test_the_next_demo_in_it_goes_on_with_the_same_plant_and_the_same_first_second(tmp_path: Path) -> None:
    remembered_journey(tmp_path, ASKED, seed_was_asked=False)
    later = replace(ASKED, seed=99, begun="2026-03-02T08:00:00+00:00")
    resumed = remembered_journey(tmp_path, later, seed_was_asked=False)
    assert resumed == replace(ASKED, resumed=True)
    assert resumed.story() == ASKED.story()


@pytest.mark.parametrize(
    ("change", "says"),
    [({"seed": 6}, "seed 5"), ({"healthy": True}, "degrading"), ({"recordings": "/r"}, "degrading")],
)
def test_another_plant_in_the_same_directory_is_refused(tmp_path: Path, change: dict[str, object], says: str) -> None:
    remembered_journey(tmp_path, ASKED, seed_was_asked=True)
    with pytest.raises(JourneyError, match=says) as refused:
        remembered_journey(tmp_path, replace(ASKED, **change), seed_was_asked="seed" in change)
    assert "--data-dir" in str(refused.value)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"seed": 1}', '{"sede": 1}'])
def test_a_damaged_memory_is_one_clear_line(tmp_path: Path, text: str) -> None:
    (tmp_path / "demo.json").write_text(text)
    with pytest.raises(JourneyError, match="cannot be read") as refused:
        remembered_journey(tmp_path, ASKED, seed_was_asked=False)
    assert "\n" not in str(refused.value)
