"""What gateways say of their models, in the book: the last word of each, which rollouts read.

Written by whoever takes gateways' births, reports and health in, as part of that transaction; the same twice changes
nothing. A failure is kept beside the last word, because a gateway that tries again at once would hide it.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from sqlalchemy import select

from cloud.book.model_tables import ModelHealth, ModelReport
from cloud.book.tables import Gateway
from cloud.rollout_state import FAILURES, Evidence, GatewayReport, GatewayState, HealthSample

if TYPE_CHECKING:
    from sqlalchemy.orm import Session


def note_report(session: Session, report: GatewayReport, at_ms: int) -> None:
    """Write what a gateway says of its model of a class; what it leaves out stays as it was."""
    key = (report.gateway_id, report.machine_class)
    row = session.get(ModelReport, key)
    if row is None:
        row = ModelReport(gateway_id=key[0], machine_class=key[1], state=GatewayState.UNKNOWN)
        session.add(row)
    row.running = report.running if report.running is not None else row.running
    row.target = report.target if report.target is not None else row.target
    if report.state is not None:
        row.state, row.error = report.state, report.error
    if report.state in FAILURES and row.target is not None:
        row.failed_version, row.failed_error = row.target, report.error or report.state
    row.at_ms = at_ms


def note_health(session: Session, machine_class: str, sample: HealthSample, at_ms: int) -> None:
    """Write what a gateway has counted of a version; what is older than what is there changes nothing."""
    row = session.get(ModelHealth, (sample.gateway_id, machine_class, sample.version))
    if row is not None and row.evidence["new_machine_hours"] > sample.evidence.new_machine_hours:
        return
    session.merge(
        ModelHealth(
            gateway_id=sample.gateway_id,
            machine_class=machine_class,
            version=sample.version,
            evidence=asdict(sample.evidence),
            at_ms=at_ms,
        )
    )


def reports_of(session: Session, machine_class: str, version: str) -> list[GatewayReport]:
    """Return what gateways last said of a class; a failure of the version comes before the word that followed it."""
    query = (
        select(ModelReport, Gateway.online)
        .join(Gateway, Gateway.id == ModelReport.gateway_id)
        .where(ModelReport.machine_class == machine_class, Gateway.foreign_node.is_(False))
        .order_by(ModelReport.gateway_id)
    )
    found = []
    for row, online in session.execute(query):
        if row.failed_version == version:
            failed = (row.running, version, GatewayState.FAILED, row.failed_error)
            found.append(GatewayReport(row.gateway_id, machine_class, online, *failed))
        said = (row.running, row.target, GatewayState(row.state), row.error)
        found.append(GatewayReport(row.gateway_id, machine_class, online, *said))
    return found


def samples_of(session: Session, machine_class: str, version: str) -> list[HealthSample]:
    """Return what gateways have counted of a version so far."""
    wanted = (ModelHealth.machine_class == machine_class, ModelHealth.version == version)
    query = select(ModelHealth).where(*wanted).order_by(ModelHealth.gateway_id)
    return [HealthSample(row.gateway_id, version, Evidence(**row.evidence)) for row in session.scalars(query)]
