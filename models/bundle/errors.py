"""Errors of bundles, by what the caller does next.

PlantpulseError
└── BundleError                  this bundle cannot be used: keep the one before
    ├── DamagedBundleError       bytes that are no bundle, or not those that were written: fetch it again
    ├── BundleTooNewError        written by a newer version of this program: upgrade first
    └── UnsuitableBundleError    whole, but not for this machine or this gateway: choose another
"""

from __future__ import annotations

from models.contract.errors import PlantpulseError


class BundleError(PlantpulseError):
    """A bundle that cannot be used: keep the one before."""


class DamagedBundleError(BundleError):
    """Bytes that are no bundle, or not those that were written: fetch it again."""


class BundleTooNewError(BundleError):
    """Written by a newer version of this program: upgrade first."""


class UnsuitableBundleError(BundleError):
    """Whole, but not for this machine or this gateway: choose another."""
