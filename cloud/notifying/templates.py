"""A webhook's own JSON with named fields in braces: parsed when the configuration is read, filled per message. Pure.

    {"summary": "{machine}: {sentence}", "priority": "{priority}", "asset": {"id": "{machine_id}"}, "since": "{since}"}

The template is JSON first and text second, so that no sentence can break out of its quotes. A value that is one field
and nothing else takes the field's own type: ``"{occurrences}"`` becomes a number, ``"{items}"`` a list.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, Final

from cloud.notifying.fields import FIELDS
from models.contract.strict_toml import nearest

if TYPE_CHECKING:
    from collections.abc import Mapping

MAX_CHARS: Final = 20_000
"""A form of a work-order system has some dozens of fields; beyond this it is another file."""

_FIELD: Final = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]")


def check_template(template: str) -> None:
    """Accept a template.

    Raises:
        ValueError: no JSON, or a field that does not exist; one line that names the nearest.
    """
    fill_template(template, dict.fromkeys(FIELDS, ""))


def fill_template(template: str, values: Mapping[str, object]) -> Any:
    """Return the document of a template with its fields filled in.

    Args:
        template: JSON with fields in braces; doubled braces stand for themselves.
        values: by field.

    Raises:
        ValueError: no JSON, or a field that `values` has not.
    """
    if len(template) > MAX_CHARS:
        raise ValueError(f"template = is longer than {MAX_CHARS} characters")
    try:
        document = json.loads(template)
    except (json.JSONDecodeError, RecursionError) as error:
        raise ValueError(f"template = is no JSON: {error}") from None
    if not isinstance(document, dict):
        raise ValueError("template = must be a JSON object, in braces")  # noqa: TRY004 - a person's mistake
    return _filled(document, values)


def _filled(node: Any, values: Mapping[str, object]) -> Any:
    if isinstance(node, dict):
        return {key: _filled(value, values) for key, value in node.items()}
    if isinstance(node, list):
        return [_filled(value, values) for value in node]
    if not isinstance(node, str):
        return node
    if (whole := re.fullmatch(r"\{([^{}]+)\}", node)) is not None:
        return _value(whole[1], values)
    return _FIELD.sub(lambda found: _text(found, values), node)


def _text(found: re.Match[str], values: Mapping[str, object]) -> str:
    if found[0] in {"{{", "}}"}:
        return found[0][0]
    if found[1] is None:
        raise ValueError("template = has a brace without its partner: double it if it is meant as itself")
    value = _value(found[1], values)
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _value(name: str, values: Mapping[str, object]) -> object:
    if name not in values:
        raise ValueError(f"template = has the unknown field {name!r}{nearest(name, values)}")
    return values[name]
