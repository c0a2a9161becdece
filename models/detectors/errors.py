"""Errors of the detectors.

InputError
└── DetectorError                vectors or bytes that a detector cannot use
"""

from __future__ import annotations

from models.contract.errors import InputError


class DetectorError(InputError):
    """Vectors or bytes that a detector cannot use; says which shape or number was expected."""
