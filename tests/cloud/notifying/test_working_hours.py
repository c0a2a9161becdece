"""Hours of a week on the plant's wall clock: over midnight, on holidays, when the clocks change."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud.notifying.working_hours import Hours, next_time_ms, parse_clock, parse_span

BERLIN = ZoneInfo("Europe/Berlin")
HOUR_MS = 3_600_000


def ms(text: str, fold: int = 0) -> int:
    """Return a moment of the wall clock in Berlin."""
    return int(datetime.fromisoformat(text).replace(tzinfo=BERLIN, fold=fold).timestamp() * 1000)


def hours(*spans: str, **more) -> Hours:
    return Hours(tuple(map(parse_span, spans)), **more)


@pytest.mark.parametrize(
    ("spans", "moment", "inside"),
    [
        (("mon-fri 06:00-14:00",), "2026-11-23 06:00", True),  # a Monday
        (("mon-fri 06:00-14:00",), "2026-11-23 05:59", False),
        (("mon-fri 06:00-14:00",), "2026-11-23 14:00", False),  # the end belongs to the next shift
        (("mon-fri 06:00-14:00",), "2026-11-22 10:00", False),
        (("sat-mon 06:00-14:00",), "2026-11-22 10:00", True),  # over the end of the week
        (("fri 22:00-06:00",), "2026-11-28 05:59", True),  # Friday's night reaches into Saturday
        (("fri 22:00-06:00",), "2026-11-27 05:59", False),  # Friday morning is Thursday's night
        (("00:00-24:00",), "2026-11-27 23:59", True),
        (("mon,wed 08:00-09:00",), "2026-11-25 08:30", True),
        (("mon,wed 08:00-09:00",), "2026-11-24 08:30", False),
    ],
)
def test_a_moment_is_inside_or_not(spans, moment, inside):
    assert hours(*spans).contains(ms(moment), BERLIN) is inside


def test_a_night_is_longer_when_the_clocks_go_back_and_shorter_when_they_go_forward():
    night = hours("22:00-06:00")
    for evening, length_h in (("2026-10-24 22:00", 9), ("2026-03-28 22:00", 7), ("2026-11-24 22:00", 8)):
        assert night.end_ms(ms(evening), BERLIN) == ms(evening) + length_h * HOUR_MS


def test_the_hour_that_comes_twice_is_inside_twice_or_not_at_all():
    early = hours("01:00-02:30")
    assert early.contains(ms("2026-10-25 02:15", fold=0), BERLIN)
    # The span has ended; the wall clock shows 02:15 once more, but that is another hour.
    assert not early.contains(ms("2026-10-25 02:15", fold=1), BERLIN)


def test_a_holiday_takes_the_night_that_begins_on_it_and_leaves_the_one_that_ends():
    nights = hours("22:00-06:00", days_off=frozenset({date(2026, 12, 25)}))
    assert nights.contains(ms("2026-12-25 03:00"), BERLIN)
    assert not nights.contains(ms("2026-12-25 23:00"), BERLIN)
    assert not nights.contains(ms("2026-12-26 03:00"), BERLIN)
    assert nights.contains(ms("2026-12-26 23:00"), BERLIN)


def test_extra_hours_count_also_on_a_holiday():
    day = date(2026, 12, 25)
    shift = hours("mon-sun 06:00-14:00", days_off=frozenset({day}), extra=((day, 480, 600),))
    assert [shift.contains(ms(f"2026-12-25 {clock}"), BERLIN) for clock in ("07:00", "08:00", "09:59", "10:00")] == [
        False,
        True,
        True,
        False,
    ]


def test_spans_that_touch_end_together_and_what_never_ends_is_said():
    assert hours("fri 22:00-24:00", "sat 00:00-06:00").end_ms(ms("2026-11-27 23:00"), BERLIN) == ms("2026-11-28 06:00")
    assert hours("00:00-12:00", "12:00-24:00").end_ms(ms("2026-11-27 23:00"), BERLIN) is None
    assert hours("22:00-06:00").end_ms(ms("2026-11-27 12:00"), BERLIN) == ms("2026-11-27 12:00")


@given(
    st.integers(0, 366 * 24 * 60),
    st.integers(0, 1_439),
    st.integers(1, 1_440),
    st.sets(st.integers(0, 6), min_size=1),
)
def test_every_stretch_ends_at_a_moment_that_is_outside_and_everything_before_is_inside(minute, begin, length, days):
    begin_text = f"{begin // 60:02}:{begin % 60:02}"
    end = (begin + length) % 1_440
    if end == begin:
        return
    names = ",".join(("mon", "tue", "wed", "thu", "fri", "sat", "sun")[day] for day in sorted(days))
    week = hours(f"{names} {begin_text}-{end // 60:02}:{end % 60:02}")
    now_ms = int(datetime(2026, 1, 1, tzinfo=UTC).timestamp() * 1000) + minute * 60_000
    end_ms = week.end_ms(now_ms, BERLIN)
    assert end_ms is not None
    assert not week.contains(end_ms, BERLIN)
    assert (end_ms > now_ms) is week.contains(now_ms, BERLIN)
    if end_ms > now_ms:
        assert week.contains(end_ms - 1, BERLIN)


@given(st.integers(0, 400 * 24 * 60), st.lists(st.integers(0, 1_439), min_size=1, max_size=4))
def test_the_next_time_of_a_digest_is_after_now_and_within_a_day_and_an_hour(minute, times):
    now_ms = int(datetime(2026, 1, 1, tzinfo=UTC).timestamp() * 1000) + minute * 60_000
    at_ms = next_time_ms(tuple(times), now_ms, BERLIN)
    assert now_ms < at_ms <= now_ms + 25 * HOUR_MS + HOUR_MS  # a day of 25 hours; a time that is left out comes later
    wall = datetime.fromtimestamp(at_ms / 1000, BERLIN)
    left_out = wall.astimezone(UTC) - timedelta(hours=1)
    assert wall.hour * 60 + wall.minute in times or left_out.astimezone(BERLIN).utcoffset() != wall.utcoffset()


@pytest.mark.parametrize(
    "text", ["", "06:00", "mon-fri", "mo 06:00-14:00", "mon 25:00-26:00", "mon 06:00-06:00", "mon 06:60-07:00"]
)
def test_what_is_no_span_is_refused_in_words(text):
    with pytest.raises(ValueError, match=r"no span|no day|no time|for a whole day"):
        parse_span(text)


@pytest.mark.parametrize("text", ["24:00", "7", "07:5", "-1:00", "ab:cd"])
def test_what_is_no_time_of_day_is_refused(text):
    with pytest.raises(ValueError, match="no time of day"):
        parse_clock(text)
