"""Models in the book: their versions, rollouts, what gateways are to run, and what they say they do.

A rollout is one row with what it decides by, and one row for each gateway. Wishes outlive it: they stand until the
next one, so that a gateway which comes back after a year finds what it is to run.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from cloud.book.tables import Base


class ModelVersion(Base):
    """A version of a model; only its state changes.

    Attributes:
        target_name: by what name delivery knows its bundle, once it is released.
        edition: counts what people changed.
    """

    __tablename__ = "model_version"

    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    machine_class: Mapped[str] = mapped_column(String(128))
    name: Mapped[str]
    version: Mapped[str] = mapped_column(String(64))
    sha256: Mapped[str] = mapped_column(String(64))
    feature_hash: Mapped[str] = mapped_column(String(64))
    size_bytes: Mapped[int]
    metrics: Mapped[dict[str, Any]]
    parents: Mapped[list[Any]]
    training: Mapped[list[Any]]
    state: Mapped[str] = mapped_column(String(16))
    target_name: Mapped[str | None]
    registered_by: Mapped[str]
    registered_ms: Mapped[int]
    approved_by: Mapped[str | None]
    approved_ms: Mapped[int | None]
    changed_ms: Mapped[int]
    edition: Mapped[int]

    __table_args__ = (
        UniqueConstraint("machine_class", "version"),
        Index("ix_model_version_registered_ms_id", "registered_ms", "id"),
    )


class RolloutRow(Base):
    """A rollout without its gateways.

    Attributes:
        open_class: its machine class while it goes on; unique, so that there is one at a time whoever writes.
        superseded_by: the one that now says what gateways run.
        document: what it decides by, as `cloud.rollout_state` has it.
    """

    __tablename__ = "rollout"

    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    machine_class: Mapped[str] = mapped_column(String(128), index=True)
    version_id: Mapped[str] = mapped_column(ForeignKey("model_version.id"))
    previous_id: Mapped[str | None] = mapped_column(ForeignKey("model_version.id"))
    open_class: Mapped[str | None] = mapped_column(String(128), unique=True)
    phase: Mapped[str] = mapped_column(String(16))
    superseded_by: Mapped[str | None] = mapped_column(ForeignKey("rollout.id"))
    by: Mapped[str]
    started_ms: Mapped[int]
    changed_ms: Mapped[int]
    document: Mapped[dict[str, Any]]

    __table_args__ = (Index("ix_rollout_started_ms_id", "started_ms", "id"),)


class RolloutGateway(Base):
    """What a rollout knows of one gateway."""

    __tablename__ = "rollout_gateway"

    rollout_id: Mapped[str] = mapped_column(ForeignKey("rollout.id"), primary_key=True)
    gateway_id: Mapped[str] = mapped_column(ForeignKey("gateway.id"), primary_key=True)
    document: Mapped[dict[str, Any]]


class WishedVersion(Base):
    """What a gateway is to run for the machines of a class; no row: what it was configured with."""

    __tablename__ = "wished_version"

    gateway_id: Mapped[str] = mapped_column(ForeignKey("gateway.id"), primary_key=True)
    machine_class: Mapped[str] = mapped_column(String(128), primary_key=True)
    version_id: Mapped[str] = mapped_column(ForeignKey("model_version.id"))
    rollout_id: Mapped[str] = mapped_column(ForeignKey("rollout.id"))
    at_ms: Mapped[int]


class ModelReport(Base):
    """What a gateway last said of its model of a class.

    Attributes:
        failed_version, failed_error: the last version that it would not have; what came after does not hide it.
    """

    __tablename__ = "model_report"

    gateway_id: Mapped[str] = mapped_column(ForeignKey("gateway.id"), primary_key=True)
    machine_class: Mapped[str] = mapped_column(String(128), primary_key=True)
    running: Mapped[str | None]
    target: Mapped[str | None]
    state: Mapped[str] = mapped_column(String(16))
    error: Mapped[str | None]
    failed_version: Mapped[str | None]
    failed_error: Mapped[str | None]
    at_ms: Mapped[int]


class ModelHealth(Base):
    """What a gateway has counted of a version since it took it."""

    __tablename__ = "model_health"

    gateway_id: Mapped[str] = mapped_column(ForeignKey("gateway.id"), primary_key=True)
    machine_class: Mapped[str] = mapped_column(String(128), primary_key=True)
    version: Mapped[str] = mapped_column(String(64), primary_key=True)
    evidence: Mapped[dict[str, Any]]
    at_ms: Mapped[int]
