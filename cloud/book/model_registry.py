"""The registry in the book: versions of models, added once, and what becomes of them; each with its audit entry.

add_version → approve, release, retire by people or delivery → crown, dethrone by rollouts
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import and_, or_, select
from sqlalchemy.orm import Session

from cloud import registry
from cloud.book import audit_log
from cloud.book.model_tables import ModelVersion, RolloutRow
from cloud.book.transactions import writing
from cloud.errors import ConflictError, EditionError, NotFoundError
from cloud.registry import BundleFacts, Step, VersionState, version_id

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Engine

    from cloud.book.accounts import Doing

CLOCK = "clock"
"""Who it is in the audit log where no person did it."""


def add_version(engine: Engine, facts: BundleFacts, doing: Doing, *, by_person: bool) -> ModelVersion:
    """Add a version whose bundle is stored already; the very same one again changes nothing.

    Args:
        engine: of the book.
        facts: of the bundle.
        doing: who registers it, and when.
        by_person: whether a person has to approve it.

    Raises:
        RequestError: the facts cannot be used.
        VersionTakenError: it is there with other content.
        StoreError: it could not be written.
    """
    with writing(engine, "the version") as session:
        known = session.scalars(select(ModelVersion).where(ModelVersion.machine_class == facts.machine_class)).all()
        registry.checked(facts, {row.version for row in known})
        there = next((row for row in known if row.version == facts.version), None)
        state = registry.register(facts, None if there is None else facts_of(there), by_person=by_person)
        if there is not None or state is None:
            return _kept(session, there)
        row = ModelVersion(
            id=version_id(facts.machine_class, facts.version),
            machine_class=facts.machine_class,
            name=facts.name,
            version=facts.version,
            sha256=facts.sha256,
            feature_hash=facts.feature_hash,
            size_bytes=facts.size_bytes,
            metrics=dict(facts.metrics),
            parents=list(facts.parents),
            training=list(facts.training),
            state=state,
            registered_by=doing.who,
            registered_ms=doing.at_ms,
            approved_by=None if by_person else CLOCK,
            approved_ms=None if by_person else doing.at_ms,
            changed_ms=doing.at_ms,
            edition=1,
        )
        session.add(row)
        session.flush()
        _note(session, row, "register", doing)
        return _kept(session, row)


def change_version(
    engine: Engine, identifier: str, step: Step, doing: Doing, *, edition: int | None = None, target_name: str = ""
) -> ModelVersion:
    """Take a step with a version.

    Args:
        engine: of the book.
        identifier: of the version.
        step: what is done with it.
        doing: who does it, and when.
        edition: what they have looked at; None: as it is.
        target_name: by what name delivery knows the bundle, for a release.

    Raises:
        NotFoundError: nobody has that id.
        EditionError: somebody has changed it meanwhile.
        ConflictError: what it is forbids the step, or a rollout may still need it.
        StoreError: it could not be written.
    """
    with writing(engine, "the version") as session:
        row = session.get(ModelVersion, identifier)
        if row is None:
            raise NotFoundError("model version", identifier)
        if edition is not None and row.edition != edition:
            raise EditionError("somebody has changed this version meanwhile: look at it again, then decide")
        if step is Step.RETIRE:
            _check_unneeded(session, row)
        if step is Step.RELEASE:
            row.target_name = target_name or f"{row.machine_class}/{row.version}/{row.sha256}"
        take_step(session, row, step, doing)
        return _kept(session, row)


def take_step(session: Session, row: ModelVersion, step: Step, doing: Doing) -> None:
    """Take a step with a version, as part of a transaction.

    Raises:
        ConflictError: what it is forbids the step.
    """
    row.state = registry.after(VersionState(row.state), step, f"{row.machine_class} {row.version}")
    row.changed_ms = doing.at_ms
    row.edition += 1
    if step is Step.APPROVE:
        row.approved_by, row.approved_ms = doing.who, doing.at_ms
    session.flush()
    _note(session, row, step.value, doing)


def make_champion(session: Session, row: ModelVersion | None, machine_class: str, doing: Doing) -> None:
    """Make a version the champion of its class, or none; the one before becomes released again."""
    before = champion_of(session, machine_class)
    if before is not None and (row is None or before.id != row.id):
        take_step(session, before, Step.DETHRONE, doing)
    if row is not None and row.state != VersionState.CHAMPION:
        take_step(session, row, Step.CROWN, doing)


def champion_of(session: Session, machine_class: str) -> ModelVersion | None:
    """Return what the gateways of a class are to run, None where nothing was ever rolled out."""
    wanted = (ModelVersion.machine_class == machine_class, ModelVersion.state == VersionState.CHAMPION)
    return session.scalars(select(ModelVersion).where(*wanted)).first()


def version(engine: Engine, identifier: str) -> ModelVersion:
    """Return one version.

    Raises:
        NotFoundError: nobody has that id.
    """
    with Session(engine) as session:
        if (row := session.get(ModelVersion, identifier)) is None:
            raise NotFoundError("model version", identifier)
        return row


def versions(
    engine: Engine, limit: int, before: tuple[int, str] | None = None, *, machine_class: str | None = None
) -> Sequence[ModelVersion]:
    """Return versions, the last registered first, before a sort key (registered_ms, id)."""
    key = ModelVersion.registered_ms, ModelVersion.id
    query = select(ModelVersion).order_by(*(column.desc() for column in key)).limit(limit)
    if machine_class is not None:
        query = query.where(ModelVersion.machine_class == machine_class)
    if before is not None:
        query = query.where(or_(key[0] < before[0], and_(key[0] == before[0], key[1] < before[1])))
    with Session(engine) as session:
        return session.scalars(query).all()


def facts_of(row: ModelVersion) -> BundleFacts:
    """Return what a version was registered with."""
    return BundleFacts(
        row.machine_class,
        row.name,
        row.version,
        row.sha256,
        row.feature_hash,
        row.size_bytes,
        row.metrics,
        tuple(row.parents),
        tuple(row.training),
    )


def _check_unneeded(session: Session, row: ModelVersion) -> None:
    """Refuse to retire what a rollout brings, or what it would go back to."""
    named = or_(RolloutRow.version_id == row.id, RolloutRow.previous_id == row.id)
    needing = session.scalars(select(RolloutRow.id).where(named, RolloutRow.superseded_by.is_(None))).first()
    if needing is not None:
        raise ConflictError(f"{row.machine_class} {row.version}: rollout {needing} may still need it")


def _note(session: Session, row: ModelVersion, what: str, doing: Doing) -> None:
    detail = {"class": row.machine_class, "version": row.version, "sha256": row.sha256, "state": row.state}
    audit_log.append(session, at_ms=doing.at_ms, who=doing.who, what=f"model.{what}", subject=row.id, detail=detail)


def _kept(session: Session, row: ModelVersion | None) -> ModelVersion:
    """Return a row that may be read after the session has ended."""
    if row is None:  # pragma: no cover - the registry gives no state without a row
        raise AssertionError("no version")
    session.flush()
    session.refresh(row)
    session.expunge(row)
    return row
