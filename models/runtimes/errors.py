"""Errors of the runtimes.

PlantpulseError
├── NetworkError                 bytes that are no network, or one this runtime cannot run; reject the model
├── RuntimeMissingError          the runtime's library is not installed; names the extra
└── DelegateError                the accelerator's library cannot be used; says which and why
"""

from __future__ import annotations

from models.contract.errors import InputError, PlantpulseError


class NetworkError(PlantpulseError):
    """Bytes that are no network, or one that this runtime cannot run: reject the model and keep the old one."""


class RuntimeMissingError(InputError):
    """The runtime's library is not installed; says which extra to install."""


class DelegateError(InputError):
    """An accelerator's library that cannot be used, or a runtime that takes none; says which and why."""
