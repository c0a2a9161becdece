"""`/machines/{id}/spectra/waterfall` and `/baseline`: many pictures of a machine in one answer of bounded size."""

from base64 import b64encode
from collections.abc import Iterator
from typing import Annotated, Final, Literal

import numpy as np
from fastapi import APIRouter, Query
from pydantic import BaseModel

from cloud.api.context import ApiContext, Context, iso, parse_time
from cloud.api.documents import Bins
from cloud.api.guard import permission
from cloud.api.spectra import short
from cloud.book.picturing import pictures_between
from cloud.book.tables import Evidence as Row
from cloud.permissions import Action
from cloud.waterfall import STEP_DB, levels, peak_held, usual
from models.contract.errors import ContractError
from models.contract.evidence import unpack_evidence
from models.contract.records import Evidence, EvidenceChannel

router = APIRouter(prefix="/machines/{machine_id}/spectra", tags=["machines"])

MOST_PICTURES: Final = 90
MOST_BINS: Final = 600
"""With as many pictures 54 kB of levels: less than one spectrum of a picture."""
BASELINE_PICTURES: Final = 8
"""The oldest so many: a median of eight is steady, and unpacking them takes tens of milliseconds."""

Kind = Literal["spectrum", "envelope"]


class WaterfallRow(BaseModel):
    """One picture; `levels` is Base64 of one byte per bin: half decibels below `reference`."""

    id: str
    end: str
    speed_rpm: float | None
    subject: str
    levels: str


class WaterfallDocument(BaseModel):
    """Spectra of one channel over time, oldest first; each bin is the highest of those that it stands for."""

    channel: str
    channels: list[str]
    kind: Kind
    unit: str
    step_hz: float
    reference: float
    step_db: float
    rows: list[WaterfallRow]


class BaselineChannel(BaseModel):
    """What one channel was like at first."""

    name: str
    unit: str
    spectrum: Bins
    envelope: Bins


class BaselineDocument(BaseModel):
    """Median of the oldest periodic spectra that are still stored, with as fine bins as the newest."""

    pictures: int
    first: str | None
    last: str | None
    channels: list[BaselineChannel]


@router.get("/waterfall")
@permission(Action.VIEW)
def read_waterfall(  # noqa: PLR0917 - each argument is one query parameter, FastAPI passes them by name
    context: Context,
    machine_id: str,
    channel: str | None = None,
    kind: Kind = "spectrum",
    from_time: Annotated[str | None, Query(alias="from")] = None,
    to_time: Annotated[str | None, Query(alias="to")] = None,
    pictures: Annotated[int, Query(ge=2, le=MOST_PICTURES)] = 60,
    bins: Annotated[int, Query(ge=50, le=MOST_BINS)] = 400,
) -> WaterfallDocument:
    """Return the periodic spectra of a channel over time, spread evenly where there are more than asked for."""
    context.book.machine(machine_id)
    span = parse_time("from", from_time), parse_time("to", to_time)
    found = pictures_between(context.engine, machine_id, span, pictures)
    seen = list(_unpacked(found))
    names = sorted({one.name for _, moment in seen for one in moment.channels})
    wanted = channel if channel is not None else next(iter(names), "")
    kept = [
        (row, moment.speed_rpm, one)
        for row, moment in seen
        for one in moment.channels
        if one.name == wanted and len(_bins(one, kind))
    ]
    if not kept:
        return WaterfallDocument(
            channel=wanted, channels=names, kind=kind, unit="", step_hz=0, reference=0, step_db=STEP_DB, rows=[]
        )
    high_hz = max(len(_bins(one, kind)) * _step_hz(one, kind) for *_, one in kept)
    reference, steps = levels([peak_held(_bins(one, kind), _step_hz(one, kind), high_hz, bins) for *_, one in kept])
    return WaterfallDocument(
        channel=wanted,
        channels=names,
        kind=kind,
        unit=kept[-1][2].unit if kind == "spectrum" else "1",
        step_hz=high_hz / bins,
        reference=reference,
        step_db=STEP_DB,
        rows=[
            WaterfallRow(
                id=row.id,
                end=iso(row.end_ms),
                speed_rpm=speed_rpm,
                subject=row.subject,
                levels=b64encode(steps[place].tobytes()).decode(),
            )
            for place, (row, speed_rpm, _) in enumerate(kept)
        ],
    )


@router.get("/baseline")
@permission(Action.VIEW)
def read_baseline(context: Context, machine_id: str) -> BaselineDocument:
    """Return what the machine's spectra were like at first."""
    context.book.machine(machine_id)
    rows = pictures_between(context.engine, machine_id, (None, None), BASELINE_PICTURES, oldest=True)
    seen = list(_unpacked(rows))
    if not seen:
        return BaselineDocument(pictures=0, first=None, last=None, channels=[])
    newest = {one.name: one for one in _newest(context, machine_id)}
    channels = []
    for name, now in newest.items():
        alike = [one for _, moment in seen for one in moment.channels if one.name == name and _is_alike(one, now)]
        if not alike or not len(now.spectrum):
            continue
        channels.append(
            BaselineChannel(
                name=name,
                unit=now.unit,
                spectrum=Bins(step_hz=now.spectrum_step_hz, values=short(usual([one.spectrum for one in alike]))),
                envelope=Bins(step_hz=now.envelope_step_hz, values=short(usual([one.envelope for one in alike]))),
            )
        )
    first, last = seen[0][0], seen[-1][0]
    return BaselineDocument(pictures=len(seen), first=iso(first.end_ms), last=iso(last.end_ms), channels=channels)


def _newest(context: ApiContext, machine_id: str) -> tuple[EvidenceChannel, ...]:
    return next((moment.channels for _, moment in _unpacked([context.book.evidence(machine_id, "latest")])), ())


def _unpacked(rows: list[Row]) -> Iterator[tuple[Row, Evidence]]:
    """Yield pictures that can be read; one that cannot is told of where it is opened alone."""
    for row in rows:
        try:
            yield row, unpack_evidence(row.package or b"")
        except ContractError:
            continue


def _bins(channel: EvidenceChannel, kind: Kind) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    return np.asarray(channel.spectrum if kind == "spectrum" else channel.envelope, np.float32)


def _step_hz(channel: EvidenceChannel, kind: Kind) -> float:
    return channel.spectrum_step_hz if kind == "spectrum" else channel.envelope_step_hz


def _is_alike(one: EvidenceChannel, other: EvidenceChannel) -> bool:
    """Return whether two channels have the same bins, so that a median of them means something."""
    return (
        one.unit == other.unit
        and one.spectrum_step_hz == other.spectrum_step_hz
        and one.envelope_step_hz == other.envelope_step_hz
        and len(one.spectrum) == len(other.spectrum)
        and len(one.envelope) == len(other.envelope)
    )
