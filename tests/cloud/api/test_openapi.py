"""Every body of the API has an example in the OpenAPI document, and each example is what its model reads and writes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from importlib import resources
from typing import Any, get_args

import pytest
from fastapi.routing import APIRoute
from pydantic import BaseModel

from cloud.api.application import BESIDE, RESOURCES

EXAMPLES = json.loads(resources.files("cloud.api").joinpath("examples.json").read_text(encoding="utf-8"))
NO_CONTENT = "204"

ROUTES = [route for one in (*RESOURCES, *BESIDE) for route in one.routes if isinstance(route, APIRoute)]


def _models(annotations) -> dict[str, type[BaseModel]]:
    """Return models by the name of their schema; a body that may be left out is one of its model and None."""
    kinds = [kind for annotation in annotations for kind in (annotation, *get_args(annotation))]
    return {kind.__name__: kind for kind in kinds if isinstance(kind, type) and issubclass(kind, BaseModel)}


ASKED = _models(route.body_field.field_info.annotation for route in ROUTES if route.body_field is not None)
ANSWERED = _models(route.response_model for route in ROUTES)


def _kinds(kind: type[BaseModel] = BaseModel) -> Iterator[type[BaseModel]]:
    for one in kind.__subclasses__():
        yield one
        yield from _kinds(one)


FIELDS = {
    field.serialization_alias: name
    for kind in _kinds()
    if kind.__module__.startswith("cloud.api.")
    for name, field in kind.model_fields.items()
    if field.serialization_alias is not None
}
"""The field behind a key such as `from`, which answers only write and so cannot read."""


def _as_fields(written: Any) -> Any:
    """Return an answer with the names of its fields instead of the keys that it is written with."""
    if isinstance(written, dict):
        return {FIELDS.get(key, key): _as_fields(value) for key, value in written.items()}
    return [_as_fields(one) for one in written] if isinstance(written, list) else written


def _bodies(document) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield every body of a document, and an empty one where an answer with content says nothing of it."""
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            where = f"{method.upper()} {path}"
            if "requestBody" in operation:
                yield from ((f"{where} asks", one) for one in operation["requestBody"]["content"].values())
            for status, answer in operation["responses"].items():
                if status.startswith("2") and status != NO_CONTENT:
                    yield from ((f"{where} {status}", one) for one in answer.get("content", {"": {}}).values())


def _named(body) -> set[str]:
    return {one["$ref"].removeprefix("#/components/examples/") for one in body.get("examples", {}).values()}


@pytest.fixture
async def document(api):
    return await api.get("/openapi.json")


async def test_every_body_has_an_example(document):
    bodies = list(_bodies(document))
    assert len(bodies) > 60  # else this test looks at the wrong place
    assert [where for where, body in bodies if not _named(body) and "example" not in body] == []


async def test_an_example_that_a_body_names_is_there_and_is_of_its_schema(document):
    for where, body in _bodies(document):
        for name in _named(body):
            assert document["components"]["examples"][name] == {"value": EXAMPLES["schemas"][name]}, where
            assert f"#/components/schemas/{name}" in json.dumps(body["schema"]), where


async def test_no_example_is_left_over(document):
    named = {name for _, body in _bodies(document) for name in _named(body)}
    assert set(EXAMPLES["schemas"]) - named == set()
    asked = {f"{method.upper()} {path}" for path, methods in document["paths"].items() for method in methods}
    assert set(EXAMPLES["operations"]) - asked == set()
    assert set(EXAMPLES) == {"schemas", "operations"}


async def test_nothing_but_the_file_gives_an_example_of_a_whole_body(document):
    schemas = document["components"]["schemas"]
    assert [name for name, schema in schemas.items() if {"example", "examples"} & set(schema)] == []


async def test_asking_twice_gives_the_same_document(api, document):
    assert await api.get("/openapi.json") == document


@pytest.mark.parametrize("name", sorted(set(EXAMPLES["schemas"]) & set(ANSWERED)))
def test_an_answer_is_written_as_its_example(name):
    """Every key, also those that have a default, and none that the model does not know: the whole of it comes back."""
    example = EXAMPLES["schemas"][name]
    read = ANSWERED[name].model_validate_json(json.dumps(_as_fields(example)), strict=True)
    assert json.loads(read.model_dump_json(by_alias=True)) == example


@pytest.mark.parametrize("name", sorted(set(EXAMPLES["schemas"]) & set(ASKED)))
def test_a_request_is_read_from_its_example(name):
    example = EXAMPLES["schemas"][name]
    model = ASKED[name]
    assert model.model_config["extra"] == "forbid"
    read = model.model_validate_json(json.dumps(example), strict=True)
    assert json.loads(read.model_dump_json(by_alias=True, exclude_unset=True)) == example


def test_every_example_is_read_by_a_model():
    assert set(EXAMPLES["schemas"]) - set(ASKED) - set(ANSWERED) == set()


async def test_what_operations_answer_without_a_schema_looks_like_their_examples(api):
    own = EXAMPLES["operations"]
    for path in ("/healthz", "/readyz"):
        assert (await api.client.get(path)).json() == own[f"GET {path}"]["application/json"]
    told = await api.client.get("/metrics")
    assert told.headers["content-type"].startswith("text/plain")
    assert own["GET /metrics"]["text/plain"][0] in told.text
    exported = await api.client.get("/api/v1/audit/export.csv")
    assert exported.headers["content-type"].startswith("text/csv")
    assert exported.text.splitlines()[0] == own["GET /api/v1/audit/export.csv"]["text/csv"][0]
