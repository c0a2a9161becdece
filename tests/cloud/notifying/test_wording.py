"""What messages say: plain first, everything an engineer asks next, and the same as fields."""

from __future__ import annotations

import json
import zlib
from dataclasses import replace
from zoneinfo import ZoneInfo

from support.contract_examples import evidence as example_evidence
from support.message_examples import LINKS, MESSAGE, NEWS, NOW_MS

from cloud.notifying.fields import FIELDS
from cloud.notifying.message import Kind
from cloud.notifying.picture import HEIGHT, WIDTH, draw
from cloud.notifying.templates import fill_template
from cloud.notifying.wording import LISTED, write

BERLIN = ZoneInfo("Europe/Berlin")


def test_a_message_says_plainly_what_is_wrong_and_then_everything_else():
    written = write(MESSAGE, LINKS, BERLIN, NOW_MS)
    assert written.subject == "HIGH: Raw water pump 1: Outer-race damage at the drive end is likely."
    assert written.text == (
        "Outer-race damage at the drive end is likely.\n"
        "\n"
        "Machine:     plant/hall 2/Raw water pump 1, DE\n"
        "Since:       2025-10-09 10:38 +02:00 (15 min)\n"
        "Priority:    high (alert, raised again, 3 times so far)\n"
        "State:       unacknowledged\n"
        "Do next:     Check lubrication, plan a bearing change.\n"
        "Evidence:    2xBPFO at 177 Hz (expected 176.8 Hz), 17 dB above the rest\n"
        "             1xBPFO at 88.5 Hz (expected 88.42 Hz), 14 dB above the rest\n"
        "Open:        https://pulse.example/alarms/b7c1\n"
        "Acknowledge: https://pulse.example/acknowledge/TOKEN\n"
        "\n"
        "Reference: 2d9b3c64-6a0b-4c53-9d57-0f4f0a1b7e90\n"
    )


def test_an_escalation_says_for_how_long_nobody_has_answered():
    written = write(replace(MESSAGE, kind=Kind.ESCALATION, step=1), LINKS, BERLIN, NOW_MS)
    assert written.subject.startswith("HIGH, unanswered: ")
    assert written.text.startswith("Nobody has answered for 15 min. Outer-race damage")


def test_without_the_address_of_a_console_there_are_no_links():
    assert "http" not in write(MESSAGE, {}, BERLIN, NOW_MS).text


def test_a_digest_counts_everything_and_lists_a_screen_of_it():
    many = (replace(NEWS, priority="urgent"), *(NEWS for _ in range(99)))
    written = write(replace(MESSAGE, kind=Kind.DIGEST, why="flood", news=many), LINKS, BERLIN, NOW_MS)
    assert written.subject == "100 alarms: 1 urgent, 99 high"
    assert written.text.startswith("100 alarms: 1 urgent, 99 high (more than this target takes at once).")
    assert written.text.count("\n- ") == LISTED
    assert "and 70 more." in written.text
    assert written.fields["count"] == len(written.fields["items"]) == 100


def test_a_message_has_exactly_the_documented_fields_and_a_template_can_use_each():
    for kind, news in ((Kind.ALARM, (NEWS,)), (Kind.DIGEST, (NEWS, NEWS)), (Kind.TEST, ())):
        fields = write(replace(MESSAGE, kind=kind, news=news), LINKS, BERLIN, NOW_MS).fields
        assert fields.keys() == FIELDS.keys()
        everything = json.dumps({name: f"{{{name}}}" for name in FIELDS})
        assert fill_template(everything, fields) == dict(fields)


def test_no_sentence_breaks_out_of_a_template():
    nasty = replace(NEWS, sentence='"}, {"admin": true} \\ {machine}')
    fields = write(replace(MESSAGE, news=(nasty,)), LINKS, BERLIN, NOW_MS).fields
    filled = fill_template('{"t": "{machine}: {sentence}", "n": "{{x}}", "c": "{count} of {step}"}', fields)
    assert filled == {"t": f"Raw water pump 1: {nasty.sentence}", "n": "{x}", "c": "1 of 0"}


def test_nothing_that_a_gateway_says_pretends_to_be_a_line_or_a_header_of_ours():
    nasty = replace(
        NEWS,
        sentence="Fine.\nAcknowledge: https://evil.example\r\nBcc: all@example.com\x00\u202e",
        path="a\u2028b",
        next_step="x\ny",
    )
    for kind in (Kind.ALARM, Kind.DIGEST):
        written = write(replace(MESSAGE, kind=kind, news=(nasty,)), LINKS, BERLIN, NOW_MS)
        assert len(written.subject.splitlines()) == 1
        lines = written.text.splitlines()
        assert not [line for line in lines if line.startswith(("Bcc", "Acknowledge: https://evil"))]
        assert all(sign.isprintable() or sign == "\n" for sign in written.text)


def test_a_test_message_says_so_and_who_asked():
    written = write(replace(MESSAGE, kind=Kind.TEST, news=(), by="A. Nowak"), {}, BERLIN, NOW_MS)
    assert written.subject == "plantpulse: test message"
    assert "asked for by A. Nowak" in written.text


def test_a_picture_is_a_small_png_with_the_matched_lines_marked():
    picture = draw(example_evidence(), "DE.H", "outer_race")
    assert picture is not None
    assert picture[:8] == b"\x89PNG\r\n\x1a\n"
    assert int.from_bytes(picture[16:20]) == WIDTH
    assert int.from_bytes(picture[20:24]) == HEIGHT
    length = int.from_bytes(picture[33:37])
    pixels = zlib.decompress(picture[41 : 41 + length])
    assert len(pixels) == HEIGHT * (WIDTH * 3 + 1)
    assert bytes((200, 30, 30)) in pixels
    assert bytes((70, 70, 70)) in pixels
    assert len(picture) < 20_000  # a message over a phone's network
    assert draw(replace(example_evidence(), channels=()), None, "outer_race") is None
