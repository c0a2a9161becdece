"""Whatever is done to a log but appending to it is found, and the row is named."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from cloud.book.audit_chain import BEGINNING, Entry, Head, Link, first_break, link_hash

words = st.text(max_size=8)
details = st.dictionaries(words, st.one_of(words, st.integers(-(2**53), 2**53), st.none(), st.booleans()), max_size=3)
entries = st.builds(Entry, st.integers(0, 2**45), words, words, words, details)
logs = st.lists(entries, min_size=1, max_size=8)


def chain(said):
    links, previous = [], BEGINNING
    for number, entry in enumerate(said, 1):
        previous = link_hash(number, entry, previous)
        links.append(Link(number, entry, previous))
    return links, Head(len(links), previous)


@given(logs)
def test_a_log_that_nobody_touched_holds(said):
    links, head = chain(said)
    assert first_break(links, head) is None
    assert first_break(links, head, known=Head(links[0].number, links[0].hash)) is None


def test_an_empty_log_holds():
    assert first_break([], Head(0, BEGINNING)) is None


@given(logs, st.data())
def test_a_changed_row_is_named(said, data):
    links, head = chain(said)
    at = data.draw(st.integers(0, len(links) - 1))
    other = data.draw(entries.filter(lambda entry: entry != links[at].entry))
    links[at] = replace(links[at], entry=other)
    assert first_break(links, head).number == at + 1


@given(logs, st.data())
def test_a_removed_row_is_named(said, data):
    links, head = chain(said)
    at = data.draw(st.integers(0, len(links) - 1))
    del links[at]
    assert first_break(links, head).number == at + 1


@given(logs, st.data())
def test_a_row_that_was_removed_with_the_others_renumbered_is_named(said, data):
    links, head = chain(said)
    at = data.draw(st.integers(0, len(links) - 1))
    kept = [replace(link, number=number) for number, link in enumerate(links[:at] + links[at + 1 :], 1)]
    # A row removed at the end leaves a whole log, only shorter than the head says.
    assert first_break(kept, head).number == at + 1


@given(st.lists(entries, min_size=2, max_size=8), st.data())
def test_rows_that_changed_places_are_named(said, data):
    links, head = chain(said)
    at = data.draw(st.integers(0, len(links) - 2))
    one, other = links[at], links[at + 1]
    links[at], links[at + 1] = replace(other, number=one.number), replace(one, number=other.number)
    assert first_break(links, head).number == at + 1


@given(logs, st.integers(1, 8))
def test_a_log_that_was_cut_off_is_noticed_by_its_head(said, cut):
    links, head = chain(said)
    kept = links[: max(0, len(links) - cut)]
    assert first_break(kept, head).number == len(kept) + 1
    assert first_break(kept, None) is not None


@given(logs, entries)
def test_a_row_put_in_at_the_end_is_noticed_by_the_head(said, more):
    _, head = chain(said)
    longer, _ = chain([*said, more])
    assert first_break(longer, head).number == len(longer)


@given(logs, entries)
def test_a_log_made_anew_as_a_whole_is_noticed_by_who_wrote_its_head_down(said, other):
    assume(other != said[0])
    _links, head = chain(said)
    anew, new_head = chain([other, *said])
    assert first_break(anew, new_head) is None
    assert first_break(anew, new_head, known=head) is not None
    assert first_break(anew[:0], Head(0, BEGINNING), known=head).number == 1


def test_the_form_of_a_row_never_changes():
    """Rows that are years old must fit: this hash was written down on the day of the first release."""
    entry = Entry(1_760_000_000_000, "A. Keller", "alarm.acknowledge", "a1", {"comment": "bearing ordered", "n": 2})
    assert link_hash(1, entry, BEGINNING) == FIRST_HASH


FIRST_HASH = "680c737fec2fca6e8dbc2ac293255f99f3454ed27a553bee7c3eb310004fb06e"


@pytest.mark.parametrize("field", ["at_ms", "who", "what", "subject", "detail"])
def test_every_field_counts(field):
    entry = Entry(1, "a", "b", "c", {})
    other = replace(entry, **{field: {"x": 1} if field == "detail" else 2 if field == "at_ms" else "z"})
    assert link_hash(1, entry, BEGINNING) != link_hash(1, other, BEGINNING)
