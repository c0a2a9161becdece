"""How long a machine has, on its page."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

if TYPE_CHECKING:
    from tests.cloud.console.conftest import Plant, Visitor

pytestmark = pytest.mark.needs("chromium")


def test_a_machine_says_in_one_sentence_how_long_there_is_or_why_nobody_can_say(plant: Plant, desktop: Visitor) -> None:
    for item in plant.api("/machines")["items"][:4]:
        told = plant.api(f"/machines/{item['id']}")["prognosis"]
        desktop.open(f"/machines/{item['id']}")
        shown = desktop.page.locator("#prognosis")
        if told is None:
            expect(shown).to_be_hidden()
        else:
            expect(shown).to_have_text(f"How long: {told['sentence']}")
