"""Configuration files are strict TOML: what is wrong with one is told in one line for a tired person.

In order: read the text, let tomllib find broken syntax, let pydantic check keys, types and bounds; a complaint names
the file, the line, the key, and what would be right. Gateway and cloud read theirs in the same way.
"""

from __future__ import annotations

import difflib
import math
import re
import tomllib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeVar

from pydantic import BaseModel, ValidationError

from models.contract.errors import ConfigurationError
from models.contract.toml_lines import key_lines

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from pydantic_core import ErrorDetails

    from models.contract.toml_lines import KeyPath

Model = TypeVar("Model", bound=BaseModel)

MAX_BYTES: Final = 4 * 1024 * 1024
"""A thousand machines need less than a tenth of it; more is not a configuration."""


def read_text(path: Path) -> str:
    """Return the text of a configuration file.

    Raises:
        ConfigurationError: it cannot be read, is too large, or is not UTF-8.
    """
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise ConfigurationError(f"{path}: cannot be read ({error.strerror}); give the path of a TOML file") from error
    if len(data) > MAX_BYTES:
        raise ConfigurationError(f"{path}: is larger than {MAX_BYTES} bytes; give the path of a TOML file")
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise ConfigurationError(f"{path}: is not UTF-8 text; save it as UTF-8") from None


def parse(text: str, name: str, model: type[Model]) -> tuple[Model, TomlFile]:
    """Return the validated settings, and where their keys stand for further complaints.

    Args:
        text: TOML.
        name: stands for the file in complaints.
        model: of the whole file; its tables forbid unknown keys.

    Raises:
        ConfigurationError: broken TOML, an unknown or missing key, a value that cannot be.
    """
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigurationError(f"{name}: broken TOML: {error}") from None
    file = TomlFile(name, key_lines(text))
    try:
        return model.model_validate(document), file
    except ValidationError as error:
        raise ConfigurationError(explained(error, model, (), file)) from None


@dataclass(frozen=True, slots=True)
class TomlFile:
    """What complaints are about: the file's name, and on which line each key stands."""

    name: str
    lines: dict[KeyPath, int]

    def line(self, path: KeyPath) -> int | None:
        """Return the line of a key, or of the nearest table around it that stands in the file."""
        return next((self.lines[path[:end]] for end in range(len(path), 0, -1) if path[:end] in self.lines), None)

    def where(self, path: KeyPath) -> str:
        """Return `file:line`."""
        line = self.line(path)
        return self.name if line is None else f"{self.name}:{line}"


def _table_name(path: KeyPath) -> str:
    return ".".join(str(part) for part in path if not isinstance(part, int))


def nearest(word: str, known: Iterable[str]) -> str:
    """Return what may have been meant, to be put behind a complaint."""
    near = difflib.get_close_matches(word, list(known), n=1, cutoff=0.5)
    return f", did you mean {near[0]!r}?" if near else f"; known are {', '.join(sorted(known))}"


def explained(
    error: ValidationError, model: type[BaseModel], prefix: KeyPath, file: TomlFile, also_known: tuple[str, ...] = ()
) -> str:
    """Return one line for the most telling complaint.

    Args:
        error: of pydantic.
        model: that did not fit.
        prefix: where in the file the model's table stands.
        file: that was read.
        also_known: keys of the table that are not the model's.
    """
    complaints = []
    for detail in error.errors():
        path: KeyPath = (*prefix, *detail["loc"])
        table = _table_name(path[:-1])
        inside = f" in [{table}]" if table else ""
        key = str(path[-1]) if path else ""
        if detail["type"] == "extra_forbidden":
            known = [*_known_keys(model, path[len(prefix) : -1]), *also_known]
            # A mistyped key is also a missing one: the mistyped one explains more, so it is told first.
            rank, text = 0, f"unknown key {key!r}{inside}{nearest(key, known)}"
        elif detail["type"] == "missing":
            rank, text = 1, f"key {key!r} is missing{inside}{_hint(key)}"
        else:
            rank, text = 2, _wrong_value(path, detail)
            path = _mentioned(path, text, file)
        complaints.append((rank, file.line(path) or math.inf, f"{file.where(path)}: {text}"))
    first = min(complaints)[2]
    more = len(complaints) - 1
    return first if not more else f"{first} (and {more} more)"


def _wrong_value(path: KeyPath, detail: ErrorDetails) -> str:
    message = str(detail.get("ctx", {}).get("error", detail["msg"]))
    if message.startswith("Input"):
        message = message[0].lower() + message[1:]
    at = f"{_table_name(path)}: " if path else ""
    is_ours = detail["type"] == "value_error" or isinstance(detail["input"], dict)
    return f"{at}{message}" if is_ours else f"{at}{message} (it is {detail['input']!r})"


def _mentioned(path: KeyPath, text: str, file: TomlFile) -> KeyPath:
    """Return the key inside a table that a complaint about the whole table speaks of, or the table."""
    keys = [key for key in file.lines if key[:-1] == path and isinstance(key[-1], str)]
    return next((key for key in keys if re.search(rf"\b{re.escape(str(key[-1]))} =", text)), path)


def _hint(key: str) -> str:
    hints = {
        "unit": ': say what the sensor delivers, such as unit = "g"',
        "asset_id": ": a UUID that stays when the name changes; make one with uuidgen",
    }
    return hints.get(key, "")


def _known_keys(model: type[BaseModel], path: KeyPath) -> list[str]:
    """Return the keys that the table at `path` may have."""
    for part in path:
        if isinstance(part, int):
            continue
        field = next((f for n, f in model.model_fields.items() if part in (n, f.alias)), None)
        inner = None if field is None else _table_of(field.annotation)
        if inner is None:
            break
        model = inner
    return [field.alias or key for key, field in model.model_fields.items()]


def _table_of(annotation: Any) -> type[BaseModel] | None:
    for candidate in (annotation, *getattr(annotation, "__args__", ())):
        if isinstance(candidate, type) and issubclass(candidate, BaseModel):
            return candidate
    return None
