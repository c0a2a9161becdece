"""Errors of the cloud, grouped by what the caller does next.

PlantpulseError                      (models.contract.errors)
├── InputError                       stop, exit code 2
│   ├── ConfigurationError           (models.contract.errors) the configuration file cannot be used
│   ├── DataDirectoryError           the data directory cannot be used, or another cloud uses it
│   ├── BookAddressError             the book's server does not want us, or is none for us
│   ├── AddressError                 the HTTP address cannot be listened on
│   └── KeyFileError                 a private key cannot be read or written, or one that is needed is not at hand
└── CloudError
    ├── StoreError                   a store did not take the batch: keep it and try again
    │   └── BookRefusedError         the book's server refuses user, password or database
    ├── NotFoundError                nobody has that id: answer 404
    ├── ConflictError                the thing is in a state that forbids this: answer 409
    │   ├── RolloutRunningError      another rollout goes on for this machine class
    │   └── VersionTakenError        this version is there with other content; nothing is overwritten
    ├── EditionError                 it was changed meanwhile: answer 412
    ├── RequestError                 a parameter cannot be used: answer 422
    ├── SignInError                  nobody knows who asks: answer 401
    ├── ForbiddenError               who asks may not: answer 403
    ├── TooManyError                 who asks has asked too often: answer 429
    └── UpdateRepositoryError        the files of signed delivery cannot be used: restore them, nothing was signed
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from models.contract.errors import InputError, PlantpulseError

if TYPE_CHECKING:
    from collections.abc import Mapping


class DataDirectoryError(InputError):
    """The data directory cannot be used, or another cloud process uses it."""


class BookAddressError(InputError):
    """The server of the book refuses what the configuration says, or its database cannot be used."""


class AddressError(InputError):
    """The HTTP address cannot be listened on."""


class KeyFileError(InputError):
    """A private key cannot be read or written, or one that is needed is not at hand."""


class CloudError(PlantpulseError):
    """Root of what goes wrong while the cloud runs."""


class StoreError(CloudError):
    """A store did not take what it was given; nothing was acknowledged, so it can be tried again."""


class BookRefusedError(StoreError):
    """The server of the book refuses user, password or database; somebody may be changing them just now."""


class NotFoundError(CloudError):
    """Nothing has that id.

    Attributes:
        what: e.g. ``machine``.
        identifier: what was asked for.
    """

    def __init__(self, what: str, identifier: str) -> None:
        super().__init__(f"there is no {what} {identifier[:100]!r}")
        self.what = what
        self.identifier = identifier


class ConflictError(CloudError):
    """The thing is in a state that forbids what was asked."""


class RolloutRunningError(ConflictError):
    """Another rollout goes on for this machine class.

    Attributes:
        machine_class: for which.
        rollout_id: the one that goes on.
    """

    def __init__(self, machine_class: str, rollout_id: str) -> None:
        super().__init__(f"{machine_class}: rollout {rollout_id} goes on; end it, or wait until it has ended")
        self.machine_class = machine_class
        self.rollout_id = rollout_id


class VersionTakenError(ConflictError):
    """This version of a model is there with other content; versions are never overwritten.

    Attributes:
        machine_class, version: which.
        sha256: of the content that is there.
    """

    def __init__(self, machine_class: str, version: str, sha256: str) -> None:
        super().__init__(f"{machine_class} {version} is there with other content (SHA-256 {sha256}): count it up")
        self.machine_class = machine_class
        self.version = version
        self.sha256 = sha256


class EditionError(CloudError):
    """Somebody has changed the thing since it was looked at."""


class RequestError(CloudError):
    """A parameter of a request cannot be used."""


class SignInError(CloudError):
    """Who asks is not signed in, or not who they say."""

    headers: Final[Mapping[str, str]] = {"WWW-Authenticate": "Bearer"}


class ForbiddenError(CloudError):
    """Who asks may not do this."""


class TooManyError(CloudError):
    """Who asks has asked too often.

    Attributes:
        headers: say when to try again.
    """

    def __init__(self, what: str, retry_after_s: int) -> None:
        super().__init__(f"{what}: try again in {retry_after_s} s")
        self.headers = {"Retry-After": str(retry_after_s)}


class UpdateRepositoryError(CloudError):
    """The files of signed delivery are damaged or cannot be written; what was signed before is still there."""
