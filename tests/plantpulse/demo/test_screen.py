from __future__ import annotations

import io
from dataclasses import replace

import pytest

from plantpulse.demo.cloud_reader import AlarmView, MachineView, PlantView
from plantpulse.demo.screen import Account, LiveScreen, PlainScreen

PUMP = MachineView("pump-1", "steady/default", 0.4, None, None, "A")
LEARNT = replace(PUMP, learning_progress=1.0, health_index=97.0, score=0.3)
ALARM = AlarmView("1", "pump-1", "changed", "mechanical", "active", "watch", "It differs.", "2026-03-01T08:00:00Z")
ACCOUNT = Account(raw_bytes=250_000_000, sent_bytes=180_000, windows=1234)


def test_plain_lines_say_each_thing_once_and_again_when_it_changes() -> None:
    stream = io.StringIO()
    revised = replace(ALARM, label="outer_race", severity="alert", sentence="Outer-race damage at DE is likely.")
    with PlainScreen(stream) as screen:
        for second, plant in enumerate(
            (
                None,
                PlantView((PUMP,), ()),
                PlantView((PUMP,), ()),
                PlantView((LEARNT,), ()),
                PlantView((LEARNT,), (ALARM,)),
                PlantView((LEARNT,), (ALARM,)),
                PlantView((LEARNT,), (revised,)),
                PlantView((LEARNT,), (replace(revised, condition="returned"),)),
            )
        ):
            screen.show(plant, ACCOUNT, float(second))
        screen.show(None, ACCOUNT, 20.0)
    assert [line.split("s  ", 1)[1] for line in stream.getvalue().splitlines()] == [
        "learning what healthy sounds like",
        "pump-1: baseline learnt, judging from now on",
        "pump-1: ALARM, watch, changed: It differs.",
        "pump-1: alarm revised, alert, outer_race: Outer-race damage at DE is likely.",
        "pump-1: alarm has returned to normal (outer_race)",
        "250.0 MB measured, 180.0 kB sent and received (0.072 %), 1,234 windows",
    ]


def test_the_table_on_a_terminal_holds_what_people_look_for(capsys: pytest.CaptureFixture[str]) -> None:
    with LiveScreen("http://127.0.0.1:8080", "plantpulse demo, seed 7") as screen:
        screen.say("seed 7")
        screen.show(PlantView((LEARNT, replace(PUMP, name="fan-1")), (ALARM,)), ACCOUNT, 12.0)
    shown = capsys.readouterr().out
    for part in ("seed 7", "pump-1", "fan-1", "97 %", "learnt", "░", "It differs.", "0.072 %", "http://127.0.0.1:8080"):
        assert part in shown
