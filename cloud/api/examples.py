"""What bodies really look like, in the OpenAPI document: every one of the same plant at the same hour.

The examples stand in `examples.json`, kept by hand: those of bodies with a schema by its name, those of the few bodies
without one by their operation and media type, text as its lines. The document holds each once, and every body that it
fits names it.
"""

from __future__ import annotations

import json
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

FILE: Final = "examples.json"
TEXT: Final = "text/"


def add_examples(document: dict[str, Any]) -> None:
    """Put the examples into an OpenAPI document; doing it twice changes nothing.

    Args:
        document: with its `paths`; it is changed in place.

    Source: OpenAPI Specification 3.1, Components Object and Media Type Object, `examples`.
    """
    known = _known()
    schemas, operations = known["schemas"], known["operations"]
    document.setdefault("components", {})["examples"] = {name: {"value": value} for name, value in schemas.items()}
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            for body in _bodies(operation):
                _name_example(body, schemas)
            _add_own(operation, operations.get(f"{method.upper()} {path}", {}))


@cache
def _known() -> dict[str, dict[str, Any]]:
    """Return the file's two tables: `schemas` and `operations`."""
    text = resources.files("cloud.api").joinpath(FILE).read_text(encoding="utf-8")
    known: dict[str, dict[str, Any]] = json.loads(text)
    return known


def _answers(operation: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield what an operation answers when all is well."""
    return (answer for status, answer in operation["responses"].items() if status.startswith("2"))


def _bodies(operation: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield what the document says of each body that is sent or answered, by media type."""
    for holder in (operation.get("requestBody", {}), *_answers(operation)):
        yield from holder.get("content", {}).values()


def _name_example(body: dict[str, Any], schemas: Mapping[str, Any]) -> None:
    schema = body.get("schema", {})
    # A body that may be left out is one of its schema and null.
    for one in (schema, *schema.get("anyOf", ())):
        name = one.get("$ref", "").rpartition("/")[2]
        if name in schemas:
            body["examples"] = {name: {"$ref": f"#/components/examples/{name}"}}


def _add_own(operation: Mapping[str, Any], examples: Mapping[str, Any]) -> None:
    """Add the examples of an operation whose answer has no schema, with the media type that it really has."""
    for media_type, value in examples.items():
        text = "\n".join(value) if media_type.startswith(TEXT) else value
        for answer in _answers(operation):
            described = answer.get("content", {}).get(media_type, {"schema": {"type": "string"}})
            answer["content"] = {media_type: {**described, "example": text}}
