"""Which site something is at, and a book that shows one's own sites only.

A site is a Sparkplug group. An engine bound to sites adds the condition to every question that is asked with it,
whoever asks it, so a new page cannot forget it; what another site has is then simply not there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import event, select
from sqlalchemy.orm import Session, with_loader_criteria

from cloud.book.model_tables import RolloutGateway
from cloud.book.tables import Alarm, AlarmName, Evidence, Gateway, Label, Machine

if TYPE_CHECKING:
    from collections.abc import Set as AbstractSet

    from sqlalchemy import Engine
    from sqlalchemy.orm import ORMExecuteState

    from cloud.event_hub import Change

SITES: Final = "plantpulse_sites"


def bound_to(engine: Engine, sites: AbstractSet[str] | None) -> Engine:
    """Return an engine on the same connections that shows these sites only; None shows all."""
    return engine if sites is None else engine.execution_options(**{SITES: frozenset(sites)})


def is_bound(engine: Engine) -> bool:
    """Return whether an engine shows some sites only."""
    return SITES in engine.get_execution_options()


def site_of_gateway(engine: Engine, gateway_id: str) -> str | None:
    """Return the site of a gateway, None where nobody has that id."""
    with Session(engine) as session:
        return session.scalar(select(Gateway.group_name).where(Gateway.id == gateway_id))


def site_of_machine(engine: Engine, machine_id: str) -> str | None:
    """Return the site of a machine, None where nobody has that id."""
    with Session(engine) as session:
        return session.scalar(select(Gateway.group_name).join(Machine).where(Machine.id == machine_id))


def site_of_alarm(engine: Engine, alarm_id: str) -> str | None:
    """Return the site of an alarm by any of its ids, None where nobody has that id."""
    own_id = select(AlarmName.alarm_id).where(AlarmName.edge_id == alarm_id).scalar_subquery()
    query = select(Gateway.group_name).select_from(Alarm).join(Machine, Machine.id == Alarm.machine_id).join(Gateway)
    with Session(engine) as session:
        return session.scalar(query.where(Alarm.id.in_((alarm_id, own_id))).limit(1))


def visible(engine: Engine, changes: list[Change]) -> list[Change]:
    """Return the changes of what an engine shows; what is no machine, alarm or gateway is everybody's."""
    tables: dict[str, Any] = {"machine": Machine, "alarm": Alarm, "gateway": Gateway}
    seen: dict[str, set[str]] = {}
    with Session(engine) as session:
        for name, table in tables.items():
            asked = [change.identifier for change in changes if change.subject.value == name]
            seen[name] = set(session.scalars(select(table.id).where(table.id.in_(asked)))) if asked else set()
    return [
        change
        for change in changes
        if change.subject.value not in seen or change.identifier in seen[change.subject.value]
    ]


@event.listens_for(Session, "do_orm_execute")
def _show_own_sites(state: ORMExecuteState) -> None:
    """Add the condition where the engine of a question is bound to sites."""
    sites = state.session.get_bind().get_execution_options().get(SITES)
    if sites is None or not state.is_select:
        return
    gateway, machine = Gateway.__table__, Machine.__table__
    gateways = select(gateway.c.id).where(gateway.c.group_name.in_(sites))
    machines = select(machine.c.id).where(machine.c.gateway_id.in_(gateways))
    state.statement = state.statement.options(
        # Functions of the table, because a question may ask for it under another name.
        with_loader_criteria(Gateway, lambda table: table.id.in_(gateways), include_aliases=True),
        with_loader_criteria(Machine, lambda table: table.gateway_id.in_(gateways), include_aliases=True),
        *(
            with_loader_criteria(owned, lambda table: table.machine_id.in_(machines), include_aliases=True)
            for owned in (Alarm, Evidence, Label)
        ),
        # A rollout is the whole plant's; which gateways it concerns is shown to those who may see them.
        with_loader_criteria(RolloutGateway, lambda table: table.gateway_id.in_(gateways), include_aliases=True),
    )
