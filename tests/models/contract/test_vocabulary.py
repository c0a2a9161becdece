"""The words: what is on the wire never changes its spelling, and order means something."""

from __future__ import annotations

import itertools

import pytest

from models.contract.vocabulary import (
    AlarmState,
    Criticality,
    DropReason,
    Priority,
    Quality,
    RecordKind,
    RejectReason,
    Severity,
    alarm_priority,
    is_steady,
    steady,
)


def test_alarms_go_first_and_health_last() -> None:
    assert [kind.value for kind in sorted(RecordKind, key=lambda kind: kind.rank)] == [
        "alarm",
        "evidence",
        "summary",
        "health",
    ]


def test_spellings_on_the_wire_are_never_renamed() -> None:
    """Values may be added at will; the ones that gateways in the field already write must stay."""
    assert {"watch", "alert", "danger"} <= {member.value for member in Severity}
    assert {"active", "returned"} <= {member.value for member in AlarmState}
    assert {"low", "medium", "high", "urgent"} <= {member.value for member in Priority}
    assert {"budget_summary_merged", "budget_evidence", "budget_alarm", "corrupt", "oversized"} <= {
        member.value for member in DropReason
    }
    assert {"schema_too_new", "out_of_bounds", "unknown_machine", "malformed"} <= {
        member.value for member in RejectReason
    }


def test_tck_id_payloads_propertyset_quality_has_three_values() -> None:
    assert [int(member) for member in Quality] == [0, 192, 500]


def test_priority_never_falls_with_severity_or_criticality() -> None:
    order = list(Priority)
    for low, high in itertools.pairwise(Severity):
        for criticality in Criticality:
            assert order.index(alarm_priority(low, criticality)) <= order.index(alarm_priority(high, criticality))
    for low, high in itertools.pairwise(Criticality):
        for severity in Severity:
            assert order.index(alarm_priority(severity, low)) <= order.index(alarm_priority(severity, high))
    assert alarm_priority(Severity.WATCH, Criticality.LOW) is Priority.LOW
    assert alarm_priority(Severity.DANGER, Criticality.HIGH) is Priority.URGENT


@pytest.mark.parametrize(("state", "judged"), [(steady("full load"), True), ("off", False), ("transient", False)])
def test_only_steady_states_are_judged(state: str, judged: bool) -> None:  # noqa: FBT001 - the answer that is expected
    assert is_steady(state) is judged
