"""Event streams of upstreams: errors, ends, the standard, reasoning, counts, sizes."""

from __future__ import annotations

import asyncio
from typing import Any

from infra.clock import monotonic_s
from tests.eventually import eventually
from tests.fuzz.plans import DONE, Event, Plan, as_data
from tests.fuzz.reference import MAX_CHARACTERS
from tests.fuzz.upstream import spoken
from tests.trials.ground import HALF, STOP, Ground, counted, say, sent, told
from tests.trials.trial import Result, trial

PRICE_OF_HALF_MICROS = 5_000
"""Far more than "hi" and "Half" can cost, far less than a broken counter."""


async def failed_with(ground: Ground, plan: Plan, text: str) -> Result:
    """Right: failed on every surface, and stored so, with the text that came before."""
    whole, stream, conversation = seen = await ground.three(plan)
    stored = await ground.stored(conversation.generation_id) if conversation.generation_id else {}
    kept = (stored.get("status"), stored.get("content"))
    right = whole.answer.status >= 400 and whole.answer.status != 500 and whole.answer.error is not None
    right = right and stream.status == conversation.status == "failed"
    right = right and (stream.text, conversation.text) == (text, text) and kept == ("failed", text)
    return Result(f"{told(seen)}; stored {kept[0]} {kept[1]!r}", right)


async def completed_with(ground: Ground, plan: Plan, text: str, reason: str = "stop") -> Result:
    """Right: completed on every surface, and stored so, with this text."""
    seen = await ground.three(plan)
    stored = await ground.stored(seen[2].generation_id) if seen[2].generation_id else {}
    right = all((one.status, one.text, one.reason) == ("completed", text, reason) for one in seen)
    right = right and (stored.get("status"), stored.get("content")) == ("completed", text)
    return Result(f"{told(seen)}; stored {stored.get('status')}", right)


def _half(code: str) -> bytes:
    """A chunk with one half of a surrogate pair, escaped."""
    return say("@").replace(b"@", b"\\" + code.encode())


FAILING: tuple[tuple[str, str, tuple[bytes, ...]], ...] = (
    ("F3a", "event: error", (HALF, b'event: error\ndata: {"message":"boom"}\n\n', DONE)),
    ("F3b", '{"object":"error"}', (HALF, as_data({"object": "error", "message": "x", "code": 400}), DONE)),
    ("F3c", "finish_reason error", (HALF, say("", "error"), DONE)),
    ("F3d", "finish_reason abort", (HALF, say("", "abort"), DONE)),
    ("F3e", "finish_reason cancelled", (HALF, say("", "cancelled"), DONE)),
    ("F3f", "insufficient_system_resource", (HALF, say("", "insufficient_system_resource"), DONE)),
    ("F3g", "[DONE] without a finish reason", (HALF, DONE)),
    ("F3h", '{"detail": …}', (HALF, as_data({"detail": "Internal Server Error"}), DONE)),
    ("F3i", "error: {…} as llama.cpp writes it", (HALF, b'error: {"code":500,"message":"x"}\n\n', DONE)),
    ("2a", '{"error": …} in the stream', (HALF, as_data({"error": {"message": "x", "code": 500}}), DONE)),
    ("2b", "a body that just ends", (HALF,)),
    ("F9a", "text and error in one read", (HALF, as_data({"error": {"message": "x", "code": 502}}))),
    ("F9b", "text and garbage in one read", (HALF, b"data: {nonsense\n\n")),
    ("F9c", "text and a line of 5 MB in one read", (HALF, b"data: " + b"x" * 5_000_000 + b"\n\n")),
)
EMPTY: tuple[tuple[str, str, tuple[bytes, ...]], ...] = (
    ("F3j", "an error as first frame", (b'event: error\ndata: {"message":"boom"}\n\n', DONE)),
    ("F3k", "an empty answer that stops", (STOP, DONE)),
    ("F3l", "[DONE] and nothing else", (DONE,)),
)
RIGHT: tuple[tuple[str, str, tuple[bytes, ...], str], ...] = (
    ("F8a", "a BOM before the first event", (b"\xef\xbb\xbf", say("Hel"), say("lo"), STOP, DONE), "Hello"),
    ("F8b", "data: with nothing in it", (HALF, b"data:\n\n", HALF, STOP, DONE), "HalfHalf"),
    ("F8c", "the last event without a line end", (HALF, say(" end", "stop").rstrip()), "Half end"),
    ("F8d", "one JSON over two data: lines", (HALF.replace(b'"delta"', b'\ndata: "delta"'), STOP, DONE), "Half"),
    ("F8e", "bare CR as line end", ((HALF + STOP + DONE).replace(b"\n", b"\r"),), "Half"),
    ("F8f", "CRLF", ((HALF + STOP + DONE).replace(b"\n", b"\r\n"),), "Half"),
    ("F8g", "event: ping with data: ping", (HALF, b"event: ping\ndata: ping\n\n", HALF, STOP, DONE), "HalfHalf"),
    ("F8h", "data: null", (HALF, b"data: null\n\n", HALF, STOP, DONE), "HalfHalf"),
    (
        "11",
        "comments, id:, retry:, no space",
        (b": hi\n\nid: 7\nretry: 3\n\n", HALF.replace(b": ", b":", 1), STOP, DONE),
        "Half",
    ),
    (
        "7",
        "NUL, BEL, U+202E, U+2028, U+FFFE",
        (say("a\x00\x07\u202e\u2028\ufffeb"), STOP, DONE),
        "a\x00\x07\u202e\u2028\ufffeb",
    ),
    ("6a", "a surrogate pair in two chunks", (_half("ud83e"), _half("uddd8"), STOP, DONE), "🧘"),
    ("6b", "half a surrogate pair", (say("a"), _half("ud83e"), say("b"), STOP, DONE), "a\ufffdb"),
)


