"""docs/wire-hexdump.md shows the bytes of today."""

from __future__ import annotations

import re

from contract.golden_payloads import ours
from contract.hexdump import PAGE, page


def test_the_page_is_current() -> None:
    """Run `PYTHONPATH=.:tests python tests/contract/hexdump.py` after a change of the contract."""
    assert PAGE.read_text() == page()


def test_the_page_shows_every_byte_once() -> None:
    for block, name in zip(
        re.findall(r"```text\n(.*?)```", page(), re.DOTALL),
        ("ddata-summary", "ddata-alarm", "ncmd-acknowledged"),
        strict=True,
    ):
        shown = bytes.fromhex("".join(line[7:54] for line in block.splitlines()))
        assert shown == ours()[name].data
