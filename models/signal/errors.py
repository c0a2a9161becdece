"""Errors of the signal mathematics.

InputError
└── SignalError                  the samples, rate or setting cannot give what was asked for
    ├── BandError                band edges that are reversed, beyond Nyquist or hold no bin
    └── StreamError              a source broke the order that `windows.Block` promises
"""

from __future__ import annotations

from models.contract.errors import InputError


class SignalError(InputError):
    """The samples, rate or setting cannot give what was asked for; says which and what would do."""


class BandError(SignalError):
    """Band edges that are reversed, beyond Nyquist or hold no bin."""


class StreamError(SignalError):
    """A source broke the order that `models.signal.windows.Block` promises."""
