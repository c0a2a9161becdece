"""Names of what the cloud delivers to gateways: who signs it, and what it is called there and on the way.

    gateway-models/pump/base-model-7
    └── purpose ──┘└own┘└name ──┘└ version

The owner is what the purpose says: a machine's class for models, a board for firmware, a group for configurations.
Purpose and owner together have one role of The Update Framework, which may sign names below `purpose/owner/` and
nothing else: the key for the pumps' models is worth nothing for anybody else's.

Source: The Update Framework specification 1.0.33, section 4.5, *File formats: targets.json and delegated target roles*.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from fnmatch import fnmatchcase
from typing import Final

from models.contract.errors import UpdateNameError

SIGNED_AT: Final = "x-plantpulse-signed-at"
"""Field in signed metadata: when it was signed, ISO 8601 in UTC; a clock before that cannot be right."""

NEEDS: Final = "needs"
"""Key in a target's custom fields: list of the targets without which it is of no use."""

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.=-]{0,127}")
_PLAIN: Final = re.compile(r"[A-Za-z0-9_-]")
_MOST_VERSION: Final = 2**53 - 1
"""Beyond it JSON numbers are not the same everywhere."""


class Purpose(StrEnum):
    """What is delivered."""

    GATEWAY_MODELS = "gateway-models"
    NODE_MODELS = "node-models"
    NODE_FIRMWARE = "node-firmware"
    CONFIGURATIONS = "configurations"


def path_word(identifier: str) -> str:
    """Return a class, board or group as it stands in names: what is no plain letter, digit, - or _ is escaped.

    >>> path_word("pump"), path_word("press shop"), path_word("a.b")
    ('pump', 'press=20shop', 'a=2Eb')

    Raises:
        UpdateNameError: empty, or too long for a file's name.
    """
    word = "".join(
        one if _PLAIN.fullmatch(one) else "".join(f"={byte:02X}" for byte in one.encode("utf-8", "surrogatepass"))
        for one in identifier
    )
    if not 0 < len(word) <= 100:
        raise UpdateNameError(f"{identifier[:40]!r}: a class, board or group of 1 to 100 characters was expected")
    return word


@dataclass(frozen=True, slots=True)
class UpdateRole:
    """Who signs one purpose for one class, board or group.

    Attributes:
        purpose: what is delivered.
        owner: whose it is, as `path_word` writes it.
    """

    purpose: Purpose
    owner: str

    @classmethod
    def of(cls, purpose: str, identifier: str) -> UpdateRole:
        """Return the role for a class, board or group as people write it.

        Raises:
            UpdateNameError: there is no such purpose, or the identifier cannot be used.
        """
        return cls(_purpose(purpose), path_word(identifier))

    @classmethod
    def parse(cls, text: str) -> UpdateRole:
        """Return the role with a path such as ``gateway-models/pump``, or a name such as ``gateway-models.pump``.

        >>> UpdateRole.parse("gateway-models/pump").name
        'gateway-models.pump'

        Raises:
            UpdateNameError: it is none.
        """
        purpose, _, owner = text.replace("/", ".", 1).partition(".")
        if not re.fullmatch(r"[A-Za-z0-9_=-]{1,100}", owner):
            raise UpdateNameError(f"{text[:80]!r} is no PURPOSE/CLASS such as gateway-models/pump")
        return cls(_purpose(purpose), owner)

    @property
    def name(self) -> str:
        """Return the role's name in metadata; no slash, because it becomes a file's name."""
        return f"{self.purpose.value}.{self.owner}"

    @property
    def path(self) -> str:
        """Return where its targets are."""
        return f"{self.purpose.value}/{self.owner}"

    @property
    def pattern(self) -> str:
        """Return which names it may sign."""
        return f"{self.path}/*"


@dataclass(frozen=True, slots=True)
class TargetName:
    """The name of one thing delivered.

    Attributes:
        role: who signs it.
        name: what it is called by whoever made it.
        version: which of that name, 1 or more; a higher one is a newer one.
    """

    role: UpdateRole
    name: str
    version: int

    def __post_init__(self) -> None:
        """Refuse what could be no file's name.

        Raises:
            UpdateNameError: the name or the version cannot be used.
        """
        if not _NAME.fullmatch(self.name):
            raise UpdateNameError(
                f"name {self.name[:40]!r}: give at most 128 of letters, digits, . _ -, a letter first"
            )
        if isinstance(self.version, bool) or not 1 <= self.version <= _MOST_VERSION:
            raise UpdateNameError(f"{self.name}: version {self.version!r}: give a whole number from 1")

    @classmethod
    def parse(cls, path: str) -> TargetName:
        """Return the name with this path.

        >>> TargetName.parse("gateway-models/pump/base-model-7").version
        7

        Raises:
            UpdateNameError: it is none.
        """
        parts = path.split("/")
        name, _, version = parts[-1].rpartition("-")
        if len(parts) != 3 or not re.fullmatch(r"[1-9][0-9]{0,15}", version):
            raise UpdateNameError(f"{path[:80]!r} is no target such as gateway-models/pump/base-model-7")
        return cls(UpdateRole.parse("/".join(parts[:2])), name, int(version))

    @property
    def path(self) -> str:
        """Return the name in one text, which is also its place below `targets/`."""
        return f"{self.role.path}/{self.name}-{self.version}"


def fits(path: str, pattern: str) -> bool:
    """Return whether a name is one of a pattern; a star does not reach beyond a slash.

    >>> fits("gateway-models/pump/a-1", "gateway-models/pump/*"), fits("gateway-models/pump/a-1", "gateway-models/*")
    (True, False)
    """
    parts, wanted = path.split("/"), pattern.split("/")
    return len(parts) == len(wanted) and all(map(fnmatchcase, parts, wanted))


def _purpose(text: str) -> Purpose:
    try:
        return Purpose(text)
    except ValueError:
        raise UpdateNameError(f"purpose {text[:40]!r} is none: give {', '.join(Purpose)}") from None
