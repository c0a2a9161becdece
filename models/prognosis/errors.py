"""Errors of the prognosis.

InputError
└── TrendError                   arrays or a limit that are no trend
"""

from __future__ import annotations

from models.contract.errors import InputError


class TrendError(InputError):
    """Times, values or a limit that no trend can be made of; says what was expected."""
