"""Upstreams that answer no, go away, or send elsewhere."""

from __future__ import annotations

from typing import Any

from infra.clock import monotonic_s
from tests.fuzz.plans import Event, Plan
from tests.fuzz.upstream import ELSEWHERE, spoken
from tests.trials.ground import Ground, refused, sent, told
from tests.trials.trial import Result, trial

_MOST = "This model's maximum context length is 4096 tokens."
_LLAMA = "the request exceeds the available context size, try increasing it"
_TGI = "Input validation error: `inputs` must have less than 4095 tokens. Given: 9000"


def _vllm(message: str) -> dict[str, Any]:
    return {"object": "error", "message": message, "type": "BadRequestError", "code": 400}


CONTEXT_WORDS: tuple[tuple[str, int, Any], ...] = (
    ("vLLM", 400, _vllm(f"{_MOST} However, you requested 9000 tokens")),
    ("vLLM, newer", 400, {"error": _vllm(f"{_MOST} However, your request has 9000 input tokens.")}),
    ("SGLang", 400, _vllm("The input (9000 tokens) is longer than the model's context length (4096 tokens).")),
    ("llama.cpp", 400, {"error": {"code": 400, "message": _LLAMA, "type": "exceed_context_size_error"}}),
    ("TGI", 422, {"error": _TGI, "error_type": "validation"}),
    ("Ollama", 400, {"error": {"message": "the input length exceeds the context length", "type": "api_error"}}),
    ("OpenAI", 400, {"error": {"message": "too long", "code": "context_length_exceeded"}}),
)
NO = {"error": {"message": "no", "type": "server_error"}}


def _put_words(number: int, whose: str, status: int, body: Any) -> None:
    @trial(f"F6{'abcdefg'[number]}", f"the context error of {whose}", "400 context_length_exceeded")
    async def run(ground: Ground) -> Result:
        seen = await ground.three(refused(status, body))
        right = all(one.code == "context_length_exceeded" for one in seen) and seen[0].answer.status == 400
        return Result(told(seen), right)


for _number, (_whose, _status, _body) in enumerate(CONTEXT_WORDS):
    _put_words(_number, _whose, _status, _body)


@trial("F6h", "429 with Retry-After: 7", "429, Retry-After: 7")
async def too_many(ground: Ground) -> Result:
    seen, _ = await ground.play(refused(429, NO, Retry_After="7"), "chat_whole")
    after = seen.answer.headers.get("retry-after")
    return Result(f"{seen.answer.status} {seen.code}, Retry-After: {after}", (seen.answer.status, after) == (429, "7"))


@trial("F6i", "429 with Retry-After: 1000000", "429, a bounded Retry-After")
async def far_too_many(ground: Ground) -> Result:
    seen, _ = await ground.play(refused(429, NO, Retry_After="1000000"), "chat_whole")
    after = seen.answer.headers.get("retry-after", "")
    right = seen.answer.status == 429 and after.isdigit() and 1 <= int(after) <= 86_400
    return Result(f"{seen.answer.status} {seen.code}, Retry-After: {after}", right)


def _put_status(number: str, status: int, due: tuple[int, ...]) -> None:
    @trial(number, f"{status} of the upstream", " or ".join(map(str, due)) + " with a code")
    async def run(ground: Ground) -> Result:
        seen, name = await ground.play(refused(status, {"error": {"message": "no"}}), "chat_whole")
        calls = ground.upstream.calls[name]
        right = seen.answer.status in due and seen.code not in (None, "None", "internal_error") and calls == 1
        return Result(f"{seen.answer.status} {seen.code}, {calls} calls", right)


for _name, _refusal, _due in (
    ("F6j", 400, (400,)),
    ("F6k", 422, (400,)),
    ("F6l", 413, (400,)),
    ("F6m", 404, (502, 503)),
    ("F6n", 401, (502, 503)),
    ("F6o", 405, (502, 503)),
):
    _put_status(_name, _refusal, _due)


def _put_again(number: str, what: str, plan: Plan) -> None:
    @trial(number, what, "a handful of calls, then a 5xx with a code", quick=False)
    async def run(ground: Ground) -> Result:
        began_s = monotonic_s()
        seen, name = await ground.play(plan, "chat_whole", "wide")
        calls = ground.upstream.calls[name]
        right = 1 <= calls <= 8 and seen.answer.status in (502, 503) and seen.answer.error is not None
        return Result(f"{calls} calls in {monotonic_s() - began_s:.1f} s, {seen.answer.status} {seen.code}", right)


_put_again("F7a", "always 500", refused(500, NO))
_put_again("F7b", "always 503", refused(503, NO))
_put_again("F7c", "an answer that ends before its first token", sent(b": hello\n\n"))


@trial("F7d", "nobody listens at the address", "waited for within the deadline, then 503")
async def nobody(ground: Ground) -> Result:
    began_s = monotonic_s()
    seen, _ = await ground.play(spoken("never"), "chat_whole", "dead")
    taken_s = monotonic_s() - began_s
    return Result(f"{seen.answer.status} {seen.code} after {taken_s:.1f} s", seen.answer.status == 503 and taken_s < 8)


def _put_redirect(number: str, status: int) -> None:
    @trial(number, f"{status} to another host", "not followed: 502, one call")
    async def run(ground: Ground) -> Result:
        before = ground.upstream.strays
        plan = Plan((Event(b""),), status=status, headers=(("Location", ELSEWHERE),), framing="length")
        seen, name = await ground.play(plan, "chat_whole")
        followed, calls = ground.upstream.strays - before, ground.upstream.calls[name]
        right = followed == 0 and calls == 1 and seen.answer.status in (502, 503)
        return Result(f"{seen.answer.status} {seen.code}, {calls} calls, followed {followed} times", right)


for _name, _refusal in (("F7e", 307), ("F7f", 302)):
    _put_redirect(_name, _refusal)


@trial("5", "one request", "one call")
async def once(ground: Ground) -> Result:
    seen, name = await ground.play(spoken("once"), "chat_whole")
    calls = ground.upstream.calls[name]
    return Result(f"{calls} calls, {seen.text!r}", calls == 1 and seen.text == "once")


@trial("32", "HTML, an empty body, no event stream", "failed with a code, never a success")
async def other_types(ground: Ground) -> Result:
    html = Plan((Event(b"<html>"),), headers=(("Content-Type", "text/html"),))
    seen = [*await ground.three(html), *await ground.three(sent(b""))]
    right = all(one.status == "failed" and one.answer.status != 500 for one in seen)
    return Result(told(seen), right)
