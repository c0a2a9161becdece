"""What a bundle says about itself: everything a person or a gateway must know before it judges anything.

It travels as JSON, so it is checked like anything from outside: strictly, bounded, unknown keys refused. Numbers that
decide (limits, baselines, weights) are not here but in the parts beside it, to the bit; what is here describes them.
"""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Annotated, Final, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

SCHEMA: Final = 1
"""Of the manifest; a reader takes this one and refuses later ones by name."""
MOST_FEATURES: Final = 4096
MOST_CHANNELS: Final = 256

Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
"""Part of file names and topics: letters, digits and `. _ -`, not at its beginning."""
Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Text = Annotated[str, StringConstraints(max_length=400)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Finite = Annotated[float, Field(allow_inf_nan=False)]
Count = Annotated[int, Field(ge=0, lt=2**53)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Kind(StrEnum):
    """What is judged."""

    VIBRATION = "vibration"
    """Windows of fast channels, by their features."""
    TABLE = "table"
    """Rows of slow channels, as they are."""


class Baselines(StrEnum):
    """What becomes of a gateway's own baselines when this version takes over from another."""

    KEPT = "kept"
    """They fit: features, detectors and network are the same."""
    MIGRATED = "migrated"
    """Centre, scale and what needs no network go on; the network's thresholds are learnt anew beside them."""
    RELEARNT = "relearnt"
    """The features are others: nothing fits."""


class Channel(_Part):
    """One measured channel, in the order of the rows."""

    name: Annotated[str, StringConstraints(min_length=1, max_length=128)]
    unit: Annotated[str, StringConstraints(max_length=32)] | None


class Band(_Part):
    """Edges of one band that features are computed in: this platform's filters work on the spectrum."""

    name: Name
    low_hz: Finite
    high_hz: Finite


class Features(_Part):
    """How a vector is made of samples.

    Attributes:
        names, units: of one channel's features, in the order of a vector.
        sample_rate_hz: rows or samples a second; recordings are brought down to it, never up. None for rows whose
            distance nobody stated.
        window_samples, hop_samples: of a table both 1.
        logarithms: whether vectors are the logarithms of the features.
        bands: what `band_…` and `envelope_…` mean at this rate and window.
        hash: 16 hex digits that change with anything that changes the meaning of a value.
    """

    names: Annotated[tuple[Name, ...], Field(min_length=1, max_length=MOST_FEATURES, strict=False)]
    units: Annotated[tuple[Annotated[str, StringConstraints(max_length=32)], ...], Field(strict=False)]
    sample_rate_hz: Positive | None
    window_samples: Annotated[int, Field(ge=1, le=1 << 24)]
    hop_samples: Annotated[int, Field(ge=1, le=1 << 24)]
    logarithms: bool
    bands: Annotated[tuple[Band, ...], Field(max_length=256, strict=False)] = ()
    hash: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{16}$")]

    @model_validator(mode="after")
    def _one_unit_each(self) -> Self:
        if len(self.names) != len(self.units):
            raise ValueError(f"{len(self.names)} features and {len(self.units)} units")
        return self


class Network(_Part):
    """The network inside, and what a gateway needs to run it."""

    format: Literal["tflite"]
    precision: Literal["int8", "float32"]
    operators: Annotated[tuple[Name, ...], Field(min_length=1, max_length=32, strict=False)]
    inputs: Annotated[int, Field(ge=1, le=MOST_FEATURES)]
    outputs: Annotated[int, Field(ge=1, le=MOST_FEATURES)]
    bytes: Count
    float_bytes: Count
    weight_bytes: Count
    float_weight_bytes: Count
    input_range: Positive
    runtimes: Annotated[tuple[Name, ...], Field(min_length=1, max_length=8, strict=False)]


class Thresholds(_Part):
    """Where unusual begins, readable; the limits themselves are in the fitted detector.

    Attributes:
        limits: distances that score 1.0, one per group of channels and question.
        margin: over the highest held-out distance that lasted.
        typical: median score of held-out healthy windows.
        windows: so many were learnt from.
        method: in words.
    """

    limits: Annotated[tuple[Finite, ...], Field(max_length=MOST_CHANNELS * 4, strict=False)]
    margin: Positive
    typical: Finite
    windows: Count
    method: Text


class TrainingData(_Part):
    """One file or set that was learnt from, by its fingerprint."""

    name: Annotated[str, StringConstraints(min_length=1, max_length=256)]
    sha256: Sha256
    windows: Count


class Training(_Part):
    """Where the model comes from."""

    method: Text
    seed: Count
    made_by: Text
    parents: Annotated[tuple[Sha256, ...], Field(max_length=16, strict=False)] = ()
    data: Annotated[tuple[TrainingData, ...], Field(max_length=4096, strict=False)]


class Metric(_Part):
    """One measured number; detection is never stated without its false alarms.

    Attributes:
        value: None where it could not be measured.
        on: which data.
    """

    name: Name
    value: Finite | None
    unit: Annotated[str, StringConstraints(max_length=48)]
    on: Text


class Golden(_Part):
    """How closely a gateway must reproduce the golden vectors.

    Attributes:
        rows: how many there are.
        network_tolerance: absolute, of each output of the network; None without a network.
        score_tolerance: relative, of scores of the fitted detector; None without one.
    """

    rows: Annotated[int, Field(ge=1, le=1024)]
    network_tolerance: Positive | None
    score_tolerance: Positive | None


class File(_Part):
    """One part of the archive."""

    bytes: Count
    sha256: Sha256


class Manifest(_Part):
    """Everything a bundle says about itself; `files` is filled in when it is written."""

    schema_number: Annotated[int, Field(alias="schema", ge=1, le=SCHEMA)]
    name: Name
    version: Name
    machine_class: Name
    kind: Kind = Field(strict=False)
    channels: Annotated[tuple[Channel, ...], Field(max_length=MOST_CHANNELS, strict=False)]
    features: Features
    detectors: Annotated[tuple[Name, ...], Field(min_length=1, max_length=8, strict=False)]
    baselines: Baselines = Field(strict=False)
    network: Network | None
    thresholds: Thresholds | None
    training: Training
    metrics: Annotated[tuple[Metric, ...], Field(max_length=256, strict=False)]
    golden: Golden
    files: dict[Name, File] = Field(default_factory=dict, max_length=16)

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, populate_by_name=True)

    @property
    def label(self) -> str:
        """Return how people call it, such as `pump/3`."""
        return f"{self.machine_class}/{self.version}"


def is_name(text: str) -> bool:
    """Return whether a text can be a name or a version.

    >>> is_name("pump-2.1"), is_name("../pump"), is_name("")
    (True, False, False)
    """
    return re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", text) is not None
