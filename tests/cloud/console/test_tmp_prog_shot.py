import pytest

pytestmark = pytest.mark.needs("chromium")


def test_shot(plant, desktop):
    desktop.open(f"/machines/{plant.machine_named('Cooling tower fan 2')}")
    desktop.charts("panels", 2)
    desktop.page.locator("#panels figure").nth(2).screenshot(path="/tmp/prog2.png")
