"""`/machines/{id}/spectra`: pictures of a machine, periodic ones and those of its alarms."""

from typing import Annotated

import numpy as np
from fastapi import APIRouter, Query
from numpy.typing import NDArray

from cloud.api.context import Context, iso
from cloud.api.cursors import decode_cursor, encode_cursor
from cloud.api.documents import (
    Bins,
    FaultLine,
    SpectrumChannel,
    SpectrumDocument,
    SpectrumItem,
    SpectrumList,
    Waveform,
)
from cloud.api.guard import permission
from cloud.book.tables import Evidence
from cloud.errors import StoreError
from cloud.permissions import Action
from models.contract.errors import ContractError
from models.contract.evidence import unpack_evidence

router = APIRouter(prefix="/machines/{machine_id}/spectra", tags=["machines"])

SIGNIFICANT_DIGITS = 5
"""A 16-bit sample has less than five; more would only make the document longer."""


@router.get("")
@permission(Action.VIEW)
def list_spectra(
    context: Context, machine_id: str, cursor: str | None = None, limit: Annotated[int, Query(ge=1, le=1000)] = 100
) -> SpectrumList:
    """Return the pictures of a machine, newest first."""
    context.book.machine(machine_id)
    before = None
    if cursor:
        end_ms, evidence_id = decode_cursor(cursor, int, str)
        before = int(end_ms), str(evidence_id)
    rows = context.book.evidence_list(machine_id, before, limit + 1)
    items = [
        SpectrumItem(id=row.id, end=iso(row.end_ms), subject=row.subject, channels=[str(name) for name in row.channels])
        for row in rows[:limit]
    ]
    last = rows[limit - 1] if len(rows) > limit else None
    return SpectrumList(items=items, next=encode_cursor(last.end_ms, last.id) if last else None)


@router.get("/{spectrum_id}")
@permission(Action.VIEW)
def read_spectrum(context: Context, machine_id: str, spectrum_id: str) -> SpectrumDocument:
    """Return one picture, or with `latest` the newest one of the machine."""
    context.book.machine(machine_id)
    return spectrum_document(context.book.evidence(machine_id, spectrum_id))


def spectrum_document(row: Evidence) -> SpectrumDocument:
    """Return an evidence package as the API shows it.

    Raises:
        StoreError: the stored package cannot be read.
    """
    try:
        evidence = unpack_evidence(row.package or b"")
    except ContractError as error:
        raise StoreError(f"evidence {row.id} cannot be read: {error}") from error
    return SpectrumDocument(
        id=row.id,
        end=iso(evidence.end_ns // 1_000_000),
        subject=row.subject,
        speed_rpm=evidence.speed_rpm,
        channels=[
            SpectrumChannel(
                name=channel.name,
                unit=channel.unit,
                sample_rate_hz=channel.sample_rate_hz,
                waveform=Waveform(
                    dt_s=1.0 / channel.sample_rate_hz,
                    values=short(channel.waveform.astype(np.float64) * channel.waveform_scale),
                ),
                spectrum=Bins(step_hz=channel.spectrum_step_hz, values=short(channel.spectrum)),
                envelope=Bins(step_hz=channel.envelope_step_hz, values=short(channel.envelope)),
            )
            for channel in evidence.channels
        ],
        fault_lines=[
            FaultLine(
                line=line.line,
                order=line.order,
                expected_hz=line.expected_hz,
                found_hz=line.found_hz,
                snr_db=line.snr_db,
                matched=line.matched,
            )
            for line in evidence.fault_lines
        ],
        facts=dict(evidence.facts),
    )


def short(values: NDArray[np.float32] | NDArray[np.float64]) -> list[float]:
    """Return numbers with as many digits as they are worth; not finite ones as 0, which JSON can hold."""
    finite = np.nan_to_num(np.asarray(values, np.float64), posinf=0.0, neginf=0.0)
    magnitude = np.floor(np.log10(np.abs(finite), out=np.zeros_like(finite), where=finite != 0))
    scale = 10.0 ** (SIGNIFICANT_DIGITS - 1 - magnitude)
    rounded: list[float] = (np.round(finite * scale) / scale).tolist()
    return rounded
