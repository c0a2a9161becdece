"""Errors of the process judges.

InputError
└── ProcessError                 rules, phases or windows that cannot work together
"""

from __future__ import annotations

from models.contract.errors import InputError


class ProcessError(InputError):
    """Rules, phases or windows of a process that cannot work; says which and what would do."""
