"""The schemas for other tools: what a Confluent registry answers, to anybody, and nothing can be written."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from api.registry import checks
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
    ("GET", "/schemas", 200, None),
    ("GET", "/contexts", 200, None),
    ("GET", "/v1/metadata/id", 200, None),
    ("POST", "/compatibility/subjects/{subject}/versions", 200, None),
    ("POST", "/compatibility/subjects/{subject}/versions/{version}", 200, None),
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
    body: dict[str, Any] = {"json": {"schema": SCHEMA}} if method in ("POST", "PUT") else {}
    answer = await anybody.request(method, path, **body)
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
        (SUBJECT, {"schema": "[" * 60_000}, 422, 42201),
        (SUBJECT, {"schema": 5}, 400, 42201),
        (SUBJECT, {}, 400, 42201),
        (SUBJECT, [], 400, 42201),
        (SUBJECT, {"schema": "x" * (64 * 1024)}, 413, 413),
    ],
)
@pytest.mark.parametrize("path", ["/subjects/{}", "/compatibility/subjects/{}/versions/1"])
async def test_a_look_up_that_finds_nothing(
    path: str, subject: str, body: Any, status: int, error_code: int, anybody: httpx.AsyncClient
) -> None:
    answer = await anybody.post(path.format(subject), json=body, headers={"content-type": MEDIA_TYPE})
    if error_code == 40403 and path.startswith("/compatibility"):  # another schema is no error, but does not fit
        assert (answer.status_code, answer.json()) == (200, {"is_compatible": False})
    else:
        assert (answer.status_code, answer.json()["error_code"]) == (status, error_code)


def _with(**field: Any) -> str:
    """A chunk's newest schema with a field more."""
    definition = json.loads(SCHEMA)
    definition["fields"] = [*definition["fields"], {"name": "logprob", "type": "double", **field}]
    return json.dumps(definition)


async def test_whether_a_schema_would_fit_is_checked(anybody: httpx.AsyncClient) -> None:
    for path in (f"/compatibility/subjects/{SUBJECT}/versions", f"/compatibility/subjects/{SUBJECT}/versions/latest"):

        async def verdict(schema: str, path: str = path) -> Any:
            return (await anybody.post(f"{path}?normalize=False&verbose=True", json={"schema": schema})).json()

        assert await verdict(SCHEMA) == {"is_compatible": True, "messages": []}
        assert (await verdict(_with(default=0.5)))["is_compatible"] is True
        refused = await verdict(_with())
        assert refused["is_compatible"] is False
        assert "logprob" in " ".join(refused["messages"])
        assert (await verdict(SCHEMA.replace('"seq"', '"sequence"')))["is_compatible"] is False


async def test_checks_wait_for_each_other_and_not_for_ever(
    world: World, anybody: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checks, "WITHIN_S", 0.01)
    async with world.adapters.schema_checks.entered(1.0):
        answer = await anybody.post(f"/compatibility/subjects/{SUBJECT}/versions", json={"schema": SCHEMA})
    assert (answer.status_code, answer.json()["error_code"], answer.headers["retry-after"]) == (503, 503, "5")


async def test_every_version_is_listed(anybody: httpx.AsyncClient) -> None:
    listed = (await anybody.get("/schemas")).json()
    assert sorted(said["id"] for said in listed) == sorted(registered_schemas())
    assert (await anybody.get("/schemas", params={"subjectPrefix": ":*:"})).json() == listed
    latest = (await anybody.get("/schemas?latestOnly=true")).json()
    assert [said["subject"] for said in latest] == (await anybody.get("/subjects?subjectPrefix=:*:")).json()
    for said in latest:
        versions = [schema.version for schema in registered_schemas().values() if schema.subject == said["subject"]]
        assert said["version"] == max(versions)
    chunks = (await anybody.get("/schemas", params={"subjectPrefix": SUBJECT})).json()
    assert json.loads(chunks[-1]["schema"]) == dict(CHUNK.definition)
    assert (await anybody.get("/schemas?offset=1&limit=2")).json() == listed[1:3]
    assert (await anybody.get("/contexts")).json() == ["."]


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/schemas/guids/1", 404),
        ("GET", "/v1/metadata/version", 404),
        ("GET", "/compatibility/nothing", 404),
        ("GET", f"/compatibility/subjects/{SUBJECT}/versions/1", 405),
        ("PATCH", "/config", 405),
        ("GET", "/schemas?limit=x", 400),
    ],
)
async def test_what_this_registry_does_not_know_is_told_in_its_shape(
    method: str, path: str, status: int, anybody: httpx.AsyncClient
) -> None:
    answer = await anybody.request(method, path)
    assert (answer.status_code, answer.json()["error_code"]) == (status, status)
    assert answer.headers["content-type"] == MEDIA_TYPE


@pytest.mark.parametrize("path", ["/nothing", "/schemas2", "/v1/metadatas", "/v1/nothing"])
async def test_other_paths_keep_the_shape_of_others(path: str, anybody: httpx.AsyncClient) -> None:
    assert (await anybody.get(path)).json()["error"]["code"] == "unknown_url"


async def test_answers_may_be_kept(anybody: httpx.AsyncClient) -> None:
    assert "immutable" in (await anybody.get(f"/schemas/ids/{CHUNK.id}")).headers["cache-control"]
    assert "max-age=60" in (await anybody.get("/subjects")).headers["cache-control"]
    assert (await anybody.get("/schemas/ids/99999")).headers["cache-control"] == "no-store"


async def test_an_address_has_a_rate(world: World, anybody: httpx.AsyncClient) -> None:
    world.limiter.allow(2)
    assert [(await anybody.get("/subjects")).status_code for _ in range(3)] == [200, 200, 429]
    assert (await anybody.get("/contexts")).json()["error_code"] == 429
    assert int((await anybody.get("/subjects")).headers["retry-after"]) >= 1
    assert world.limiter.keys == {"address:127.0.0.1"}
