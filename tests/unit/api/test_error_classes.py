"""Every error of every route below /v1 is in OpenAI's shape, and of the right class in the official client."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable
from typing import Any

import openai
import pytest

from infra.cassandra.errors import StoreUnavailable
from schemas.generation import Failure
from tests.unit.api.memory_log import Attempt
from tests.unit.api.responses.told import events
from tests.unit.api.routes import all_routes
from tests.unit.api.sdk import sdk
from tests.unit.api.sse_text import events_of
from tests.unit.api.world import World

MODEL = "verbatim-local"
MESSAGES = [{"role": "user", "content": "hi"}]
REGISTRYS = {("GET", "/v1/metadata/id")}
ROUTES = sorted(
    (method, path)
    for method, path in all_routes(World().app)
    if path.startswith("/v1/") and (method, path) not in REGISTRYS
)
WITH_IDS = [(method, path) for method, path in ROUTES if "{" in path]
WITH_BODIES = [(method, path) for method, path in ROUTES if method == "POST" and not path.endswith("/cancel")]
MAY_BE_EMPTY = {"/v1/conversations"}
WRONG_REQUEST = ("invalid_request_error", "requests")
"""The types of errors that a client can do something about; the second is of too many."""
ASKS: dict[str, dict[str, Any]] = {
    "/v1/chat/completions": {"model": MODEL, "messages": MESSAGES},
    "/v1/completions": {"model": MODEL, "prompt": "hi"},
    "/v1/responses": {"model": MODEL, "input": "hi"},
}
"""The routes that answer a prompt, and the least that they take."""


@pytest.fixture
async def client(world: World) -> AsyncIterator[openai.AsyncOpenAI]:
    async with sdk(world) as client:
        yield client


async def refused(
    client: openai.AsyncOpenAI, method: str, path: str, kind: Any, body: Any = None
) -> openai.APIStatusError:
    """The error that a request comes to, checked to be of this class and in OpenAI's shape."""
    where = re.sub(r"\{[^}]*\}", "nope", path).removeprefix("/v1")
    options: Any = {"headers": {"Content-Type": "application/json"}}
    with pytest.raises(kind) as caught:
        match method:
            case "GET":
                await client.get(where, cast_to=object)
            case "DELETE":
                await client.delete(where, cast_to=object)
            case _ if isinstance(body, bytes):
                await client.post(where, cast_to=object, content=body, options=options)
            case _:
                await client.post(where, cast_to=object, body={} if body is None else body)
    told = caught.value.response.json()
    assert told.keys() == {"error"}
    assert told["error"].keys() == {"message", "type", "param", "code"}
    assert caught.value.response.headers["content-type"] == "application/json"
    assert caught.value.response.headers["x-request-id"]
    assert told["error"]["message"]
    assert told["error"]["type"] in (("server_error",) if caught.value.status_code >= 500 else WRONG_REQUEST)
    error: openai.APIStatusError = caught.value
    return error


@pytest.mark.parametrize(("method", "path"), ROUTES)
async def test_a_key_that_is_none(client: openai.AsyncOpenAI, method: str, path: str) -> None:
    stranger = client.with_options(api_key="vk_" + "x" * 43)
    error = await refused(stranger, method, path, openai.AuthenticationError)
    assert error.code == "invalid_api_key"


@pytest.mark.parametrize(("method", "path"), ROUTES)
async def test_too_many_requests(world: World, client: openai.AsyncOpenAI, method: str, path: str) -> None:
    world.limiter.allow(1)
    await client.models.list()
    error = await refused(client, method, path, openai.RateLimitError)
    assert int(error.response.headers["retry-after"]) >= 1


@pytest.mark.parametrize(("method", "path"), ROUTES)
@pytest.mark.parametrize("broken", [RuntimeError("a secret"), StoreUnavailable("a secret")])
async def test_what_breaks_here_is_our_own_fault(
    world: World,
    client: openai.AsyncOpenAI,
    monkeypatch: pytest.MonkeyPatch,
    broken: Exception,
    method: str,
    path: str,
) -> None:
    async def breaks(_key_id: str) -> None:
        raise broken

    monkeypatch.setattr(world.limiter, "admit", breaks)
    error = await refused(client, method, path, openai.InternalServerError)
    assert "secret" not in error.response.text
    assert error.status_code == (500 if isinstance(broken, RuntimeError) else 503)


@pytest.mark.parametrize(("method", "path"), WITH_IDS)
async def test_what_is_not_there(client: openai.AsyncOpenAI, method: str, path: str) -> None:
    items: dict[str, Any] = {"items": MESSAGES}
    body = items if path.endswith("/items") else {"metadata": {}}
    await refused(client, method, path, openai.NotFoundError, body)


@pytest.mark.parametrize(("method", "path"), WITH_BODIES)
@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'{"model": 1, "metadata": 1, "items": 1}', b"\xff"])
async def test_bodies_that_are_wrong(client: openai.AsyncOpenAI, method: str, path: str, body: bytes) -> None:
    if path in MAY_BE_EMPTY and not body:
        return
    # A body is looked at before what is stored, or after.
    kinds = (openai.BadRequestError, openai.NotFoundError) if "{" in path else (openai.BadRequestError,)
    await refused(client, method, path, kinds, body)


