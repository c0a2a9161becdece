"""`replace` and `asdict` of dataclasses, for the frozen states that change with every window: in half the time or less.

A window replaces some twenty small states. The general function looks at every field's definition and runs the
constructor, field by field; here the fields of a class are looked up once, and values go straight into their slots.
Import `replace` from here where it runs for every window; to type checkers it is the function of `dataclasses`.
"""

from __future__ import annotations

import dataclasses
from operator import attrgetter
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable
    from dataclasses import replace as replace  # noqa: PLC0414 - the explicit form of an export

    _Layout = tuple[Callable[[Any], tuple[Any, ...]], dict[str, int], tuple[Callable[[Any, Any], None], ...]]

_layouts: dict[type, _Layout] = {}


def _layout(kind: type) -> _Layout:
    """Return how the values of a class are read, where each one stands, and how they are written.

    Raises:
        TypeError: the class is no dataclass with slots, or checks its values when it is made.
    """
    names = [field.name for field in dataclasses.fields(kind)]
    if len(names) < 2 or "__slots__" not in kind.__dict__ or hasattr(kind, "__post_init__"):
        raise TypeError(f"{kind.__name__} must be replaced by dataclasses.replace")
    places = {name: place for place, name in enumerate(names)}
    return attrgetter(*names), places, tuple(kind.__dict__[name].__set__ for name in names)


def _replace(one: Any, /, **changes: Any) -> Any:
    """Return a copy of a frozen dataclass with slots, with these fields changed.

    >>> @dataclasses.dataclass(frozen=True, slots=True)
    ... class Place:
    ...     x: int
    ...     y: int
    >>> replace(Place(1, 2), y=5)
    Place(x=1, y=5)

    Raises:
        TypeError: a class that this cannot replace, or a field that it does not have.
    """
    kind = one.__class__
    layout = _layouts.get(kind)
    if layout is None:
        layout = _layouts[kind] = _layout(kind)
    read, places, writers = layout
    values = list(read(one))
    try:
        for name, value in changes.items():
            values[places[name]] = value
    except KeyError as error:
        raise TypeError(f"{kind.__name__} has no field {error}") from None
    new = object.__new__(kind)
    for write, value in zip(writers, values, strict=True):
        write(new, value)
    return new


if not TYPE_CHECKING:
    replace = _replace


def fields_of(one: Any) -> dict[str, Any]:
    """Return the fields of a flat state by name, as they are: `dataclasses.asdict` copies every number of a tuple.

    >>> @dataclasses.dataclass(frozen=True, slots=True)
    ... class Place:
    ...     x: int
    ...     levels: tuple[float, ...]
    >>> fields_of(Place(1, (0.5, 2.0)))
    {'x': 1, 'levels': (0.5, 2.0)}
    """
    return {name: getattr(one, name) for name in one.__dataclass_fields__}
