"""Why an update was not taken, each reason with a code of its own; trusted state is the old one after any of them.

PlantpulseError
└── UpdateError
    ├── SourceError                      of this source alone: another one may do better
    │   ├── UnreachableError             unreachable: does not answer, breaks off, or lacks a file
    │   ├── UnknownTargetError           unknown_target: nobody who may sign it has signed it there
    │   └── AttackError                  what only a forger or a broken mirror does
    │       ├── ArbitrarySoftwareError   arbitrary_software: signed by nobody we trust, or other content than was signed
    │       ├── KeyCompromiseError       key_compromise_below_threshold: real keys have signed, but too few
    │       ├── RollbackError            rollback: older than what we have seen
    │       ├── FastForwardError         fast_forward: version numbers jump beyond anything that work explains
    │       ├── FreezeError              freeze: signatures have ended
    │       ├── MixAndMatchError         mix_and_match: files that were never out together
    │       ├── WrongSoftwareError       wrong_software: good for something, but not for this
    │       ├── ExtraneousDependenciesError  extraneous_dependencies: needs what is none of this gateway's business
    │       ├── EndlessDataError         endless_data: more bytes than were signed or may be
    │       ├── SlowRetrievalError       slow_retrieval: slower than the least rate
    │       ├── PartialBundleError       partial_bundle: of things that belong together only some are there
    │       └── DamagedMetadataError     damaged_metadata: cannot be read at all
    ├── MaliciousMirrorError             malicious_mirror: there are several sources, and none of them would do
    ├── OutOfTimeError                   slow_retrieval: all sources together took too long
    ├── TooLargeError                    too_large: signed, but more than this gateway takes
    ├── ClockOffError                    clock_off: this gateway's clock cannot be right
    ├── BootstrapError                   bad_bootstrap_root: the root that was installed cannot be used
    └── StorageError                     storage: the disk does not take it, or another update is running

Source: The Update Framework specification 1.0.33, section 1.5.2; Uptane Standard 2.1.0, section 4.2 (slow retrieval,
partial bundle installation).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from models.contract.errors import PlantpulseError

if TYPE_CHECKING:
    from collections.abc import Sequence


class UpdateError(PlantpulseError):
    """Root of why an update was not taken."""

    code: ClassVar[str] = "failed"


class SourceError(UpdateError):
    """It is about this source alone: another one may do better."""


class UnreachableError(SourceError):
    """The source does not answer or breaks off: try again later."""

    code = "unreachable"


class MissingFileError(UnreachableError):
    """The source lacks a file."""


class UnknownTargetError(SourceError):
    """Nobody who may sign it has signed it, as far as this source says."""

    code = "unknown_target"


class AttackError(SourceError):
    """What only a forger or a broken mirror does."""


class ArbitrarySoftwareError(AttackError):
    """Signed by nobody we trust, or other content than was signed."""

    code = "arbitrary_software"


class KeyCompromiseError(AttackError):
    """Real keys have signed, but fewer than must."""

    code = "key_compromise_below_threshold"


class RollbackError(AttackError):
    """Older than what we have seen."""

    code = "rollback"


class FastForwardError(AttackError):
    """Version numbers jump beyond anything that work explains, after which nothing real would ever be newer."""

    code = "fast_forward"


class FreezeError(AttackError):
    """Signatures have ended: nothing newer is there, or somebody keeps it from us."""

    code = "freeze"


class MixAndMatchError(AttackError):
    """Files that were never out together."""

    code = "mix_and_match"


class WrongSoftwareError(AttackError):
    """Good for something, but not for what it was asked for."""

    code = "wrong_software"


class ExtraneousDependenciesError(AttackError):
    """It needs what is none of this gateway's business."""

    code = "extraneous_dependencies"


class EndlessDataError(AttackError):
    """More bytes than were signed, or than any such file may have."""

    code = "endless_data"


class SlowRetrievalError(AttackError):
    """Slower than the least rate."""

    code = "slow_retrieval"


class PartialBundleError(AttackError):
    """Of things that belong together only some can be had."""

    code = "partial_bundle"


class DamagedMetadataError(AttackError):
    """Metadata that cannot be read at all."""

    code = "damaged_metadata"


class MaliciousMirrorError(UpdateError):
    """There are several sources, and none of them would do.

    Attributes:
        refused: of each, why.
    """

    code = "malicious_mirror"

    def __init__(self, refused: Sequence[tuple[str, SourceError]]) -> None:
        super().__init__("no source would do: " + "; ".join(f"{source}: {error.code}" for source, error in refused))
        self.refused = tuple(refused)


class OutOfTimeError(UpdateError):
    """All of it, whatever the source, took longer than it may."""

    code = "slow_retrieval"


class TooLargeError(UpdateError):
    """Signed, but more than this gateway takes."""

    code = "too_large"


class ClockOffError(UpdateError):
    """This gateway's clock cannot be right."""

    code = "clock_off"


class BootstrapError(UpdateError):
    """The root that was installed cannot be used."""

    code = "bad_bootstrap_root"


class StorageError(UpdateError):
    """The disk does not take it, or another update is running."""

    code = "storage"
