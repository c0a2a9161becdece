"""Questions to the book, one function each; rows come back loaded and may be read after the session ends."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Final

from sqlalchemy import and_, func, or_, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session, defer

from cloud.alarm_desk import OPEN_STATES
from cloud.book.tables import Alarm, AlarmEvent, AlarmName, Audit, Counter, Evidence, Gateway, Machine, Quarantined
from cloud.book.transactions import reason
from cloud.errors import NotFoundError, StoreError

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from sqlalchemy import Engine

TIMELINE_SHOWN: Final = 500
"""Lines of a timeline: more than anybody reads, less than a page waits for. A chattering alarm has 100,000."""
_SHOWN_NAME: Final = func.coalesce(func.nullif(Machine.display_name, ""), Machine.device)
"""What people call a machine: the name they gave it, else that of its gateway."""


class BookReader:
    """Answers questions about machines, gateways, alarms and evidence."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def problem(self) -> str | None:
        """Return why the book cannot be asked just now, or None."""
        try:
            with self._engine.connect() as connection:
                connection.execute(select(1))
        except (StoreError, SQLAlchemyError) as error:
            return str(error) if isinstance(error, StoreError) else reason(error)
        return None

    def machines(self, after: str = "", limit: int = 1_000_000) -> Sequence[Machine]:
        """Return machines in the order of their ids, without what was measured how: that is half a page for each."""
        facts = (Machine.channels, Machine.features, Machine.facts)
        query = select(Machine).options(*map(defer, facts)).where(Machine.id > after).order_by(Machine.id).limit(limit)
        with Session(self._engine) as session:
            return session.scalars(query).all()

    def names_of_machines(self, machine_ids: Collection[str] | None = None) -> Mapping[str, str]:
        """Return what people call machines, by id; of all of them if none are named."""
        query = select(Machine.id, _SHOWN_NAME)
        if machine_ids is not None:
            query = query.where(Machine.id.in_(set(machine_ids)))
        with Session(self._engine) as session:
            return dict(session.execute(query).all())

    def machine(self, machine_id: str) -> Machine:
        """Return one machine.

        Raises:
            NotFoundError: nobody has that id.
        """
        with Session(self._engine) as session:
            if (machine := session.get(Machine, machine_id)) is None:
                raise NotFoundError("machine", machine_id)
            return machine

    def machines_of(self, gateway_id: str) -> Sequence[Machine]:
        """Return the machines of a gateway by name."""
        with Session(self._engine) as session:
            query = select(Machine).where(Machine.gateway_id == gateway_id).order_by(Machine.device)
            return session.scalars(query).all()

    def gateways(self, after: str = "", limit: int = 1_000_000) -> Sequence[Gateway]:
        """Return gateways in the order of their ids."""
        with Session(self._engine) as session:
            query = select(Gateway).where(Gateway.id > after).order_by(Gateway.id).limit(limit)
            return session.scalars(query).all()

    def gateway(self, gateway_id: str) -> Gateway:
        """Return one gateway.

        Raises:
            NotFoundError: nobody has that id.
        """
        with Session(self._engine) as session:
            if (gateway := session.get(Gateway, gateway_id)) is None:
                raise NotFoundError("gateway", gateway_id)
            return gateway

    def open_alarms(self, machine_id: str | None = None) -> Mapping[str, Sequence[Alarm]]:
        """Return the alarms that want something from somebody, by machine, without their lines."""
        query = select(Alarm).options(defer(Alarm.lines)).where(Alarm.state.in_(OPEN_STATES))
        if machine_id is not None:
            query = query.where(Alarm.machine_id == machine_id)
        with Session(self._engine) as session:
            found: dict[str, list[Alarm]] = defaultdict(list)
            for alarm in session.scalars(query):
                found[alarm.machine_id].append(alarm)
            return found

    def alarms(
        self,
        limit: int,
        before: tuple[int, str] | None = None,
        *,
        states: Sequence[str] = (),
        machine_id: str | None = None,
        priority: str | None = None,
        words: Sequence[str] = (),
    ) -> Sequence[Alarm]:
        """Return alarms, the last changed first.

        Args:
            limit: how many at most.
            before: sort key (changed_ms, id) of the last one that is known.
            states: in which they are, any for none.
            machine_id: of this machine alone.
            priority: of this priority alone.
            words: each of them, in small or capital letters, in the machine's name, sentence, component or label.
        """
        query = select(Alarm).order_by(Alarm.changed_ms.desc(), Alarm.id.desc()).limit(limit)
        if states:
            query = query.where(Alarm.state.in_(states))
        if machine_id is not None:
            query = query.where(Alarm.machine_id == machine_id)
        if priority is not None:
            query = query.where(Alarm.priority == priority)
        if words:
            query = query.join(Machine, Machine.id == Alarm.machine_id)
            shown = (_SHOWN_NAME, Alarm.sentence, Alarm.component, Alarm.label)
            for word in words:
                query = query.where(or_(*(text.icontains(word, autoescape=True) for text in shown)))
        if before is not None:
            changed_ms, alarm_id = before
            query = query.where(
                or_(Alarm.changed_ms < changed_ms, and_(Alarm.changed_ms == changed_ms, Alarm.id < alarm_id))
            )
        with Session(self._engine) as session:
            return session.scalars(query).all()

    def alarm(self, alarm_id: str) -> Alarm:
        """Return one alarm, by its own id or by any that a gateway gave it.

        Raises:
            NotFoundError: nobody has that id.
        """
        with Session(self._engine) as session:
            name = session.get(AlarmName, alarm_id)
            alarm = session.get(Alarm, name.alarm_id if name else alarm_id)
            if alarm is None:
                raise NotFoundError("alarm", alarm_id)
            return alarm

    def timeline(self, alarm_id: str, limit: int = TIMELINE_SHOWN) -> Sequence[AlarmEvent]:
        """Return the timeline of an alarm, oldest first; of a long one what happened last."""
        newest_first = AlarmEvent.at_ms.desc(), AlarmEvent.key.desc()
        query = select(AlarmEvent).where(AlarmEvent.alarm_id == alarm_id).order_by(*newest_first).limit(limit)
        with Session(self._engine) as session:
            return session.scalars(query).all()[::-1]

    def evidence_states(self, alarms: Sequence[Alarm]) -> Mapping[str, str]:
        """Return for alarms that have evidence whether it is complete or partial, by alarm id."""
        if not alarms:
            return {}
        query = (
            select(AlarmName.alarm_id, Evidence.state)
            .join(Evidence, Evidence.subject == AlarmName.edge_id)
            .where(AlarmName.alarm_id.in_([alarm.id for alarm in alarms]), Evidence.is_moment.is_(False))
        )
        states: dict[str, str] = {}
        with Session(self._engine) as session:
            for alarm_id, state in session.execute(query):
                if state == "complete" or alarm_id not in states:
                    states[alarm_id] = state
        return states

    def alarm_evidence(self, alarm_id: str, *, moment: bool = False) -> Evidence:
        """Return the newest whole evidence package of an alarm, or of the moments that its gateway was asked for.

        Raises:
            NotFoundError: there is none (yet).
        """
        query = (
            select(Evidence)
            .join(AlarmName, Evidence.subject == AlarmName.edge_id)
            .where(AlarmName.alarm_id == alarm_id, Evidence.state == "complete", Evidence.is_moment.is_(moment))
            .order_by(Evidence.end_ms.desc())
            .limit(1)
        )
        with Session(self._engine) as session:
            if (evidence := session.scalars(query).first()) is None:
                raise NotFoundError("evidence of alarm", alarm_id)
            return evidence

    def evidence_list(self, machine_id: str, before: tuple[int, str] | None, limit: int) -> Sequence[Evidence]:
        """Return the whole evidence packages of a machine, newest first, without their bytes."""
        query = (
            select(Evidence)
            .options(defer(Evidence.package))
            .where(Evidence.machine_id == machine_id, Evidence.state == "complete", Evidence.is_moment.is_(False))
            .order_by(Evidence.end_ms.desc(), Evidence.id.desc())
            .limit(limit)
        )
        if before is not None:
            end_ms, evidence_id = before
            query = query.where(
                or_(Evidence.end_ms < end_ms, and_(Evidence.end_ms == end_ms, Evidence.id < evidence_id))
            )
        with Session(self._engine) as session:
            return session.scalars(query).all()

    def evidence(self, machine_id: str, evidence_id: str) -> Evidence:
        """Return one whole evidence package of a machine, or with ``latest`` its newest.

        Raises:
            NotFoundError: there is none.
        """
        query = select(Evidence).where(Evidence.machine_id == machine_id, Evidence.state == "complete")
        if evidence_id == "latest":
            query = query.where(Evidence.is_moment.is_(False)).order_by(Evidence.end_ms.desc()).limit(1)
        else:
            query = query.where(Evidence.id == evidence_id)
        with Session(self._engine) as session:
            if (evidence := session.scalars(query).first()) is None:
                raise NotFoundError("spectrum", evidence_id)
            return evidence

    def audit(self, before: int | None, limit: int) -> Sequence[Audit]:
        """Return what people did, newest first."""
        query = select(Audit).order_by(Audit.key.desc()).limit(limit)
        if before is not None:
            query = query.where(Audit.key < before)
        with Session(self._engine) as session:
            return session.scalars(query).all()

    def quarantine_size(self) -> int:
        """Return how many messages are in quarantine."""
        with Session(self._engine) as session:
            return session.scalar(select(func.count()).select_from(Quarantined)) or 0

    def counters(self) -> Mapping[str, int]:
        """Return the counts that belong to no gateway, by name."""
        with Session(self._engine) as session:
            return {counter.name: counter.value for counter in session.scalars(select(Counter))}
