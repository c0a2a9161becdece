"""Where machines are and what they are called, out of the book and out of births, for the labels of trends."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from cloud.batch import DeviceBorn, gateway_id
from cloud.book.tables import Gateway, Machine
from cloud.errors import StoreError
from cloud.trends.store import MachinePlace

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Engine

    from cloud.batch import Lifecycle


def known_places(engine: Engine) -> list[MachinePlace]:
    """Return the place of every machine in the book.

    Raises:
        StoreError: the book cannot be read.
    """
    columns = (
        Machine.id,
        Machine.gateway_id,
        Gateway.group_name,
        Machine.device,
        Machine.machine_class,
        Machine.path,
        Machine.display_name,
        Machine.criticality,
    )
    try:
        with Session(engine) as session:
            rows = session.execute(select(*columns).join(Gateway, Gateway.id == Machine.gateway_id)).all()
    except SQLAlchemyError as error:
        raise StoreError(f"the book cannot be read: {error}") from error
    places = []
    for asset_id, gateway, site, device, machine_class, path, display_name, criticality in rows:
        area, line = parts_of(path)
        places.append(
            MachinePlace(asset_id, gateway, site, device, machine_class, area, line, display_name, criticality)
        )
    return places


def born_places(lifecycle: Sequence[Lifecycle], known: Sequence[MachinePlace]) -> list[MachinePlace]:
    """Return the places of machines that were born, with what people said about those that are known.

    Args:
        lifecycle: births and deaths of a batch.
        known: places as the book has them.
    """
    before = {place.asset_id: place for place in known}
    places = []
    for event in lifecycle:
        if isinstance(event, DeviceBorn) and event.asset_id is not None:
            said = before.get(event.asset_id)
            machine_class = said.machine_class if said else None
            if event.facts is not None:
                machine_class = event.facts.machine_class
            places.append(
                MachinePlace(
                    event.asset_id,
                    gateway_id(event.node),
                    event.node.group,
                    event.device,
                    machine_class,
                    said.area if said else None,
                    said.line if said else None,
                    said.display_name if said else None,
                    said.criticality if said else None,
                )
            )
    return places


def parts_of(path: str | None) -> tuple[str | None, str | None]:
    """Return area and line of a path `site/area/line`; deeper parts stay with the line.

    >>> parts_of("Leipzig/hall A/line 3/cell 1"), parts_of("Leipzig"), parts_of(None)
    (('hall A', 'line 3/cell 1'), (None, None), (None, None))
    """
    parts = [part.strip() for part in (path or "").split("/", 2)]
    area, line = [*parts, "", ""][1:3]
    return area or None, line or None
