"""Keys: the same Idempotency-Key again, with another body, after a while; and API keys that do not exist."""

from __future__ import annotations

import asyncio
from typing import Any

from infra.clock import monotonic_s
from infra.ids import draw_id
from tests.fuzz.plans import Event, Plan
from tests.fuzz.upstream import spoken
from tests.fuzz.wire import Answer, request
from tests.trials.ground import HALF, STOP, Ground, say
from tests.trials.trial import Result, trial


def keyed(key: str) -> dict[str, str]:
    return {"Idempotency-Key": key}


@trial("F11a", "8 new conversations, one key, two system prompts", "one body is 201, the other 422; told is stored")
async def conversations_of_a_key(ground: Ground) -> Result:
    key = draw_id()

    async def post(number: int) -> tuple[int, Answer]:
        body = {"system_prompt": f"S{number % 2}"}
        return number % 2, await ground.door.call("POST", "/api/v1/conversations", body, extra=keyed(key))

    answers = await asyncio.gather(*(post(number) for number in range(8)))
    made = {answer.json()["systemPrompt"] for _, answer in answers if answer.status == 201}
    bodies = {number for number, answer in answers if answer.status == 201}
    refusals = {answer.status for number, answer in answers if number not in bodies}
    name = next(answer.json()["id"] for _, answer in answers if answer.status == 201)
    stored = (await ground.door.call("GET", f"/api/v1/conversations/{name}")).json()["systemPrompt"]
    right = len(bodies) == 1 and refusals == {422} and made == {stored}
    return Result(f"201 with {sorted(made)}, others {sorted(refusals)}, stored {stored}", right)


@trial("F11b", "8 new conversations, one key, eight titles", "one title is 201, the others 422")
async def titles_of_a_key(ground: Ground) -> Result:
    key = draw_id()
    answers = await asyncio.gather(
        *(ground.door.call("POST", "/api/v1/conversations", {"title": f"t{n}"}, extra=keyed(key)) for n in range(8))
    )
    made = {answer.json()["title"] for answer in answers if answer.status == 201}
    others = sorted(answer.status for answer in answers if answer.status != 201)
    return Result(f"201 with {sorted(made)}, others {others}", len(made) == 1 and others == [422] * 7)


def _put_reuse(number: str, what: str, method: str, path: str, first: Any, second: Any) -> None:
    @trial(number, f"{what}: the same key, another body", "422; the same body again is as the first time")
    async def run(ground: Ground) -> Result:
        seen, _ = await ground.play(spoken("rated"), "conversation")
        stored = await ground.stored(seen.generation_id)
        at = path.format(conversation=stored["conversationId"], answer=seen.generation_id)
        key = draw_id()
        one = await ground.door.call(method, at, first, extra=keyed(key))
        other = await ground.door.call(method, at, second, extra=keyed(key))
        again = await ground.door.call(method, at, first, extra=keyed(key))
        told = (one.status, other.status, again.status)
        return Result(f"{told} {other.code}", other.status == 422 and one.status == again.status < 300)


_put_reuse("F11c", "rename", "PATCH", "/api/v1/conversations/{conversation}", {"title": "one"}, {"title": "two"})
_put_reuse(
    "F11d",
    "feedback",
    "POST",
    "/api/v1/conversations/{conversation}/messages/{answer}/feedback",
    {"rating": "up"},
    {"rating": "down"},
)


@trial("30", "20 parallel sends of one key", "one turn, one upstream call")
async def sends_of_a_key(ground: Ground) -> Result:
    name, key = ground.put(spoken("one")), draw_id()
    body = {"model": "fuzz", "messages": [{"role": "user", "content": f"fuzz case {name}"}]}
    answers = await asyncio.gather(*(ground.chat(body, extra=keyed(key)) for _ in range(20)))
    ids = {answer.json()["id"] for answer in answers if answer.status == 200}
    other = await ground.chat(body | {"max_tokens": 7}, extra=keyed(key))
    calls = ground.upstream.calls[name]
    return Result(
        f"{len(ids)} turns, {calls} calls, other body {other.status}", len(ids) == calls == 1 and other.status == 422
    )


@trial("J2.3", "a keyed request whose client is away for 6 s", "the answer is there", quick=False)
async def comes_back(ground: Ground) -> Result:
    name, key = ground.put(Plan((Event(HALF), *(Event(say("x"), 1.0) for _ in range(8)), Event(STOP)))), draw_id()
    body = {"model": "wide", "messages": [{"role": "user", "content": f"fuzz case {name}"}]}
    first = asyncio.ensure_future(ground.chat(body, extra=keyed(key)))
    await asyncio.sleep(1.5)
    first.cancel()
    await asyncio.gather(first, return_exceptions=True)
    await asyncio.sleep(6)
    answer = await ground.chat(body, extra=keyed(key))
    calls = ground.upstream.calls[name]
    return Result(f"{answer.status} {answer.code}, {calls} calls", answer.status == 200 and calls == 1)


@trial("D1", "keys that do not exist, 60 from one address", "401, then 429; a good key is served")
async def guesses(ground: Ground) -> Result:
    async def guess(number: int) -> int:
        headers = {"Authorization": f"Bearer vk_{number:043d}", "X-Forwarded-For": "10.20.30.40"}
        return (await ground.raw(request("GET", "/api/v1/models", headers))).status

    statuses = [await guess(number) for number in range(60)]
    good = await ground.raw(request("GET", "/api/v1/models", ground.door.headers({"X-Forwarded-For": "10.20.30.40"})))
    began_s = monotonic_s()
    counts = {status: statuses.count(status) for status in sorted(set(statuses))}
    right = set(statuses) == {401, 429} and statuses.count(401) <= 40 and good.status == 200
    return Result(f"{counts}, good key {good.status} ({monotonic_s() - began_s:.2f} s)", right)
