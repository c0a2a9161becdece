"""One believable message about an alarm, always the same."""

from __future__ import annotations

from support.contract_examples import ASSET

from cloud.notifying.message import AlarmNews, Kind, Line, Waiting
from cloud.notifying.wording import Links

NOW_MS = 1_760_000_000_000  # 2025-10-09 10:53:20 in Berlin
NEWS = AlarmNews(
    alarm_id="b7c1",
    occurrence=3,
    cause="raised_again",
    step=0,
    priority="high",
    at_ms=NOW_MS - 900_000,
    occurrences=3,
    state="unacknowledged",
    condition="active",
    severity="alert",
    label="outer_race",
    sentence="Outer-race damage at the drive end is likely.",
    next_step="Check lubrication, plan a bearing change.",
    confidence=0.875,
    score=2.25,
    machine="Raw water pump 1",
    machine_id=ASSET,
    machine_class="pump",
    path="plant/hall 2/Raw water pump 1",
    component="DE",
    channel="DE.H",
    since_ms=NOW_MS - 900_000,
    acknowledged_by=None,
    lines=(Line("1xBPFO", 3.5848, 88.425, 88.5, 14.5), Line("2xBPFO", 7.17, 176.8, 177.0, 17.0)),
)
MESSAGE = Waiting(
    key=1,
    id="2d9b3c64-6a0b-4c53-9d57-0f4f0a1b7e90",
    target="maintenance",
    kind=Kind.ALARM,
    why="",
    step=0,
    urgent=False,
    due_ms=NOW_MS,
    tries=1,
    by=None,
    news=(NEWS,),
)
LINKS = {"b7c1": Links("https://pulse.example/alarms/b7c1", "https://pulse.example/acknowledge/TOKEN")}