def _list() -> None:
    for number, what, frames in FAILING:
        _put_failing(number, what, frames, "Half")
    for number, what, frames in EMPTY:
        _put_failing(number, what, frames, "")
    for number, what, frames, text in RIGHT:
        _put_right(number, what, frames, text)


def _put_failing(number: str, what: str, frames: tuple[bytes, ...], text: str) -> None:
    @trial(number, what, f"failed, {text!r} kept")
    async def run(ground: Ground) -> Result:
        return await failed_with(ground, sent(*frames), text)


def _put_right(number: str, what: str, frames: tuple[bytes, ...], text: str) -> None:
    @trial(number, what, f"completed, {text!r}")
    async def run(ground: Ground) -> Result:
        return await completed_with(ground, sent(*frames), text)


_list()


@trial("F8i", "every cut of the bytes, one by one", "the same answer")
async def byte_by_byte(ground: Ground) -> Result:
    body = b"\xef\xbb\xbf" + say("zwölf 🧘") + b": c\r\n\r\n" + HALF.replace(b"\n", b"\r\n") + STOP + DONE
    plan = Plan(tuple(Event(body[at : at + 1], 0.001) for at in range(len(body))))
    return await completed_with(ground, plan, "zwölf 🧘Half")


@trial("F10a", "finish reason and usage, then an open socket", "completed with its usage, soon")
async def stays_open(ground: Ground) -> Result:
    began_s = monotonic_s()
    plan = sent(HALF, STOP, counted(9, 4), end="hold", together=False)
    result = await completed_with(ground, plan, "Half")
    seen, _ = await ground.play(plan, "chat_whole")
    usage = (seen.usage or {}).get("completion_tokens")
    taken_s = (monotonic_s() - began_s) / 2
    return Result(f"{result.seen}; {usage} tokens; {taken_s:.1f} s", result.right and usage == 4 and taken_s < 5)


@trial("F10b", "finish reason, then a reset", "completed")
async def resets(ground: Ground) -> Result:
    plan = Plan((Event(HALF), Event(STOP, 0.1), Event(b": so\n\n", 0.4)), end="reset")
    return await completed_with(ground, plan, "Half")


@trial("2c", "a reset in the middle of the text", "failed, 'Half' kept")
async def broken(ground: Ground) -> Result:
    return await failed_with(ground, Plan((Event(HALF), Event(b": so\n\n", 0.4)), end="reset"), "Half")


@trial("F4a", "reasoning for longer than the first-token deadline", "completed; reasoning counted", quick=False)
async def thinks(ground: Ground) -> Result:
    thought = as_data({"choices": [{"index": 0, "delta": {"reasoning_content": "hm"}}]})
    plan = Plan((*(Event(thought, 1.0) for _ in range(5)), Event(HALF, 1.0), Event(STOP + DONE)))
    seen = await ground.three(plan)
    stored = await ground.stored(seen[2].generation_id) if seen[2].generation_id else {}
    details = ((seen[0].usage or {}).get("completion_tokens_details") or {}).get("reasoning_tokens", 0)
    right = all((one.status, one.text) == ("completed", "Half") for one in seen) and details > 0
    return Result(f"{told(seen)}; stored {stored.get('status')}; {details} reasoning tokens", right)


