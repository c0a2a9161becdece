"""What the cloud wants of gateways, and whether it has come: kept until it has, told again at every birth."""

from __future__ import annotations

from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from cloud.book.tables import AUTO_KEY, Base


class MomentRequest(Base):
    """Somebody wants the moment around an alarm that its gateway keeps."""

    __tablename__ = "moment_request"

    key: Mapped[int] = mapped_column(AUTO_KEY, primary_key=True)
    alarm_id: Mapped[str] = mapped_column(ForeignKey("alarm.id"), index=True)
    machine_id: Mapped[str] = mapped_column(ForeignKey("machine.id"))
    edge_id: Mapped[str] = mapped_column(String(64), index=True)
    by: Mapped[str]
    asked_ms: Mapped[int]
    state: Mapped[str] = mapped_column(String(16), index=True)
    detail: Mapped[str]
    answered_ms: Mapped[int | None]


class Relearning(Base):
    """What is normal of a machine is to be learnt from data after a time, because a part was replaced then."""

    __tablename__ = "relearning"

    machine_id: Mapped[str] = mapped_column(ForeignKey("machine.id"), primary_key=True)
    since_ms: Mapped[int]
    by: Mapped[str]
    done_ms: Mapped[int | None] = mapped_column(index=True)
