"""What the plant knows better than we do: what to do about a cause on a class of machines."""

from __future__ import annotations

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from cloud.book.tables import Base


class Advice(Base):
    """What to do next, in the plant's own words."""

    __tablename__ = "advice"

    machine_class: Mapped[str] = mapped_column(String(128), primary_key=True)
    label: Mapped[str] = mapped_column(String(32), primary_key=True)
    text: Mapped[str]
    by: Mapped[str]
    at_ms: Mapped[int]
