"""Evidence, written to the book: parts wait until all are there, then become one package whose digest fits."""

from __future__ import annotations

import json
from enum import StrEnum
from typing import TYPE_CHECKING, Final
from uuid import NAMESPACE_OID, uuid5

from sqlalchemy import delete, select

from cloud.book.requests import moment_came
from cloud.book.tables import Evidence, EvidencePartRow, Machine
from cloud.event_hub import Change, Subject
from models.contract.errors import ContractError
from models.contract.evidence import join_evidence, unpack_evidence
from models.contract.kept_moment import kept_moment
from models.contract.records import EvidencePart

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from cloud.batch import StoredPart
    from models.contract.kept_moment import KeptMoment


SPECTRUM_SUBJECT: Final = "spectrum"
"""Subject of a periodic picture; every other subject is an alarm."""


class EvidenceState(StrEnum):
    """How much of a package is there; a damaged one came whole and cannot be read, a refusal has nothing in it."""

    PARTIAL = "partial"
    COMPLETE = "complete"
    DAMAGED = "damaged"
    REFUSED = "refused"


def evidence_id(part: EvidencePart) -> str:
    """Return the id of the package that a part belongs to."""
    return str(uuid5(NAMESPACE_OID, f"{part.asset_id}/{part.subject}/{part.digest}"))


def write_part(session: Session, stored: StoredPart) -> tuple[set[Change], bool]:
    """Write one part; return what changed, and whether the part was new."""
    part = stored.part
    key = evidence_id(part)
    package = session.get(Evidence, key)
    if package is None:
        package = Evidence(
            id=key,
            machine_id=part.asset_id,
            subject=part.subject,
            end_ms=part.end_ns // 1_000_000,
            digest=part.digest,
            total=part.total,
            state=EvidenceState.PARTIAL,
            channels=[],
            package=None,
        )
        session.add(package)
        session.flush()
    if package.state != EvidenceState.PARTIAL or session.get(EvidencePartRow, (key, part.index)) is not None:
        return set(), False
    session.add(EvidencePartRow(evidence_id=key, part=part.index, data=part.data))
    session.flush()
    rows = session.scalars(select(EvidencePartRow).where(EvidencePartRow.evidence_id == key)).all()
    if len(rows) >= package.total:
        moment = _join(package, part, {row.part: row.data for row in rows})
        session.execute(delete(EvidencePartRow).where(EvidencePartRow.evidence_id == key))
        if moment is not None:
            moment_came(session, part.asset_id, part.subject, moment, stored.received_ms)
    machine = session.get(Machine, part.asset_id)
    return ({Change(Subject.MACHINE, machine.id)} if machine else set()), True


def _join(package: Evidence, last: EvidencePart, data: dict[int, bytes]) -> KeptMoment | None:
    """Make the package of its parts, if its digest fits and it can be read; return which moment it is, if one."""
    parts = [
        EvidencePart(last.asset_id, last.machine, last.subject, last.end_ns, index, package.total, package.digest, one)
        for index, one in data.items()
    ]
    try:
        whole = join_evidence(parts)
        evidence = unpack_evidence(whole)
        # What the API could not send again is not whole either.
        json.dumps(dict(evidence.facts), allow_nan=False, ensure_ascii=False).encode()
        moment = kept_moment(evidence.facts)
        package.channels = [channel.name for channel in evidence.channels]
    except (ContractError, ValueError, TypeError):
        package.state = EvidenceState.DAMAGED
        return None
    package.package = whole
    package.is_moment = moment is not None
    package.state = EvidenceState.REFUSED if moment is not None and moment.refusal else EvidenceState.COMPLETE
    return moment
