"""The schemas for other tools: what a Confluent registry answers, to anybody, and nothing can be written."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from schemas.generation import TokenChunk
from schemas.registry import current_schema, registered_schemas
from tests.unit.api.world import World

CHUNK = current_schema(TokenChunk)
SUBJECT = CHUNK.subject
READONLY = 42205
ROUTES: list[tuple[str, str, int, int | None]] = [
    # method, path, status and error code for subject verbatim.TokenChunk, version 1, id of it
    ("GET", "/schemas/types", 200, None),
    ("GET", "/schemas/ids/{schema_id}", 200, None),
    ("GET", "/schemas/ids/{schema_id}/schema", 200, None),
    ("GET", "/schemas/ids/{schema_id}/versions", 200, None),
    ("GET", "/schemas/ids/{schema_id}/subjects", 200, None),
    ("GET", "/subjects", 200, None),
    ("GET", "/subjects/{subject}/versions", 200, None),
    ("GET", "/subjects/{subject}/versions/{version}", 200, None),
    ("GET", "/subjects/{subject}/versions/{version}/schema", 200, None),
    ("GET", "/subjects/{subject}/versions/{version}/referencedby", 200, None),
    ("POST", "/subjects/{subject}", 200, None),
    ("GET", "/config", 200, None),
    ("GET", "/config/{subject}", 404, 40408),
    ("GET", "/mode", 200, None),
    ("GET", "/mode/{subject}", 200, None),
    ("POST", "/subjects/{subject}/versions", 422, READONLY),
    ("DELETE", "/subjects/{subject}", 422, READONLY),
    ("DELETE", "/subjects/{subject}/versions/{version}", 422, READONLY),
    ("PUT", "/config", 422, READONLY),
    ("PUT", "/config/{subject}", 422, READONLY),
    ("DELETE", "/config/{subject}", 422, READONLY),
    ("PUT", "/mode", 422, READONLY),
    ("PUT", "/mode/{subject}", 422, READONLY),
    ("DELETE", "/mode/{subject}", 422, READONLY),
]
MEDIA_TYPE = "application/vnd.schemaregistry.v1+json"
SCHEMA = json.dumps(dict(CHUNK.definition))


@pytest.fixture
async def anybody(world: World) -> AsyncIterator[httpx.AsyncClient]:
    async with world.client(None) as client:
        yield client


@pytest.mark.parametrize(("method", "path", "status", "error_code"), ROUTES)
async def test_anybody_may_read_and_nobody_may_write(
    method: str, path: str, status: int, error_code: int | None, anybody: httpx.AsyncClient
) -> None:
    path = path.replace("{schema_id}", str(CHUNK.id)).replace("{subject}", SUBJECT).replace("{version}", "1")
    body = {"json": {"schema": SCHEMA}} if method in ("POST", "PUT") else {}
    answer = await anybody.request(method, path, **body)  # type: ignore[arg-type]
    assert answer.status_code == status
    assert answer.headers["content-type"] == MEDIA_TYPE
    assert answer.json() is not None if error_code is None else answer.json()["error_code"] == error_code
    assert answer.headers["x-request-id"] and answer.headers["x-ratelimit-limit-requests"]


async def test_every_schema_is_found_by_its_id_and_by_its_subject(anybody: httpx.AsyncClient) -> None:
    subjects = (await anybody.get("/subjects")).json()
    assert subjects == sorted({schema.subject for schema in registered_schemas().values()})
    for schema in registered_schemas().values():
        by_id = (await anybody.get(f"/schemas/ids/{schema.id}", params={"subject": "token-chunks-value"})).json()
        assert json.loads(by_id["schema"]) == dict(schema.definition)
        said = (await anybody.get(f"/subjects/{schema.subject}/versions/{schema.version}")).json()
        assert said == {"subject": schema.subject, "version": schema.version, "id": schema.id, **by_id}
        bare = (await anybody.get(f"/schemas/ids/{schema.id}/schema")).json()
        assert bare == dict(schema.definition)
        where = (await anybody.get(f"/schemas/ids/{schema.id}/versions")).json()
        assert where == [{"subject": schema.subject, "version": schema.version}]


async def test_the_newest_version_and_the_largest_id(anybody: httpx.AsyncClient) -> None:
    for word in ("latest", "-1"):
        assert (await anybody.get(f"/subjects/{SUBJECT}/versions/{word}")).json()["version"] == CHUNK.version
    largest = await anybody.get(f"/schemas/ids/{CHUNK.id}", params={"fetchMaxId": "true"})
    assert largest.json()["maxId"] == max(registered_schemas())
    prefixed = await anybody.get("/subjects", params={"subjectPrefix": "verbatim.Token"})
    assert prefixed.json() == [SUBJECT]


@pytest.mark.parametrize(
    ("path", "status", "error_code"),
    [
        ("/schemas/ids/99999", 404, 40403),
        ("/schemas/ids/0", 404, 40403),
        ("/schemas/ids/x", 404, 40403),
        ("/schemas/ids/99999999999999999999", 404, 40403),
        ("/schemas/ids/\u0663", 404, 40403),
        ("/schemas/ids/99999/versions", 404, 40403),
        ("/subjects/nothing/versions", 404, 40401),
        ("/subjects/nothing/versions/1", 404, 40401),
        (f"/subjects/{SUBJECT}/versions/2147483647", 404, 40402),
        (f"/subjects/{SUBJECT}/versions/2147483648", 422, 42202),
        (f"/subjects/{SUBJECT}/versions/0", 422, 42202),
        (f"/subjects/{SUBJECT}/versions/-2", 422, 42202),
        (f"/subjects/{SUBJECT}/versions/newest", 422, 42202),
    ],
)
async def test_what_is_not_there_is_told_as_a_registry_tells_it(
    path: str, status: int, error_code: int, anybody: httpx.AsyncClient
) -> None:
    answer = await anybody.get(path)
    assert (answer.status_code, answer.json()["error_code"]) == (status, error_code)
    assert set(answer.json()) == {"error_code", "message"}


def _without_prose(schema: Any) -> Any:
    if isinstance(schema, dict):
        return {key: _without_prose(value) for key, value in reversed(schema.items()) if key != "doc"}
    return [_without_prose(item) for item in schema] if isinstance(schema, list) else schema


async def test_a_schema_is_looked_up_whatever_its_prose_and_order(anybody: httpx.AsyncClient) -> None:
    for text in (SCHEMA, json.dumps(_without_prose(dict(CHUNK.definition)), indent=4)):
        answer = await anybody.post(f"/subjects/{SUBJECT}", json={"schema": text, "references": [], "metadata": None})
        assert answer.status_code == 200
        assert answer.json()["id"] == CHUNK.id


@pytest.mark.parametrize(
    ("subject", "body", "status", "error_code"),
    [
        ("nothing", {"schema": SCHEMA}, 404, 40401),
        (SUBJECT, {"schema": '"string"'}, 404, 40403),
        (SUBJECT, {"schema": SCHEMA, "schemaType": "JSON"}, 404, 40403),
        (SUBJECT, {"schema": "{"}, 422, 42201),
        (SUBJECT, {"schema": '{"type": "nonsense"}'}, 422, 42201),
        (SUBJECT, {"schema": "[" * 100_000}, 422, 42201),
        (SUBJECT, {"schema": 5}, 400, 42201),
        (SUBJECT, {}, 400, 42201),
        (SUBJECT, [], 400, 42201),
        (SUBJECT, {"schema": "x" * (1024 * 1024)}, 413, 413),
    ],
)
async def test_a_look_up_that_finds_nothing(
    subject: str, body: Any, status: int, error_code: int, anybody: httpx.AsyncClient
) -> None:
    answer = await anybody.post(f"/subjects/{subject}", json=body, headers={"content-type": MEDIA_TYPE})
    assert (answer.status_code, answer.json()["error_code"]) == (status, error_code)


async def test_answers_may_be_kept(anybody: httpx.AsyncClient) -> None:
    assert "immutable" in (await anybody.get(f"/schemas/ids/{CHUNK.id}")).headers["cache-control"]
    assert "max-age=60" in (await anybody.get("/subjects")).headers["cache-control"]
    assert (await anybody.get("/schemas/ids/99999")).headers["cache-control"] == "no-store"


async def test_an_address_has_a_rate(world: World, anybody: httpx.AsyncClient) -> None:
    world.limiter.allow(2)
    assert [(await anybody.get("/subjects")).status_code for _ in range(3)] == [200, 200, 429]
    assert int((await anybody.get("/subjects")).headers["retry-after"]) >= 1
    assert world.limiter.keys == {"address:127.0.0.1"}
