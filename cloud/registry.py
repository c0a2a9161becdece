"""Versions of models and what may become of them. Pure.

    candidate → approved → released → champion, and back to released when another becomes champion → retired

A version is named by machine class and version number, and never changes: whoever registers it again with the same
content gets the one that is there, with other content an error. It knows what it was made from: parents of the same
class, fingerprints of the training data. At most one version per class is champion: what its gateways run. Where a
person has to approve, a candidate stays one until somebody does; else it is approved as it comes.
"""

from __future__ import annotations

import hashlib
import math
import re
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from cloud.errors import ConflictError, RequestError, VersionTakenError

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

SEMANTIC_VERSION: Final = re.compile(
    r"(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(-[0-9A-Za-z-]+(\.[0-9A-Za-z-]+)*)?(\+[0-9A-Za-z-]+(\.[0-9A-Za-z-]+)*)?"
)
"""Source: Semantic Versioning 2.0.0, section 2, 9 and 10."""
SHA256: Final = re.compile("[0-9a-f]{64}")
FEATURE_HASH: Final = re.compile("[0-9a-f]{16}")
LONGEST_CLASS: Final = 128
LONGEST_VERSION: Final = 64
FALSE_ALARMS: Final = "false_alarm"
"""How the name of a metric begins that tells of false alarms; no version comes without one."""


class VersionState(StrEnum):
    """What a version is."""

    CANDIDATE = "candidate"
    APPROVED = "approved"
    RELEASED = "released"
    CHAMPION = "champion"
    RETIRED = "retired"


class Step(StrEnum):
    """What can be done with a version; `dethrone`: another one becomes champion."""

    APPROVE = "approve"
    RELEASE = "release"
    CROWN = "crown"
    DETHRONE = "dethrone"
    RETIRE = "retire"


STEPS: Final[Mapping[Step, tuple[Collection[VersionState], VersionState]]] = {
    Step.APPROVE: ((VersionState.CANDIDATE,), VersionState.APPROVED),
    Step.RELEASE: ((VersionState.APPROVED,), VersionState.RELEASED),
    Step.CROWN: ((VersionState.RELEASED,), VersionState.CHAMPION),
    Step.DETHRONE: ((VersionState.CHAMPION,), VersionState.RELEASED),
    # What gateways run is not taken from under them.
    Step.RETIRE: ((VersionState.CANDIDATE, VersionState.APPROVED, VersionState.RELEASED), VersionState.RETIRED),
}
"""From which states a step goes, and to which."""


@dataclass(frozen=True, slots=True)
class BundleFacts:
    """What is known of a bundle without opening it.

    Attributes:
        name: of the model, for people.
        version: semantic version.
        sha256: of the bundle's bytes.
        feature_hash: of the feature specification that it judges.
        metrics: how good it was where it was tried; one at least tells of false alarms.
        parents: versions of the same class that it was made from.
        training: fingerprints of the data that it has learnt from.
    """

    machine_class: str
    name: str
    version: str
    sha256: str
    feature_hash: str
    size_bytes: int
    metrics: Mapping[str, float]
    parents: tuple[str, ...] = ()
    training: tuple[str, ...] = ()


def version_id(machine_class: str, version: str) -> str:
    """Return the id of a version, which fits into an address.

    >>> version_id("pump", "1.0.0")
    '8dec39376e9ef2d9'
    """
    return hashlib.sha256(f"{machine_class}\0{version}".encode()).hexdigest()[:16]


def checked(facts: BundleFacts, known: Collection[str]) -> BundleFacts:
    """Return facts that can be registered.

    Args:
        facts: of the bundle.
        known: versions of its class that there are.

    Raises:
        RequestError: names what cannot be used.
    """
    if not 0 < len(facts.machine_class) <= LONGEST_CLASS or set(facts.machine_class) & set("/+#\0"):
        raise RequestError(f"machine class {facts.machine_class[:40]!r}: 1 to {LONGEST_CLASS} signs without / + #")
    if len(facts.version) > LONGEST_VERSION or not SEMANTIC_VERSION.fullmatch(facts.version):
        raise RequestError(f"version {facts.version[:40]!r}: give a semantic version such as 1.4.0")
    for what, digest, form, digits in (
        ("sha256", facts.sha256, SHA256, 64),
        ("feature_hash", facts.feature_hash, FEATURE_HASH, 16),
    ):
        if not form.fullmatch(digest):
            raise RequestError(f"{what} {digest[:80]!r}: give {digits} hexadecimal digits in small letters")
    if facts.size_bytes <= 0:
        raise RequestError("size_bytes: a bundle has bytes")
    if not all(math.isfinite(value) for value in facts.metrics.values()):
        raise RequestError("metrics: each must be a finite number")
    if not any(name.startswith(FALSE_ALARMS) for name in facts.metrics):
        raise RequestError(f"metrics: one named {FALSE_ALARMS}… has to tell of false alarms")
    missing = [parent for parent in facts.parents if parent not in known]
    if missing:
        raise RequestError(f"parents: {facts.machine_class} {missing[0][:40]} is not registered")
    return facts


def register(facts: BundleFacts, there: BundleFacts | None, *, by_person: bool) -> VersionState | None:
    """Return what a new version is, or None where the very same one is there already.

    Args:
        facts: of the bundle.
        there: of the version by this name, if there is one.
        by_person: whether a person has to approve it.

    Raises:
        VersionTakenError: it is there with other content.
    """
    if there is None:
        return VersionState.CANDIDATE if by_person else VersionState.APPROVED
    if there != facts:
        raise VersionTakenError(facts.machine_class, facts.version, there.sha256)
    return None


def after(state: VersionState, step: Step, name: str) -> VersionState:
    """Return what a version is after a step.

    Raises:
        ConflictError: what it is forbids the step.
    """
    allowed, following = STEPS[step]
    if state not in allowed:
        words = " or ".join(sorted(allowed))
        raise ConflictError(f"{name} is {state}: only what is {words} can be {DONE[step]}")
    return following


DONE: Final = {
    Step.APPROVE: "approved",
    Step.RELEASE: "released",
    Step.CROWN: "made champion",
    Step.DETHRONE: "replaced",
    Step.RETIRE: "retired",
}
"""Steps as people say them."""
