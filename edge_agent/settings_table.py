"""What every table of the gateway's configuration has in common: strict keys, nothing changes after reading."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, TypeVar

from pydantic import BaseModel, ConfigDict, Field

from models.contract.errors import PlantpulseError

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")

Positive = Annotated[float, Field(gt=0.0, allow_inf_nan=False)]


class Table(BaseModel):
    """Base of every table: an unknown key is an error, and nothing changes after reading."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, arbitrary_types_allowed=True)


def as_value_error(call: Callable[[], T]) -> T:
    """Return what a call returns; an error of ours becomes one that pydantic tells with its place."""
    try:
        return call()
    except PlantpulseError as error:
        raise ValueError(str(error)) from error
