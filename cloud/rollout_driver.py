"""Rollouts moved on: what gateways said goes in, what was decided is written, one rollout in one transaction each.

    for each rollout that says what gateways run: load → who is there, reports, health → a tick → save what changed

Nothing is kept in memory. Killed between any two writes, the transaction is gone and the next step does the same
again; done twice, the second changes nothing. Wishes are told to gateways by whoever talks to them
(`cloud.book.rollouts.wished_versions`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy.orm import Session

from cloud import rollout as rules
from cloud.book.accounts import Doing
from cloud.book.model_registry import CLOCK
from cloud.book.model_reports import reports_of, samples_of
from cloud.book.rollouts import load, save, standings, steering_ids
from cloud.book.transactions import writing
from cloud.event_hub import Change, Subject
from cloud.rollout_state import GatewayReport, SetTarget, Tick

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Engine

    from cloud.rollout_state import Decision, Event, Rollout


class RolloutDriver:
    """Moves the rollouts of a book on; call `step` every few seconds."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def step(self, now_ms: int) -> set[Change]:
        """Move every rollout on, and return what pages should be told.

        Raises:
            StoreError: the book did not take it; what is decided so far is written, the rest is not.
        """
        changes: set[Change] = set()
        for rollout_id in steering_ids(self._engine):
            changes |= self._move(rollout_id, now_ms)
        return changes

    def _move(self, rollout_id: str, now_ms: int) -> set[Change]:
        # Looked at without a lock first: most of the time nothing is to be written, and nobody waits for that.
        with Session(self._engine) as session:
            before, rollout, _ = _moved(session, rollout_id, now_ms)
        if rollout == before:
            return set()
        with writing(self._engine, "the rollout") as session:
            before, rollout, decisions = _moved(session, rollout_id, now_ms)
            if rollout == before:
                return set()
            save(session, before, rollout, decisions, Doing(CLOCK, now_ms))
        changes = {Change(Subject.ROLLOUT, rollout_id)}
        changes |= {Change(Subject.GATEWAY, one.gateway_id) for one in decisions if isinstance(one, SetTarget)}
        if rollout.phase != before.phase:
            changes.add(Change(Subject.MODEL, rollout.machine_class))
        return changes


def _moved(session: Session, rollout_id: str, now_ms: int) -> tuple[Rollout, Rollout, Sequence[Decision]]:
    """Return a rollout as it was and as it is after what was heard of it, and what is decided."""
    before = load(session, rollout_id)
    rollout = before
    for event in _heard(session, before):
        rollout, _ = rules.react(rollout, event, now_ms)
    rollout, decisions = rules.react(rollout, Tick(), now_ms)
    return before, rollout, decisions


def _heard(session: Session, rollout: Rollout) -> list[Event]:
    """Return what is to be known: who is there, then what they said, then what they counted."""
    machine_class = rollout.machine_class
    there: list[Event] = [
        GatewayReport(one.gateway_id, machine_class, one.online) for one in standings(session, machine_class)
    ]
    said = reports_of(session, machine_class, rollout.version)
    return [*there, *said, *samples_of(session, machine_class, rollout.version)]
