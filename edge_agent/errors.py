"""Errors of the gateway's agent.

PlantpulseError
├── InputError
│   ├── DataDirectoryError           the data directory cannot be used, or another agent uses it
│   └── SourceError                  samples cannot be opened or read (edge_agent.sources.base)
├── JournalError                     the journal cannot be read or written: stop, it is salvaged at the next start
│   └── JournalFullError             the disk is full: wait and try again, nothing is lost
└── UplinkError                      the broker cannot be reached or refuses us: try again later
"""

from __future__ import annotations

from models.contract.errors import InputError, PlantpulseError


class DataDirectoryError(InputError):
    """The data directory cannot be used, or another agent uses it."""


class JournalError(PlantpulseError):
    """The journal cannot be read or written: stop; what is readable is salvaged at the next start."""


class JournalFullError(JournalError):
    """The disk is full: wait and try again, nothing is lost."""


class UplinkError(PlantpulseError):
    """The broker cannot be reached or refuses us: try again later."""
