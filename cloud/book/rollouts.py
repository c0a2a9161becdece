"""Rollouts in the book: read whole, written whole, with wishes, champion and audit entries in one transaction.

    start, command or step → load → `cloud.rollout` decides → save: gateways that changed, wishes, champion, audit, row

Nothing is kept between two transactions, so a cloud that is killed between any two writes has lost nothing: what was
not committed was not decided, and the next step decides it again from the same rows.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from sqlalchemy import and_, or_, select
from sqlalchemy.orm import Session

from cloud import rollout as rules
from cloud.book import audit_log
from cloud.book.accounts import Doing
from cloud.book.model_registry import champion_of, make_champion
from cloud.book.model_tables import ModelHealth, ModelReport, ModelVersion, RolloutGateway, RolloutRow, WishedVersion
from cloud.book.tables import Gateway, Machine
from cloud.book.transactions import writing
from cloud.errors import ConflictError, NotFoundError
from cloud.registry import VersionState, version_id
from cloud.rollout_state import (
    FAILURES,
    Command,
    Complete,
    EndStage,
    GatewayState,
    Halt,
    Phase,
    RollBack,
    Rollout,
    SetTarget,
    Standing,
    Superseded,
    plan_from,
    standing_from,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from collections.abc import Set as AbstractSet

    from sqlalchemy import Engine

    from cloud.rollout_state import Decision, Plan

SAID = {EndStage: "stage_ended", Halt: "halted", RollBack: "rolled_back", Complete: "completed"}
"""Decisions that the audit log tells of."""


def start_rollout(engine: Engine, rollout_id: str, of_version: str, plan: Plan, doing: Doing) -> Rollout:
    """Begin to bring a released version to the gateways of its class.

    Args:
        engine: of the book.
        rollout_id: a new id.
        of_version: id of the version.
        plan: how it goes.
        doing: who wants it, and when.

    Raises:
        NotFoundError: nobody has that version.
        RolloutRunningError: another one goes on for its class.
        ConflictError: the version is not released, or is what is run now.
        RequestError: the plan cannot be followed.
        StoreError: it could not be written.
    """
    with writing(engine, "the rollout") as session:
        version = session.get(ModelVersion, of_version)
        if version is None:
            raise NotFoundError("model version", of_version)
        if version.state not in {VersionState.RELEASED, VersionState.CHAMPION}:
            raise ConflictError(f"{version.machine_class} {version.version} is {version.state}: release it first")
        previous = champion_of(session, version.machine_class)
        steering = [_loaded(session, row) for row in _steering(session, version.machine_class)]
        rollout, decisions = rules.start(
            rollout_id,
            version.machine_class,
            version.version,
            previous.version if previous else None,
            plan,
            standings(session, version.machine_class),
            steering,
            doing.at_ms,
        )
        session.add(
            RolloutRow(
                id=rollout.id,
                machine_class=rollout.machine_class,
                version_id=version.id,
                previous_id=previous.id if previous else None,
                phase=rollout.phase,
                by=doing.who,
                started_ms=doing.at_ms,
                changed_ms=doing.at_ms,
                document={},
            )
        )
        session.flush()
        save(session, None, rollout, decisions, doing)
        for former in steering:
            after, _ = rules.react(former, Superseded(rollout.id), doing.at_ms)
            save(session, former, after, (), doing)
        detail = {"class": rollout.machine_class, "version": rollout.version, "previous": rollout.previous}
        _note(session, rollout, "start", doing, detail)
        return rollout


def command_rollout(engine: Engine, rollout_id: str, command: Command, at_ms: int) -> Rollout:
    """Do with a rollout what a person wants.

    Raises:
        NotFoundError: nobody has that id.
        EditionError: the person has looked at an older edition.
        ConflictError: its phase forbids that.
        StoreError: it could not be written.
    """
    with writing(engine, "the rollout") as session:
        before = load(session, rollout_id)
        rollout, decisions = rules.react(before, command, at_ms)
        doing = Doing(command.by, at_ms)
        save(session, before, rollout, decisions, doing)
        if not decisions:
            # Else what was decided tells of it.
            _note(session, rollout, command.verb.value, doing, {"why": command.why})
        return rollout


def load(session: Session, rollout_id: str) -> Rollout:
    """Return a rollout as it was saved.

    Raises:
        NotFoundError: nobody has that id.
    """
    if (row := session.get(RolloutRow, rollout_id)) is None:
        raise NotFoundError("rollout", rollout_id)
    return _loaded(session, row)


def read_rollout(engine: Engine, rollout_id: str) -> tuple[RolloutRow, Rollout]:
    """Return a rollout and its row.

    Raises:
        NotFoundError: nobody has that id.
    """
    with Session(engine) as session:
        rollout = load(session, rollout_id)
        return session.get_one(RolloutRow, rollout_id), rollout


def list_rollouts(
    engine: Engine, limit: int, before: tuple[int, str] | None = None, *, machine_class: str | None = None
) -> Sequence[tuple[RolloutRow, Rollout]]:
    """Return rollouts without their gateways, the last begun first, before a sort key (started_ms, id)."""
    key = RolloutRow.started_ms, RolloutRow.id
    query = select(RolloutRow).order_by(*(column.desc() for column in key)).limit(limit)
    if machine_class is not None:
        query = query.where(RolloutRow.machine_class == machine_class)
    if before is not None:
        query = query.where(or_(key[0] < before[0], and_(key[0] == before[0], key[1] < before[1])))
    with Session(engine) as session:
        return [(row, _from_row(row, {})) for row in session.scalars(query).all()]


def steering_ids(engine: Engine) -> Sequence[str]:
    """Return the rollouts that say what gateways run, the oldest first."""
    query = select(RolloutRow.id).where(RolloutRow.superseded_by.is_(None)).order_by(RolloutRow.started_ms)
    with Session(engine) as session:
        return session.scalars(query).all()


def standings(session: Session, machine_class: str) -> list[Standing]:
    """Return the gateways with machines of a class, what they said last, and what is wished of them."""
    having = select(Machine.gateway_id).where(Machine.machine_class == machine_class)
    said = and_(ModelReport.gateway_id == Gateway.id, ModelReport.machine_class == machine_class)
    wished = and_(WishedVersion.gateway_id == Gateway.id, WishedVersion.machine_class == machine_class)
    query = (
        select(Gateway.id, Gateway.online, ModelReport.running, ModelReport.state, ModelVersion.version)
        .outerjoin(ModelReport, said)
        .outerjoin(WishedVersion, wished)
        .outerjoin(ModelVersion, ModelVersion.id == WishedVersion.version_id)
        .where(Gateway.id.in_(having), Gateway.foreign_node.is_(False))
        .order_by(Gateway.id)
    )
    return [
        Standing(gateway_id, online, running, GatewayState(state or GatewayState.UNKNOWN), target)
        for gateway_id, online, running, state, target in session.execute(query)
    ]


def save(
    session: Session, before: Rollout | None, rollout: Rollout, decisions: Sequence[Decision], doing: Doing
) -> None:
    """Write a rollout, and what was decided, as part of a transaction; what has not changed is not written.

    Args:
        session: with the transaction.
        before: as it was loaded; None: nothing is written of its gateways yet.
        rollout: as it is now.
        decisions: what was decided between the two.
        doing: who made it so, and when.
    """
    _save_gateways(session, before, rollout)
    _wish(session, rollout, [one for one in decisions if isinstance(one, SetTarget)], doing.at_ms)
    for decision in decisions:
        if not isinstance(decision, SetTarget):
            detail = {"why": decision.sentence, "class": rollout.machine_class, "version": rollout.version}
            _note(session, rollout, SAID[type(decision)], doing, detail)
    if before == rollout:
        return
    row = session.get_one(RolloutRow, rollout.id)
    row.document = _document(rollout)
    row.open_class = rollout.machine_class if rollout.is_open else None
    row.superseded_by = rollout.superseded_by
    if before is None or before.edition != rollout.edition:
        row.changed_ms = doing.at_ms
    if row.phase != rollout.phase:
        row.phase = rollout.phase
        _crown(session, row, rollout, doing)
    session.flush()


def wished_versions(engine: Engine, gateway_id: str) -> dict[str, tuple[str, str, str]]:
    """Return what a gateway is to run: by machine class the version, its name in delivery, and its SHA-256.

    A class that is not in it runs what the gateway was configured with.
    """
    query = (
        select(WishedVersion.machine_class, ModelVersion.version, ModelVersion.target_name, ModelVersion.sha256)
        .join(ModelVersion, ModelVersion.id == WishedVersion.version_id)
        .where(WishedVersion.gateway_id == gateway_id)
        .order_by(WishedVersion.machine_class)
    )
    with Session(engine) as session:
        return {
            machine_class: (version, target_name or "", sha256)
            for machine_class, version, target_name, sha256 in session.execute(query)
        }


def _save_gateways(session: Session, before: Rollout | None, rollout: Rollout) -> None:
    known: Mapping[str, Standing] = before.gateways if before else {}
    changed = [one for name, one in rollout.gateways.items() if known.get(name) != one]
    if not changed:
        return
    of_rollout = select(RolloutGateway).where(RolloutGateway.rollout_id == rollout.id)
    rows = {row.gateway_id: row for row in session.scalars(of_rollout)}
    for one in changed:
        if one.gateway_id in rows:
            rows[one.gateway_id].document = asdict(one)
        else:
            session.add(RolloutGateway(rollout_id=rollout.id, gateway_id=one.gateway_id, document=asdict(one)))
    session.flush()


def _wish(session: Session, rollout: Rollout, wishes: Sequence[SetTarget], at_ms: int) -> None:
    """Write what gateways are to run; who gets the version again starts to count anew, without its old failures."""
    if not wishes:
        return
    of_class = rollout.machine_class
    rows = {
        row.gateway_id: row
        for row in session.scalars(select(WishedVersion).where(WishedVersion.machine_class == of_class))
    }
    for wish in wishes:
        row = rows.get(wish.gateway_id)
        if wish.version is None:
            if row is not None:
                session.delete(row)
            continue
        if row is None:
            row = WishedVersion(gateway_id=wish.gateway_id, machine_class=of_class)
            session.add(row)
        row.version_id = version_id(of_class, wish.version)
        row.rollout_id, row.at_ms = rollout.id, at_ms
    if rollout.is_open:
        _forget(session, rollout, {wish.gateway_id for wish in wishes if wish.version == rollout.version})
    session.flush()


def _forget(session: Session, rollout: Rollout, gateway_ids: AbstractSet[str]) -> None:
    """Forget what gateways counted and failed at with this version in an earlier try."""
    counted = (ModelHealth.machine_class == rollout.machine_class, ModelHealth.version == rollout.version)
    for row in session.scalars(select(ModelHealth).where(*counted)):
        if row.gateway_id in gateway_ids:
            session.delete(row)
    for report in session.scalars(select(ModelReport).where(ModelReport.machine_class == rollout.machine_class)):
        if report.gateway_id in gateway_ids:
            if report.failed_version == rollout.version:
                report.failed_version = report.failed_error = None
            if report.state in FAILURES:
                report.state, report.error = GatewayState.UNKNOWN, None


def _crown(session: Session, row: RolloutRow, rollout: Rollout, doing: Doing) -> None:
    """Make the champion what everybody is to run now."""
    if rollout.phase is Phase.COMPLETED:
        make_champion(session, session.get_one(ModelVersion, row.version_id), rollout.machine_class, doing)
    elif rollout.phase is Phase.ROLLED_BACK:
        previous = session.get(ModelVersion, row.previous_id) if row.previous_id else None
        make_champion(session, previous, rollout.machine_class, doing)


def _steering(session: Session, machine_class: str) -> Sequence[RolloutRow]:
    wanted = (RolloutRow.machine_class == machine_class, RolloutRow.superseded_by.is_(None))
    return session.scalars(select(RolloutRow).where(*wanted).order_by(RolloutRow.started_ms)).all()


def _loaded(session: Session, row: RolloutRow) -> Rollout:
    query = select(RolloutGateway).where(RolloutGateway.rollout_id == row.id).order_by(RolloutGateway.gateway_id)
    return _from_row(row, {one.gateway_id: standing_from(one.document) for one in session.scalars(query)})


def _document(rollout: Rollout) -> dict[str, Any]:
    fields = asdict(rollout)
    del fields["gateways"]
    return fields


def _from_row(row: RolloutRow, gateways: Mapping[str, Standing]) -> Rollout:
    fields = {**row.document, "plan": plan_from(row.document["plan"]), "phase": Phase(row.document["phase"])}
    return Rollout(**fields, gateways=gateways)


def _note(session: Session, rollout: Rollout, what: str, doing: Doing, detail: dict[str, Any]) -> None:
    audit_log.append(
        session, at_ms=doing.at_ms, who=doing.who, what=f"rollout.{what}", subject=rollout.id, detail=detail
    )
