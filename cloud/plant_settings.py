"""The section [plant] of a cloud's TOML: what is true of the whole plant."""

from typing import Annotated
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from pydantic import AfterValidator, BaseModel, ConfigDict

from models.contract.strict_toml import nearest


def _zone_name(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        known = available_timezones()
        if not known:
            raise ValueError("this machine has no time zones: install the package tzdata") from None
        raise ValueError(f"there is no time zone {name!r}{nearest(name, known)[:80]}") from None
    return name


class PlantSettings(BaseModel):
    """What is true of the whole plant.

    Attributes:
        time_zone: where its clocks hang, such as ``Europe/Berlin``: pages and messages show this time, shifts, quiet
            hours and digests mean it. Without it each browser shows its own, with the offset beside it.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    time_zone: Annotated[str, AfterValidator(_zone_name)] | None = None

    @property
    def zone(self) -> ZoneInfo:
        """Return the time zone, UTC where none is given."""
        return ZoneInfo(self.time_zone or "UTC")
