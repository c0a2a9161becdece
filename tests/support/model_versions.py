"""Versions of models that tests register, and a plant with gateways to run them."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from sqlalchemy import Engine
from sqlalchemy.orm import Session

from cloud.book.accounts import Doing
from cloud.book.model_registry import add_version, change_version
from cloud.book.model_tables import ModelVersion
from cloud.book.tables import Gateway, Machine
from cloud.registry import BundleFacts, Step

PUMPS = "pump"
RUIZ = Doing("M. Ruiz", 1_000)


def bundle_facts(**changes: object) -> BundleFacts:
    """Return the facts of a bundle of pumps."""
    version = str(changes.get("version", "1.0.0"))
    fields: dict[str, object] = {
        "machine_class": PUMPS,
        "name": "two judges",
        "version": version,
        "sha256": hashlib.sha256(version.encode()).hexdigest(),
        "feature_hash": "a" * 16,
        "size_bytes": 48_213,
        "metrics": {"false_alarms_per_1000_h": 0.4, "detected_share": 0.93},
        "parents": (),
        "training": ("c0ffee",),
    }
    return BundleFacts(**(fields | changes))  # type: ignore[arg-type]  # changes fit


def released(engine: Engine, *versions: str) -> list[ModelVersion]:
    """Register, approve and release versions, the first without a parent and each other one of the one before."""
    rows = []
    for number, version in enumerate(versions):
        parents = (versions[number - 1],) if number else ()
        row = add_version(engine, bundle_facts(version=version, parents=parents), RUIZ, by_person=True)
        change_version(engine, row.id, Step.APPROVE, RUIZ)
        rows.append(change_version(engine, row.id, Step.RELEASE, RUIZ, target_name=f"pump-{version}.bundle"))
    return rows


def put_gateways(engine: Engine, names: Sequence[str], *, site: str = "plant", online: bool = True) -> list[str]:
    """Put gateways with one pump each into the book, and return their ids."""
    with Session(engine) as session, session.begin():
        for name in names:
            session.add(
                Gateway(
                    id=f"{site}:{name}",
                    group_name=site,
                    name=name,
                    foreign_node=False,
                    online=online,
                    first_seen_ms=1,
                    last_seen_ms=1,
                )
            )
            session.flush()
            session.add(
                Machine(
                    id=f"machine-{site}-{name}",
                    gateway_id=f"{site}:{name}",
                    device="pump-1",
                    alive=True,
                    machine_class=PUMPS,
                    channels=[],
                    features=[],
                    facts={},
                    first_seen_ms=1,
                )
            )
    return [f"{site}:{name}" for name in names]
