"""Errors of the cloud, grouped by what the caller does next.

PlantpulseError                      (models.contract.errors)
├── InputError                       stop, exit code 2
│   ├── ConfigurationError           (models.contract.errors) the configuration file cannot be used
│   ├── DataDirectoryError           the data directory cannot be used, or another cloud uses it
│   └── AddressError                 the HTTP address cannot be listened on
└── CloudError
    ├── StoreError                   a store did not take the batch: keep it and try again
    ├── NotFoundError                nobody has that id: answer 404
    ├── ConflictError                the thing is in a state that forbids this: answer 409
    └── RequestError                 a parameter cannot be used: answer 422
"""

from __future__ import annotations

from models.contract.errors import InputError, PlantpulseError


class DataDirectoryError(InputError):
    """The data directory cannot be used, or another cloud process uses it."""


class AddressError(InputError):
    """The HTTP address cannot be listened on."""


class CloudError(PlantpulseError):
    """Root of what goes wrong while the cloud runs."""


class StoreError(CloudError):
    """A store did not take what it was given; nothing was acknowledged, so it can be tried again."""


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


class RequestError(CloudError):
    """A parameter of a request cannot be used."""
