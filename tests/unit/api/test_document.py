"""/openapi.json is whole: every route is in it, with its errors, and everything it takes has words and a bound."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.unit.api.matrix.rows import ASSETS, AT_ROOT, PAGES
from tests.unit.api.routes import all_routes
from tests.unit.api.world import World
from tests.unit.test_messages import _BANNED

DOCUMENT: dict[str, Any] = World().app.openapi()
# What is for browsers, and what a read-only registry refuses: tests/unit/api/test_schema_registry.py.
UNDOCUMENTED = (
    ASSETS
    | PAGES
    | AT_ROOT
    | {("GET", "/docs"), ("GET", "/openapi.json")}
    | {
        ("POST", "/subjects/{subject}/versions"),
        ("DELETE", "/subjects/{subject}"),
        ("DELETE", "/subjects/{subject}/versions/{version}"),
        ("PUT", "/config"),
        ("PUT", "/config/{subject}"),
        ("DELETE", "/config/{subject}"),
        ("PUT", "/mode"),
        ("PUT", "/mode/{subject}"),
        ("DELETE", "/mode/{subject}"),
    }
)
# They ask nobody, or this process alone.
ALWAYS_ANSWER = {("GET", "/live"), ("GET", "/health"), ("GET", "/ready"), ("GET", "/metrics")}


def operations() -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in DOCUMENT["paths"].items():
        for method, operation in methods.items():
            yield method.upper(), path, operation


def test_every_route_is_documented() -> None:
    routes = {(method, path.replace(":path}", "}")) for method, path in all_routes(World().app) - UNDOCUMENTED}
    assert {(method, path) for method, path, _ in operations()} == routes


def test_every_operation_says_what_it_does_and_how_it_fails() -> None:
    for method, path, operation in operations():
        assert len(operation["description"]) > 10, path
        if (method, path) in ALWAYS_ANSWER:
            continue
        needed = {"400", "404", "429", "500", "503"}
        if "security" in operation:
            needed |= {"401", "403"}
        if method != "GET" and operation["tags"] != ["schemas"]:
            needed |= {"409", "422"}
        if "requestBody" in operation:
            needed |= {"408", "413", "415"}
        assert needed <= set(operation["responses"]), (method, path)


def test_the_routes_behind_a_key_say_so() -> None:
    for method, path, operation in operations():
        opened = "security" not in operation
        assert opened == (
            operation["tags"] == ["schemas"] or (method, path) in ALWAYS_ANSWER or _signs_in(method, path)
        )
    assert DOCUMENT["components"] == {"securitySchemes": {"key": DOCUMENT["components"]["securitySchemes"]["key"]}}


def _signs_in(method: str, path: str) -> bool:
    return (path.startswith("/api/v1/session/") and path != "/api/v1/session/password") or (
        path == "/api/v1/session" and method != "GET"
    )


def test_every_parameter_has_words_and_a_bound() -> None:
    for method, path, operation in operations():
        for parameter in operation.get("parameters", ()):
            where = (method, path, parameter["name"])
            assert parameter["description"].endswith("."), where
            assert not _BANNED.search(parameter["description"]), where
            for schema in parameter["schema"].get("anyOf", [parameter["schema"]]):
                assert "maxLength" in parameter["schema"] or _is_bounded(schema), where


def _is_bounded(schema: dict[str, Any]) -> bool:
    match schema.get("type"):
        case "string":
            return "maxLength" in schema or "enum" in schema or "pattern" in schema
        case "integer":
            return {"minimum", "maximum"} <= set(schema)
        case kind:
            return kind in ("boolean", "null")


def test_every_body_has_words_and_a_bound() -> None:
    most = str(World().settings.max_body_bytes)
    for method, path, operation in operations():
        if (body := operation.get("requestBody")) is not None:
            assert most in body["description"] or "bytes" in body["description"], (method, path)


def test_fields_are_named_as_they_are_sent() -> None:
    properties = DOCUMENT["paths"]["/v1/chat/completions"]["post"]["requestBody"]["content"]["application/json"][
        "schema"
    ]
    assert "'wanted'" not in str(properties)
    assert "wanted" not in str(DOCUMENT["paths"]["/v1/responses"]["post"]["requestBody"])


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("PUT", "/api/v1/conversations", "GET, HEAD, POST"),
        ("POST", "/api/v1/keys/x", "PATCH, DELETE"),
        ("DELETE", "/v1/models", "GET, HEAD"),
        ("TRACE", "/v1/responses/x", "GET, HEAD, DELETE"),
        ("OPTIONS", "/api/v1/admin/budgets", "GET, HEAD, PUT, DELETE"),
        ("BREW", "/v1/chat/completions", "GET, HEAD, POST"),
        ("PATCH", "/subjects/x", "POST, DELETE"),
        ("POST", "/health", "GET, HEAD"),
    ],
)
async def test_a_wrong_method_is_told_which_there_are(
    method: str, path: str, allowed: str, alice: httpx.AsyncClient
) -> None:
    answer = await alice.request(method, path)
    assert (answer.status_code, answer.headers["allow"]) == (405, allowed)
