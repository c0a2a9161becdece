"""The registry's rules: what can be registered, that nothing is overwritten, and every step from every state."""

from __future__ import annotations

from dataclasses import replace

import pytest
from support.model_versions import bundle_facts

from cloud.errors import ConflictError, RequestError, VersionTakenError
from cloud.registry import STEPS, Step, VersionState, after, checked, register, version_id

#              candidate    approved     released     champion    retired; None: refused
TABLE = {
    "approve": ("approved", None, None, None, None),
    "release": (None, "released", None, None, None),
    "crown": (None, None, "champion", None, None),
    "dethrone": (None, None, None, "released", None),
    "retire": ("retired", "retired", "retired", None, None),
}


@pytest.mark.parametrize("step", Step)
def test_the_table(step):
    for state, expected in zip(VersionState, TABLE[step], strict=True):
        if expected is None:
            with pytest.raises(ConflictError, match=state):
                after(state, step, "pump 1.0.0")
        else:
            assert after(state, step, "pump 1.0.0") == expected


def test_every_step_is_in_the_table():
    assert set(TABLE) == set(STEPS) == set(Step)


def test_where_a_person_approves_a_new_version_is_a_candidate():
    assert register(bundle_facts(), None, by_person=True) is VersionState.CANDIDATE
    assert register(bundle_facts(), None, by_person=False) is VersionState.APPROVED


@pytest.mark.parametrize(
    "change",
    [
        {"sha256": "f" * 64},
        {"metrics": {"false_alarms_per_1000_h": 0.0}},
        {"training": ("other",)},
        {"size_bytes": 7},
        {"name": "another"},
    ],
)
def test_nothing_is_overwritten(change):
    there = bundle_facts()
    assert register(bundle_facts(), there, by_person=True) is None
    with pytest.raises(VersionTakenError, match="count it up") as refused:
        register(replace(there, **change), there, by_person=True)
    assert (refused.value.version, refused.value.sha256) == (there.version, there.sha256)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"machine_class": ""}, "machine class"),
        ({"machine_class": "a/b"}, "machine class"),
        ({"version": "1.0"}, "semantic version"),
        ({"version": "1.0.0\n"}, "semantic version"),
        ({"version": "01.0.0"}, "semantic version"),
        ({"sha256": "F" * 64}, "sha256"),
        ({"feature_hash": "0"}, "feature_hash"),
        ({"size_bytes": 0}, "size_bytes"),
        ({"metrics": {"f1": 0.9}}, "false alarms"),
        ({"metrics": {"false_alarms_per_1000_h": float("nan")}}, "finite"),
        ({"parents": ("0.9.0",)}, "0.9.0 is not registered"),
    ],
)
def test_what_cannot_be_registered_is_named(change, told):
    with pytest.raises(RequestError, match=told):
        checked(bundle_facts(**change), {"0.8.0"})


@pytest.mark.parametrize("version", ["0.0.0", "1.2.3", "10.20.30", "1.0.0-rc.1", "1.0.0+site.4", "1.0.0-a-b.c+d-e"])
def test_semantic_versions(version):
    facts = bundle_facts(version=version, parents=("0.8.0",))
    assert checked(facts, {"0.8.0"}) is facts


def test_ids_tell_class_and_version_apart():
    assert version_id("pump", "1.0.0") != version_id("pump1", ".0.0")
