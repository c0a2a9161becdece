"""What a cloud is told about its InfluxDB: the section `[influx]`, and the token, which is never in it.

[influx]
url = "http://127.0.0.1:8086"
org = "plant"                  # or the environment's INFLUX_ORG
token_file = "influx.token"    # or the environment's INFLUX_TOKEN
bucket_prefix = "plantpulse"
max_series = 250000
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

from pydantic import BaseModel, ConfigDict, Field

from models.contract.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Mapping

TOKEN_VARIABLE: Final = "INFLUX_TOKEN"  # noqa: S105 - where it is found, not what it is
ORG_VARIABLE: Final = "INFLUX_ORG"
"""The names that InfluxDB's own command line reads."""


class InfluxSettings(BaseModel):
    """An InfluxDB 2 to keep the trends in.

    Attributes:
        url: of its HTTP API.
        org: organisation; without it INFLUX_ORG.
        token_file: file that holds the token, relative to the configuration; without it INFLUX_TOKEN.
        bucket_prefix: the three buckets are called `{prefix}_summaries`, `_hourly`, `_daily`.
        max_series: cardinality budget, machines times features and gateways times metrics. InfluxData sizes one
            server for about a million series; a series of ours is three of its columns.
        timeout_s: how long one answer may take; gateways send again long after it, so nothing is gained by less.
        ca_file: certificate of an authority of the plant's own.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    url: Annotated[str, Field(pattern=r"^https?://[^\s/]+/?$")] = "http://127.0.0.1:8086"
    org: str | None = None
    token_file: Path | None = None
    bucket_prefix: Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_-]{0,63}$")] = "plantpulse"
    max_series: Annotated[int, Field(ge=1)] = 250_000
    timeout_s: Annotated[float, Field(gt=0, le=600)] = 10.0
    ca_file: Path | None = None

    def resolved(self, folder: Path) -> InfluxSettings:
        """Return these settings with relative paths starting at a folder."""
        paths = {
            name: (folder / value.expanduser()).resolve()
            for name in ("token_file", "ca_file")
            if isinstance(value := getattr(self, name), Path)
        }
        return self.model_copy(update=paths)


@dataclass(frozen=True, slots=True)
class InfluxAccess:
    """Where an InfluxDB is and what it is opened with; the token is kept out of every text."""

    url: str
    org: str
    token: str = field(repr=False)
    bucket_prefix: str = "plantpulse"
    max_series: int = 250_000
    timeout_s: float = 10.0
    ca_file: Path | None = None


def influx_access(settings: InfluxSettings, environment: Mapping[str, str]) -> InfluxAccess:
    """Return how to reach the InfluxDB of these settings.

    Raises:
        ConfigurationError: organisation or token is said nowhere, or the token's file cannot be read.
    """
    org = settings.org or environment.get(ORG_VARIABLE)
    if not org:
        raise ConfigurationError(f"influx.org: say which organisation, or set {ORG_VARIABLE}")
    return InfluxAccess(
        settings.url.rstrip("/"),
        org,
        _token(settings.token_file, environment),
        settings.bucket_prefix,
        settings.max_series,
        settings.timeout_s,
        settings.ca_file,
    )


def _token(path: Path | None, environment: Mapping[str, str]) -> str:
    if path is None:
        token, origin = environment.get(TOKEN_VARIABLE, "").strip(), TOKEN_VARIABLE
    else:
        try:
            token, origin = path.read_text(encoding="utf-8").strip(), str(path)
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigurationError(f"influx.token_file: {path} cannot be read ({error})") from error
    if not token or not token.isascii() or not token.isprintable():
        raise ConfigurationError(f"{origin} holds no token: set influx.token_file, or {TOKEN_VARIABLE}")
    return token
