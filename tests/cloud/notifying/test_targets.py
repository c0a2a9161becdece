"""Handing over to real receivers: what arrives, and how each way of not arriving is told."""

from __future__ import annotations

import hashlib
import hmac
import json
import logging
import socket
import subprocess
import sys
import threading
import time
from zoneinfo import ZoneInfo

import pytest
from support.message_examples import LINKS, MESSAGE, NOW_MS
from support.receivers import mail_server, web_server

from cloud.notifying.apprise_client import open_target
from cloud.notifying.message import Ending
from cloud.notifying.webhook import Webhook
from cloud.notifying.wording import write

WRITTEN = write(MESSAGE, LINKS, ZoneInfo("Europe/Berlin"), NOW_MS)
PICTURE = b"\x89PNG\r\n\x1a\n" + b"picture" * 20
TEMPLATE = '{"summary": "{machine}: {sentence}", "priority": "{priority}", "n": "{occurrences}", "due": null}'


def webhook(address: str, template: str | None = TEMPLATE, timeout_s: float = 1.0) -> Webhook:
    return Webhook(address, "hunter2", template, timeout_s, lambda: 1_760_000_000.9)


# ---- webhooks ----


def test_a_work_order_system_gets_its_own_form_and_can_check_who_sent_it():
    with web_server() as receiver:
        assert webhook(receiver.address).hand_over(WRITTEN, None).ending is Ending.DELIVERED
    headers, body = receiver.posts[0]
    assert json.loads(body) == {
        "summary": "Raw water pump 1: Outer-race damage at the drive end is likely.",
        "priority": "high",
        "n": 3,
        "due": None,
    }
    # What a receiver does, in its own words: timestamp, full stop, body.
    expected = hmac.new(b"hunter2", b"1760000000." + body, hashlib.sha256).hexdigest()
    assert headers["x-plantpulse-timestamp"] == "1760000000"
    assert headers["x-plantpulse-signature"] == f"sha256={expected}"
    assert headers["idempotency-key"] == MESSAGE.id
    assert headers["content-type"].startswith("application/json")


def test_without_a_template_everything_goes():
    with web_server() as receiver:
        webhook(receiver.address, None).hand_over(WRITTEN, None)
    assert json.loads(receiver.posts[0][1]) == dict(WRITTEN.fields)


@pytest.mark.parametrize(
    ("status", "headers", "problem", "wait_s"),
    [
        (422, {}, "answered 422 Unprocessable Entity: no such asset", 0),
        (503, {"Retry_After": "120"}, "answered 503 Service Unavailable: no such asset", 120),
        (302, {"Location": "http://127.0.0.1:1/"}, "answered 302 Found", 0),  # a signed document follows nobody
    ],
)
def test_a_refusal_is_told_with_its_words(status, headers, problem, wait_s):
    with web_server(lambda _: status, **headers) as receiver:
        outcome = webhook(receiver.address).hand_over(WRITTEN, None)
    assert (outcome.ending, outcome.problem, outcome.wait_s) == (Ending.REFUSED, problem, wait_s)


def test_a_receiver_that_hangs_times_out():
    with web_server(lambda _: None) as receiver:
        outcome = webhook(receiver.address).hand_over(WRITTEN, None)
    assert (outcome.ending, outcome.problem) == (Ending.TIMED_OUT, "no answer within 1 s")


def test_a_receiver_that_is_not_there_or_breaks_off(free_port):
    outcome = webhook(f"http://127.0.0.1:{free_port}/").hand_over(WRITTEN, None)
    assert outcome.ending is Ending.REFUSED
    assert "cannot be reached (Connection refused)" in outcome.problem
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(5)

        def answer_garbage():
            connection, _ = server.accept()
            connection.recv(65_536)
            connection.sendall(b"\x00\x01 garbage\r\n\r\n")
            connection.close()

        thread = threading.Thread(target=answer_garbage)
        thread.start()
        outcome = webhook(f"http://127.0.0.1:{server.getsockname()[1]}/").hand_over(WRITTEN, None)
        thread.join()
    assert outcome.ending is Ending.REFUSED
    assert "broke off" in outcome.problem


def test_a_template_that_became_impossible_is_broken_for_good():
    outcome = webhook("http://127.0.0.1:1/", '{"x": "{gone}"}').hand_over(WRITTEN, None)
    assert outcome.ending is Ending.BROKEN
    assert "unknown field 'gone'" in outcome.problem


# ---- everything that apprise knows ----


def test_a_mail_arrives_with_words_and_picture():
    with mail_server() as receiver:
        outcome = open_target("mail", receiver.address, 5.0).hand_over(WRITTEN, PICTURE)
    assert outcome.ending is Ending.DELIVERED, outcome.problem
    mail = receiver.mails[0]
    assert mail["To"] == "shift@plant.example"
    assert "Raw water pump 1" in str(mail["Subject"])
    parts = {part.get_content_type(): part.get_payload(decode=True) for part in mail.walk()}
    assert parts["image/png"] == PICTURE
    assert b"Check lubrication, plan a bearing change." in parts["text/plain"]
    assert b"https://pulse.example/acknowledge/TOKEN" in parts["text/plain"]


def test_a_mail_server_that_refuses_or_hangs_is_told_without_the_password(caplog, capfd, free_port):
    with mail_server(lambda: True) as receiver:
        outcome = open_target("mail", receiver.address, 5.0).hand_over(WRITTEN, None)
    assert outcome.ending is Ending.REFUSED
    address = f"mailto://shift:hunter2@127.0.0.1:{free_port}?smtp=127.0.0.1&from=a@plant.example&mode=insecure"
    outcome = open_target("mail", address, 5.0).hand_over(WRITTEN, None)
    assert outcome.ending is Ending.REFUSED
    assert "email" in outcome.problem
    with socket.create_server(("127.0.0.1", 0)) as silent:
        hanging = address.replace(str(free_port), str(silent.getsockname()[1]))
        begun_s = time.monotonic()
        outcome = open_target("mail", hanging, 1.0).hand_over(WRITTEN, None)
        assert time.monotonic() - begun_s < 5.0
    assert outcome.ending is Ending.TIMED_OUT
    logging.getLogger("apprise").warning("anything")
    assert "hunter2" not in outcome.problem + caplog.text + "".join(capfd.readouterr())


def test_what_a_service_answers_is_blotted_where_it_repeats_the_address():
    with web_server(lambda _: 500) as receiver:
        address = f"json://127.0.0.1:{receiver.port}/hooks/tokentoken"
        outcome = open_target("chat", address, 5.0).hand_over(WRITTEN, None)
    assert outcome.ending is Ending.REFUSED
    assert "tokentoken" not in outcome.problem


def test_without_apprise_the_extra_is_named_and_without_notify_nothing_of_it_is_imported():
    code = (
        "import sys\n"
        "sys.modules['apprise'] = None\n"
        "from cloud.notifying.apprise_client import open_target\n"
        "from models.contract.errors import ConfigurationError\n"
        "try:\n    open_target('mail', 'mailto://x', 1.0)\nexcept ConfigurationError as error:\n    print(error)\n"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60).stdout
    assert "[[notify.target]] 'mail': " in said
    assert 'pip install "plantpulse[notify]"' in said
    code = "import sys, cloud.app, cloud.configuration, plantpulse.cloud\nprint('apprise' in sys.modules)"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60).stdout
    assert said == "False\n"
