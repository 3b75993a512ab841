"""The OpenAI adapter against sockets that do anything: ends, silences, statuses, redirects, as public reports tell."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from email.utils import formatdate

import pytest

from inference_workers.engines import openai, persevering
from inference_workers.engines.openai import OpenAIEngine
from inference_workers.engines.persevering import MAX_REFUSALS, PerseveringEngine
from inference_workers.ports import (
    Engine,
    EngineError,
    EngineFailed,
    EngineOverloaded,
    EngineRejected,
    EngineTimeout,
    EngineUnavailable,
    Finish,
)
from infra.models.catalogue import Deadlines
from tests.conformance.adapters import OPENAI
from tests.conformance.engines import Answer, answer, call
from tests.fakes.raw_upstream import STREAM, RawUpstream, Script, answers, sends


def frame(delta: dict[str, object], reason: str | None = None) -> bytes:
    return b"data: " + json.dumps({"choices": [{"delta": delta, "finish_reason": reason}]}).encode() + b"\n\n"


HALF, STOP, DONE = frame({"content": "Half"}), frame({}, "stop"), b"data: [DONE]\n\n"
USAGE = b'data: {"choices":[],"usage":{"prompt_tokens":5,"completion_tokens":1}}\n\n'
THOUGHT = frame({"reasoning_content": "hm"})
PROGRESS = b'data: {"choices":[{"delta":{}}],"prompt_progress":{"total":9,"processed":3}}\n\n'


@contextlib.asynccontextmanager
async def engine_at(script: Script) -> AsyncIterator[tuple[OpenAIEngine, RawUpstream]]:
    async with contextlib.AsyncExitStack() as opened:
        upstream = await opened.enter_async_context(RawUpstream(script))
        engine = OpenAIEngine([replace(OPENAI, address=upstream.url)])
        opened.push_async_callback(engine.aclose)
        yield engine, upstream


async def asked(
    engine: Engine, upstream: RawUpstream, deadlines: Deadlines | None = None
) -> tuple[Answer, EngineError | None, float]:
    """What came, how it failed, and the seconds it took."""
    got, began = Answer(), time.monotonic()
    try:
        await answer(engine, call(replace(OPENAI, address=upstream.url), "hi", deadlines=deadlines), got)
    except EngineError as error:
        return got, error, time.monotonic() - began
    return got, None, time.monotonic() - began


CHUNKED = STREAM.replace(b"Connection: close", b"Transfer-Encoding: chunked")


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


@pytest.mark.parametrize("broken", [b"ZZ\r\nwhat is this\r\n", b"", b"5\r\nab", b"-1\r\n"])
@pytest.mark.parametrize("then", ["close", "cut"])
async def test_what_came_in_one_read_with_broken_framing_is_kept(broken: bytes, then: str) -> None:
    text, end = chunk(HALF), chunk(STOP) + chunk(USAGE)
    async with engine_at(sends(text + broken, then=then, head=CHUNKED, pause_s=0.05)) as (engine, upstream):
        got, error, _ = await asked(engine, upstream)
    assert (got.text, type(error)) == ("Half", EngineUnavailable)
    async with engine_at(sends(text, end + broken, then=then, head=CHUNKED, pause_s=0.05)) as (engine, upstream):
        got, error, _ = await asked(engine, upstream)
    assert (got.text, got.finish, error) == ("Half", Finish("stop", 5, 1), None)


@pytest.mark.parametrize("then", ["close", "cut", "open"])
@pytest.mark.parametrize(
    "last", [b"", b"garbage\n\ndata: {\n\n", b'data: {"error":{"code":500}}\n\n', b": note\n\n" * 9]
)
async def test_a_finish_reason_ends_the_answer_whatever_the_socket_does(then: str, last: bytes) -> None:
    async with engine_at(sends(HALF + STOP, USAGE + last, then=then, pause_s=0.05)) as (engine, upstream):
        got, error, took_s = await asked(engine, upstream)
    assert (got.text, got.finish, error) == ("Half", Finish("stop", 5, 1), None)
    assert took_s < 2


async def test_without_usage_the_grace_is_short_and_comments_do_not_prolong_it() -> None:
    async with engine_at(sends(HALF + STOP, *[b": note\n\n"] * 40, then="open", pause_s=0.1)) as (engine, upstream):
        got, error, took_s = await asked(engine, upstream)
    assert (got.text, got.finish, error) == ("Half", Finish("stop"), None)
    assert took_s < openai.FINISH_GRACE_S + 1


async def test_text_behind_a_finish_reason_is_kept() -> None:
    async with engine_at(sends(frame({"content": "a"}, "stop"), HALF, USAGE, DONE, pause_s=0.1)) as (engine, upstream):
        got, error, _ = await asked(engine, upstream)
    assert (got.text, got.finish, error) == ("aHalf", Finish("stop", 5, 1), None)


@pytest.mark.parametrize(
    ("script", "kind"),
    [
        (sends(HALF + b'data: {"error":{"code":502}}\n\n'), EngineFailed),
        (sends(HALF + b"event: error\ndata: {}\n\n" + DONE), EngineFailed),
        (sends(HALF + DONE), EngineFailed),
        (sends(HALF), EngineUnavailable),
        (sends(HALF.rstrip(), then="cut"), EngineUnavailable),
        (sends(HALF.rstrip(), then="open"), EngineTimeout),
        (sends(HALF + b"data: " + b"x" * 5_000_000), EngineFailed),
    ],
)
async def test_what_came_with_an_error_is_kept(script: Script, kind: type[EngineError]) -> None:
    async with engine_at(script) as (engine, upstream):
        got, error, _ = await asked(engine, upstream, Deadlines(0.5, 0.5, 5))
    assert (got.text, got.finish, type(error)) == ("Half", None, kind)
    assert error is not None
    assert error.accepted


@pytest.mark.parametrize(
    "sign", [b": waiting\n\n", PROGRESS, b"event: ping\ndata: ping\n\n", frame({"role": "assistant"})]
)
async def test_signs_of_life_extend_the_wait_for_the_first_token(sign: bytes) -> None:
    async with engine_at(sends(*[sign] * 8, HALF + STOP + DONE, pause_s=0.1)) as (engine, upstream):
        got, error, _ = await asked(engine, upstream, Deadlines(0.4, 5, 10))
    assert (got.text, error) == ("Half", None)


async def test_signs_of_life_extend_no_other_deadline() -> None:
    note = b": waiting\n\n"
    async with engine_at(sends(*[note] * 60, pause_s=0.1)) as (engine, upstream):
        _, error, took_s = await asked(engine, upstream, Deadlines(0.4, 5, 1))
        assert isinstance(error, EngineTimeout)
        assert (error.deadline, took_s < 2) == ("total", True)
    async with engine_at(sends(HALF, *[note] * 60, pause_s=0.1)) as (engine, upstream):
        got, error, took_s = await asked(engine, upstream, Deadlines(5, 0.4, 10))
        assert isinstance(error, EngineTimeout)
        assert (got.text, error.deadline, took_s < 2) == ("Half", "inter_token", True)
    async with engine_at(sends(*[b"x"] * 60, pause_s=0.1)) as (engine, upstream):
        _, error, took_s = await asked(engine, upstream, Deadlines(0.4, 5, 10))
        assert isinstance(error, EngineTimeout)
        assert (error.deadline, took_s < 2) == ("first_token", True)


@pytest.mark.parametrize("work", [THOUGHT, frame({"reasoning": "hm"}), frame({"tool_calls": [{"index": 0}]})])
async def test_any_token_is_life(work: bytes) -> None:
    async with engine_at(sends(*[work] * 8, HALF, *[work] * 8, STOP + DONE, pause_s=0.1)) as (engine, upstream):
        got, error, _ = await asked(engine, upstream, Deadlines(0.4, 0.4, 10))
    assert (got.text, error) == ("Half", None)
    assert sum(thought.tokens for thought in got.thoughts) == (0 if b"tool_calls" in work else 16)


TOO_LONG = "context_length_exceeded"
VLLM = "This model's maximum context length is 4096 tokens. However, you requested 4226 tokens (secret)."


@pytest.mark.parametrize(
    ("status", "body", "kind", "code"),
    [
        (400, {"error": {"message": "secret", "type": "invalid_request_error"}}, EngineRejected, "invalid_request"),
        (413, "<html>secret</html>", EngineRejected, "invalid_request"),
        (422, {"detail": [{"msg": "secret"}]}, EngineRejected, "invalid_request"),
        (400, {"object": "error", "message": VLLM, "type": "BadRequestError", "code": 400}, EngineRejected, TOO_LONG),
        (400, {"error": {"message": "secret", "code": "content_filter"}}, EngineRejected, "content_filter"),
        (400, {"error": {"message": "secret", "code": "model_not_found"}}, EngineRejected, "engine_misconfigured"),
        (401, {"error": {"message": "secret"}}, EngineRejected, "engine_auth"),
        (403, "", EngineRejected, "engine_auth"),
        (402, "", EngineRejected, "engine_misconfigured"),
        (404, {"detail": "Not Found"}, EngineRejected, "engine_misconfigured"),
        (405, "", EngineRejected, "engine_misconfigured"),
        (429, {"error": {"message": VLLM}}, EngineOverloaded, "engine_overloaded"),
        (529, "", EngineOverloaded, "engine_overloaded"),
        (408, "", EngineUnavailable, "engine_unavailable"),
        (500, {"error": {"message": "secret"}}, EngineUnavailable, "engine_unavailable"),
        (500, {"error": {"message": "Context size has been exceeded.", "code": 500}}, EngineRejected, TOO_LONG),
        (503, {"error": {"message": "Loading model", "code": 503}}, EngineUnavailable, "engine_unavailable"),
        (200, {"error": {"message": "secret", "code": 400}}, EngineRejected, "invalid_request"),
        (200, {"choices": [{"message": {"content": "secret"}}]}, EngineFailed, "engine_failed"),
    ],
)
async def test_statuses(status: int, body: object, kind: type[EngineError], code: str) -> None:
    data = body.encode() if isinstance(body, str) else json.dumps(body).encode()
    async with engine_at(answers(status, data, "Content-Type: application/json")) as (engine, upstream):
        _, error, _ = await asked(engine, upstream)
    assert error is not None
    assert (type(error), error.code) == (kind, code)
    assert "secret" not in error.message
    assert "4096" not in error.message
    assert error.accepted == (kind is EngineFailed)


@pytest.mark.parametrize(("status", "code"), [(400, TOO_LONG), (500, TOO_LONG), (200, TOO_LONG)])
async def test_the_body_of_an_error_need_not_end(status: int, code: str) -> None:
    said = json.dumps({"error": {"message": VLLM}}).encode()
    async with engine_at(answers(status, said, whole=False)) as (engine, upstream):
        _, error, took_s = await asked(engine, upstream)
    assert error is not None
    assert error.code == code
    assert took_s < openai.ERROR_BODY_WAIT_S + 2


@pytest.mark.parametrize(
    ("header", "least", "most"),
    [
        ("Retry-After: 7", 7, 7),
        ("Retry-After: 0.5", 0.5, 0.5),
        ("Retry-After: 999999999", 3600, 3600),
        ("Retry-After: -3", 0, 0),
        (f"Retry-After: {formatdate(time.time() + 3000, usegmt=True)}", 1000, 3000),
        ("Retry-After: Wed, 21 Oct 2015 07:28:00 GMT", 0, 0),
        *((f"Retry-After: {odd}", 1, 1) for odd in ("soon", "nan", "inf", "", "Wed, 99 Oct 2015 07:28:00 GMT")),
        ("X-Nothing: 1", 1, 1),
    ],
)
async def test_a_429_says_when_to_come_again(header: str, least: float, most: float) -> None:
    async with engine_at(answers(429, b"", header)) as (engine, upstream):
        _, error, _ = await asked(engine, upstream)
    assert isinstance(error, EngineOverloaded)
    assert error.retry_after_s is not None
    assert least <= error.retry_after_s <= most


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_redirects_are_not_followed(status: int) -> None:
    async with RawUpstream(sends(HALF + STOP + DONE)) as other:
        location = f"Location: {other.url}/chat/completions"
        async with engine_at(answers(status, b"", location)) as (engine, upstream):
            _, error, _ = await asked(engine, upstream)
            assert isinstance(error, EngineRejected)
            assert (error.code, error.accepted) == ("engine_misconfigured", False)
            assert OPENAI.id in error.message
            assert "127.0.0.1" not in error.message
            with pytest.raises(EngineRejected, match="redirects"):
                await engine.check()
            assert upstream.paths == ["/v1/chat/completions", "/v1/models"]
        assert other.paths == []


@pytest.mark.parametrize(
    ("script", "answered", "accepted"),
    [
        (sends(head=b""), True, True),
        (sends(head=b"nonsense\r\n\r\n"), True, True),
        (sends(head=b"HTTP/1.1 200 OK\r\nX: " + b"x" * 70_000 + b"\r\n\r\n"), True, True),
        (sends(), False, True),
        (answers(500), True, False),
    ],
)
async def test_what_was_reached_and_gave_no_answer(script: Script, answered: bool, accepted: bool) -> None:
    async with engine_at(script) as (engine, upstream):
        _, error, _ = await asked(engine, upstream)
    assert isinstance(error, EngineUnavailable)
    assert (error.answered, error.accepted) == (answered, accepted)


async def test_what_is_not_there_had_no_request() -> None:
    async with engine_at(sends()) as (engine, upstream):
        pass
    async with contextlib.aclosing(OpenAIEngine([OPENAI])) as engine:
        _, error, _ = await asked(engine, upstream)
    assert isinstance(error, EngineUnavailable)
    assert (error.answered, error.accepted) == (False, False)


@pytest.mark.parametrize(
    ("script", "calls"),
    [(answers(500), 1 + MAX_REFUSALS), (answers(503), 1 + MAX_REFUSALS), (sends(), 1 + persevering.MAX_OUTAGES)],
)
async def test_an_upstream_that_says_no_is_not_hammered(
    monkeypatch: pytest.MonkeyPatch, script: Script, calls: int
) -> None:
    monkeypatch.setattr(persevering, "REFUSAL_PAUSE_S", 0.01)
    async with engine_at(script) as (engine, upstream):
        _, error, _ = await asked(PerseveringEngine(engine), upstream)
        assert isinstance(error, EngineUnavailable)
        assert len(upstream.paths) == calls
