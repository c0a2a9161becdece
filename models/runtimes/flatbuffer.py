"""Decode a FlatBuffer along a schema, with every offset, size and alignment checked before it is followed.

Libraries that map such a file and follow its offsets crash on a damaged one. Here the whole file is walked once, along
a schema that lists what a table may hold; what it does not list is refused, because a library would follow it
unchecked. A table begins with a signed offset back to its vtable, which says where each field lies. The work is bounded
by `MAX_TABLES`, however tables point at one another, and vectors are views of the file, however often one is used.

Source: FlatBuffers internals, "Tables", "Vectors", "Strings", "Unions".
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from models.runtimes.errors import NetworkError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

MAX_TABLES: Final = 4096
MAX_TEXT_BYTES: Final = 4096
FEW: Final = 8
"""No list of numbers of tensors, and no shape, has more entries in a dense network."""
OFFSET_BYTES: Final = 4
SCALARS: Final[Mapping[str, str]] = {"i1": "<b", "u1": "<B", "i4": "<i", "u4": "<I"}
"""Kind of a scalar field → its form for `struct`."""

Schema = dict[str, tuple[str, ...]]
"""Table → its fields in order, each "name kind": a scalar, `string`, `[i4]` (a vector of scalars, which have numpy's
names), a table's name, or that in brackets. A name of `-` is a field that must not be there."""


@dataclass(frozen=True, slots=True)
class Table:
    """A decoded table; fields that were left out have their default.

    Attributes:
        kind: its name in the schema.
        values: by field name.
    """

    kind: str
    values: Mapping[str, Any]

    def number(self, name: str) -> int:
        """Return a scalar, 0 when it was left out."""
        return int(self.values.get(name, 0))

    def vector(self, name: str) -> NDArray[Any]:
        """Return a vector of scalars, empty when it was left out."""
        found: NDArray[Any] = self.values.get(name, np.empty(0, np.int32))
        return found

    def few(self, name: str) -> list[int]:
        """Return a vector of scalars that has to be short.

        Raises:
            NetworkError: it is not.
        """
        found = self.vector(name)
        if found.size > FEW:
            raise NetworkError(f"{name} of a {self.kind} has {found.size} entries: at most {FEW}")
        return [int(number) for number in found]

    def table(self, name: str) -> Table | None:
        """Return a table, None when it was left out."""
        found: Table | None = self.values.get(name)
        return found

    def tables(self, name: str) -> tuple[Table, ...]:
        """Return a vector of tables, empty when it was left out."""
        found: tuple[Table, ...] = self.values.get(name, ())
        return found


def decode(data: bytes, schema: Schema, root: str) -> Table:
    """Return the root table of a FlatBuffer with everything it leads to.

    Args:
        data: the whole file.
        schema: what each table may hold.
        root: the name of the root table.

    Raises:
        NetworkError: an offset, a size or an alignment that no writer makes, or a field that the schema does not list.
    """
    walk = _Walk(data, schema)
    return walk.table(root, walk.offset(0))


@dataclass(slots=True)
class _Walk:
    data: bytes
    schema: Schema
    tables: int = field(default=0)

    def read(self, form: str, at: int) -> int:
        size = struct.calcsize(form)
        if not 0 <= at <= len(self.data) - size or at % size:
            raise NetworkError(f"damaged file: {size} bytes at {at} of {len(self.data)}")
        return int(struct.unpack_from(form, self.data, at)[0])

    def offset(self, at: int) -> int:
        """Return where the offset that is stored there leads to, always forwards."""
        step = self.read("<I", at)
        if step < OFFSET_BYTES:
            raise NetworkError(f"damaged file: the offset at {at} leads nowhere")
        return at + step

    def table(self, kind: str, at: int) -> Table:
        self.tables += 1
        if self.tables > MAX_TABLES:
            raise NetworkError(f"damaged file: more than {MAX_TABLES} tables")
        vtable = at - self.read("<i", at)
        vtable_bytes, table_bytes = self.read("<H", vtable), self.read("<H", vtable + 2)
        if vtable_bytes < 4 or vtable_bytes % 2 or not 4 <= table_bytes <= len(self.data) - at:
            raise NetworkError(f"damaged file: a {kind} of {table_bytes} bytes at {at}")
        known = self.schema[kind]
        values = {}
        for number in range((vtable_bytes - 4) // 2):
            place = self.read("<H", vtable + 4 + 2 * number)
            if not place:
                continue
            name, _, form = (known[number] if number < len(known) else "-").partition(" ")
            if name == "-":
                raise NetworkError(f"field {number} of a {kind} is nothing that a dense network needs")
            if not 4 <= place <= table_bytes - int(form[1] if form in SCALARS else OFFSET_BYTES):
                raise NetworkError(f"damaged file: {name} of a {kind} lies outside it")
            values[name] = self.value(form, at + place)
        return Table(kind, values)

    def value(self, form: str, at: int) -> Any:
        if form in SCALARS:
            return self.read(SCALARS[form], at)
        at = self.offset(at)
        if form == "string":
            return self.text(at)
        if not form.startswith("["):
            return self.table(form, at)
        inner = form[1:-1]
        if inner not in self.schema:
            return self.scalars(inner, at)
        return tuple(
            self.table(inner, self.offset(at + OFFSET_BYTES * place))
            for place in range(1, self.scalars("u4", at).size + 1)
        )

    def text(self, at: int) -> str:
        if self.read("<I", at) > MAX_TEXT_BYTES:
            raise NetworkError(f"damaged file: a text of more than {MAX_TEXT_BYTES} bytes")
        raw = self.scalars("u1", at).tobytes()
        if self.read("<B", at + OFFSET_BYTES + len(raw)) != 0:
            raise NetworkError("damaged file: a text without an end")
        try:
            return raw.decode("utf-8")
        except UnicodeDecodeError as error:
            raise NetworkError(f"damaged file: a text that is no text: {error}") from error

    def scalars(self, form: str, at: int) -> NDArray[Any]:
        count, size = self.read("<I", at), int(form[1])
        first = at + OFFSET_BYTES
        if count > (len(self.data) - first) // size or (count and first % size):
            raise NetworkError(f"damaged file: {count} numbers of {size} bytes at {first} of {len(self.data)}")
        return np.frombuffer(self.data, f"<{form}", count, first)