@pytest.mark.parametrize(("method", "path"), [(method, path) for method, path in ROUTES if method != "GET"])
async def test_what_another_site_sends_with_our_cookie(world: World, method: str, path: str) -> None:
    async with world.client(None) as visitor:
        page = {"X-Verbatim-CSRF": "1", "Sec-Fetch-Site": "same-origin"}
        await visitor.post("/api/v1/session", json={"key": world.add_key("alice", "a")}, headers=page)
        answer = await visitor.request(method, re.sub(r"\{[^}]*\}", "nope", path), json={})
    assert answer.status_code == 403  # PermissionDeniedError
    assert answer.json()["error"].keys() == {"message", "type", "param", "code"}
    assert answer.json()["error"]["code"] == "csrf"


@pytest.mark.parametrize("path", ASKS)
async def test_a_model_that_is_not_there(client: openai.AsyncOpenAI, path: str) -> None:
    error = await refused(client, "POST", path, openai.NotFoundError, ASKS[path] | {"model": "nope"})
    assert (error.code, error.param) == ("model_not_found", "model")


@pytest.mark.parametrize("path", ASKS)
async def test_no_model_at_all(client: openai.AsyncOpenAI, path: str) -> None:
    body = {name: value for name, value in ASKS[path].items() if name != "model"}
    error = await refused(client, "POST", path, openai.BadRequestError, body)
    assert (error.code, error.param) == ("missing_required_parameter", "model")


@pytest.mark.parametrize("path", ASKS)
async def test_a_key_that_came_with_another_body(client: openai.AsyncOpenAI, path: str) -> None:
    keyed = client.with_options(default_headers={"Idempotency-Key": "k"})
    await keyed.post(path.removeprefix("/v1"), cast_to=object, body=ASKS[path])
    error = await refused(keyed, "POST", path, openai.UnprocessableEntityError, ASKS[path] | {"temperature": 0.5})
    assert error.code == "idempotency_key_reused"


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/completions"])
async def test_an_answer_that_was_cancelled(world: World, client: openai.AsyncOpenAI, path: str) -> None:
    world.script = lambda attempt: attempt.start().chunk("a").ended_from_outside("cancelled")
    error = await refused(client, "POST", path, openai.ConflictError, ASKS[path])
    assert error.response.headers["x-should-retry"] == "false"


@pytest.mark.parametrize("path", ASKS)
@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("failure", "kind", "status"),
    [
        (Failure("context_length_exceeded", "m", False), openai.BadRequestError, 400),
        (Failure("invalid_request", "m", False), openai.BadRequestError, 400),
        (Failure("content_filter", "m", False), openai.BadRequestError, 400),
        (Failure("model_not_found", "m", False), openai.NotFoundError, 404),
        (Failure("rate_limit_exceeded", "m", True, 7), openai.RateLimitError, 429),
        # Of an upstream: its 429 keeps its wait; that it refuses our key is nothing of the user's.
        (Failure("engine_overloaded", "m", True, 7), openai.RateLimitError, 429),
        (Failure("engine_overloaded", "m", True), openai.InternalServerError, 503),
        (Failure("engine_auth", "m", False), openai.InternalServerError, 502),
        (Failure("engine_misconfigured", "m", False), openai.InternalServerError, 502),
        (Failure("engine_unavailable", "m", True), openai.InternalServerError, 503),
        (Failure("engine_timeout", "m", True), openai.InternalServerError, 504),
        (Failure("internal_error", "m", False), openai.InternalServerError, 500),
    ],
)
async def test_a_failure_before_the_first_byte_is_a_status(
    world: World,
    client: openai.AsyncOpenAI,
    path: str,
    stream: bool,
    failure: Failure,
    kind: Any,
    status: int,
) -> None:
    world.script = lambda attempt: attempt.ended_from_outside("failed", failure)
    error = await refused(client, "POST", path, kind, ASKS[path] | {"stream": stream})
    assert (error.status_code, error.code) == (status, failure.code)
    assert error.response.headers["x-should-retry"] == ("true" if failure.retryable else "false")
    wait = error.response.headers.get("retry-after")
    assert wait == (str(failure.retry_after_s or 1) if status in (429, 503) else None)


def _fails_late(attempt: Attempt) -> None:
    attempt.start().chunk("a").chunk("b").end("failed", Failure("engine_unavailable", "gone", True))


def _is_cancelled(attempt: Attempt) -> None:
    attempt.start().chunk("a").ended_from_outside("cancelled")


def _is_cut(attempt: Attempt) -> None:
    attempt.start().chunk("a").end("length")


@pytest.mark.parametrize("path", ASKS)
@pytest.mark.parametrize("script", [_fails_late, _is_cancelled, _is_cut])
async def test_an_answer_that_was_cut_never_ends_well(
    world: World, path: str, script: Callable[[Attempt], None]
) -> None:
    world.script = script
    async with world.client(world.add_key("alice", "a")) as alice:
        answer = await alice.post(path, json=ASKS[path] | {"stream": True})
    assert answer.status_code == 200
    if path == "/v1/responses":
        told = events(answer.content)
        last = told[-1]
        assert last["type"] == ("response.failed" if script is _fails_late else "response.incomplete")
        assert [event["type"] for event in told].count(last["type"]) == 1
        statuses: dict[Callable[[Attempt], None], str] = {
            _fails_late: "failed",
            _is_cancelled: "cancelled",
            _is_cut: "incomplete",
        }
        assert last["response"]["status"] == statuses[script]
        return
    frames = [event.data for event in events_of(answer.content)]
    errors = [frame for frame in frames if '"error"' in frame]
    assert '"finish_reason":"stop"' not in answer.text
    if script is _is_cut:
        assert errors == []
        assert '"finish_reason":"length"' in answer.text
    else:
        assert errors == frames[-1:]
        assert "[DONE]" not in answer.text
