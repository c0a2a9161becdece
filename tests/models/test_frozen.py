"""The quick replace does what the general one does, or refuses."""

from __future__ import annotations

import dataclasses

import pytest

from models.alarming import AlarmMemory, AlarmSettings
from models.frozen import replace
from models.operating_state import OperatingMemory
from models.pipeline_state import PipelineState


@pytest.mark.parametrize("one", [AlarmMemory(), OperatingMemory(), PipelineState("abc")])
def test_every_field_can_be_replaced_and_the_others_stay(one):
    for field in dataclasses.fields(one):
        marker = object()
        found = replace(one, **{field.name: marker})
        assert found == dataclasses.replace(one, **{field.name: marker})
        assert type(found) is type(one)
    assert replace(one) == one
    assert replace(one) is not one


def test_the_copy_is_frozen_and_the_original_unchanged():
    before = AlarmMemory(active=True)
    after = replace(before, active=False)
    assert before.active
    with pytest.raises(dataclasses.FrozenInstanceError):
        after.active = True


def test_a_field_that_is_not_there_is_refused():
    with pytest.raises(TypeError, match="activ"):
        replace(AlarmMemory(), activ=True)


def test_a_class_that_checks_its_values_is_refused():
    with pytest.raises(TypeError, match="AlarmSettings"):
        replace(AlarmSettings(), off_windows=3)


def test_a_class_without_slots_is_refused():
    @dataclasses.dataclass(frozen=True)
    class Loose:
        x: int
        y: int

    with pytest.raises(TypeError, match="Loose"):
        replace(Loose(1, 2), x=3)