@trial("F4b", "comments for longer than the first-token deadline", "completed", quick=False)
async def queues(ground: Ground) -> Result:
    plan = Plan((*(Event(b": queued\n\n", 1.0) for _ in range(5)), Event(HALF, 1.0), Event(STOP + DONE)))
    return await completed_with(ground, plan, "Half")


@trial("F4c", "reasoning alone, then stop", "no empty success")
async def thinks_only(ground: Ground) -> Result:
    thought = as_data({"choices": [{"index": 0, "delta": {"reasoning_content": "hm"}}]})
    return await failed_with(ground, sent(thought, STOP, DONE), "")


async def _bounded(ground: Ground, prompt: Any, completion: Any) -> Result:
    """Right: completed, own counts, marked, and the next turn is answered and stored as ever."""
    seen = await ground.three(sent(HALF, STOP, counted(prompt, completion), DONE))
    stored = await ground.stored(seen[2].generation_id) if seen[2].generation_id else {}
    usage, cost = stored.get("usage") or {}, stored.get("costMicros")
    after, _ = await ground.play(spoken("next"), "conversation")
    later = await ground.stored(after.generation_id) if after.generation_id else {}
    right = all((one.status, one.text) == ("completed", "Half") for one in seen)
    right = right and usage.get("estimated") is True and cost is not None and 0 <= cost < PRICE_OF_HALF_MICROS
    right = right and (later.get("status"), later.get("content")) == ("completed", "next")
    return Result(f"{told(seen)}; {usage} costs {cost}; next turn {later.get('status')}", right)


for _number, _prompt, _completion in (
    ("F1a", 9, 2**63 - 1),
    ("F1b", 2**62, 2**62),
    ("F1c", 9, 2**64),
    ("F12a", 3_000_000_000, 4),
    ("F12b", -1, 4),
    ("F12c", None, None),
):

    def _put_count(number: str, prompt: Any, completion: Any) -> None:
        @trial(number, f"usage {prompt}, {completion}", "own counts, marked; others notice nothing")
        async def run(ground: Ground) -> Result:
            return await _bounded(ground, prompt, completion)

    _put_count(_number, _prompt, _completion)


@trial("8", "usage 17, 4", "billed as it is, not marked")
async def counts(ground: Ground) -> Result:
    seen, _ = await ground.play(sent(HALF, STOP, counted(17, 4), DONE), "conversation")
    stored = await ground.stored(seen.generation_id)
    usage = stored["usage"]
    right = (usage["promptTokens"], usage["completionTokens"], usage.get("estimated", False)) == (17, 4, False)
    return Result(f"{usage}", right and stored["costMicros"] == 17 * 10 + 4 * 100)


@trial("F1d", "an answer of 10 MB", "ends length at a bound, stored; the next turn works", quick=False)
async def runs_away(ground: Ground) -> Result:
    plan = Plan((*(Event(say("lorem ipsum " * 43_690)) for _ in range(20)), Event(STOP + DONE)))
    seen = await ground.three(plan, "wide")
    stored = await ground.stored(seen[2].generation_id) if seen[2].generation_id else {}
    after, _ = await ground.play(spoken("next"), "conversation")
    later = await ground.stored(after.generation_id)
    size = len(stored.get("content") or "")
    right = all((one.status, one.reason) == ("completed", "length") and one.text == seen[0].text for one in seen)
    right = right and 0 < size <= MAX_CHARACTERS and stored["content"] == seen[2].text
    right = right and later["status"] == "completed"
    return Result(f"{told(seen)}; stored {stored.get('status')} {size}; next turn {later['status']}", right)


@trial("12", "5,000 chunks", "whole and stored", quick=False)
async def many_chunks(ground: Ground) -> Result:
    text = "".join(f"w{number} " for number in range(5000))
    plan = Plan((*(Event(say(f"w{number} ")) for number in range(5000)), Event(STOP + DONE)))
    return await completed_with(ground, plan, text)


@trial("9", "a client that leaves", "the upstream is left within 4 s", quick=False)
async def leaves(ground: Ground) -> Result:
    name = ground.put(Plan((Event(HALF), Event(HALF, 9.0)), end="hold"))
    body = {"model": "wide", "messages": [{"role": "user", "content": f"fuzz case {name}"}], "stream": True}
    left = asyncio.ensure_future(ground.chat(body))
    await eventually(lambda: ground.upstream.calls[name] == 1)
    await asyncio.sleep(0.3)
    left.cancel()
    await asyncio.gather(left, return_exceptions=True)
    gone_s = monotonic_s()

    def was_left() -> float:
        assert name in ground.upstream.left
        return monotonic_s() - gone_s

    taken_s = await eventually(was_left, 12)
    return Result(f"left after {taken_s:.1f} s", taken_s < 4.5)
