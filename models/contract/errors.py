"""Errors of everything that both sides share.

PlantpulseError                  root of every error this project raises on purpose
├── InputError                   a person's file, setting or argument cannot be used: exit code 2
│   └── UnitError                a unit that is not in the table, or that does not fit
└── ContractError                what crossed the wire cannot be used; reject this item
    ├── TopicError               a topic or an id that the specification forbids
    ├── PayloadError             bytes that are no Sparkplug payload, or beyond a bound
    ├── RecordError              a well-formed payload that is no record of ours
    ├── SchemaTooNewError        written by a newer version than this one reads
    ├── RangeError               a set of acknowledged numbers that cannot be read
    └── UpdateNameError          a name of something delivered that is none of ours

Both sides let a PlantpulseError reach the command line, which prints its text and sets the exit code.
"""

from __future__ import annotations


class PlantpulseError(Exception):
    """Root of every error this project raises on purpose; its text is one line for a tired person."""


class InputError(PlantpulseError):
    """A person's file, setting or argument cannot be used; says what, where and what to do. Exit code 2."""


class UnitError(InputError):
    """A unit that is not in the table, or one of another quantity than is needed."""


class ConfigurationError(InputError):
    """A configuration file cannot be used; names the file, the line, the key and what to do."""


class ContractError(PlantpulseError):
    """What crossed the wire cannot be used: reject this item and go on."""


class TopicError(ContractError):
    """A topic or an id that the Sparkplug specification forbids."""


class PayloadError(ContractError):
    """Bytes that are no Sparkplug payload, or one beyond a bound."""


class RecordError(ContractError):
    """A well-formed payload that is no record of ours."""


class SchemaTooNewError(ContractError):
    """A record written by a newer version than this one reads."""


class RangeError(ContractError):
    """A set of acknowledged numbers that cannot be read."""


class UpdateNameError(ContractError):
    """A name of something delivered, or a part of one, that is none of ours."""
