"""What clients send: sizes, shapes, keys, framing, histories, titles."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from tests.fuzz.upstream import spoken
from tests.fuzz.world import children
from tests.trials.ground import Ground, counted, say, sent
from tests.trials.trial import Result, trial

FAMILY = "👩‍👩‍👧‍👦"
BESIDE_S = 1.0
"""How long a /health beside a large body may take on a busy machine; the faults took 1.5 to 10 s."""
USER = [{"role": "user", "content": "hi"}]


def _large(messages: str, extra: str = "") -> bytes:
    return f'{{"model":"fuzz","messages":{messages}{extra}}}'.encode()


_HI = '[{"role":"user","content":"hi"}]'


def _prompt(text: str) -> bytes:
    """To the shipped model, whose tokens are counted."""
    return json.dumps({"model": "verbatim-local", "messages": [{"role": "user", "content": text}]}).encode()


_PART = '{"type":"text","text":""}'
_PARTS = '[{"role":"user","content":[' + ",".join([_PART] * 155_000) + "]}]"
_NAMES = ',"metadata":{' + ",".join(f'"{n}":""' for n in range(300_000)) + "}"
_NOTES = '[{"role":"assistant","content":"a","annotations":[' + ",".join(["1"] * 2_000_000) + "]}]"
LARGE: tuple[tuple[str, str, bytes], ...] = (
    ("F2a", "3 MB of digits", _prompt("9" * 3_000_000)),
    ("F2b", "4.19 MB of prose", _prompt("lorem ipsum " * 349_000)),
    ("F2c", "300,000 words", _prompt("word " * 300_000)),
    ("F5a", "155,000 text parts", _large(_PARTS)),
    ("F5b", "300,000 metadata names", _large(_HI, _NAMES)),
    ("F5c", "1.3 M tools", _large(_HI, ',"tools":[' + ",".join(["{}"] * 1_300_000) + "]")),
    ("F5d", "1.3 M messages", _large("[" + ",".join(["{}"] * 1_300_000) + "]")),
    ("F5e", "2 M numbers in annotations", _large(_NOTES)),
)


def _put_large(number: str, what: str, body: bytes) -> None:
    @trial(number, f"{what} in one body", f"a 400; /health beside it within {BESIDE_S:g} s; no restart", quick=False)
    async def run(ground: Ground) -> Result:
        before = await asyncio.to_thread(children, ground.stack)
        answer, taken_s, beside_s = await ground.beside(body)
        await asyncio.sleep(0.5)
        same = before == await asyncio.to_thread(children, ground.stack)
        right = answer.status == 400 and answer.error is not None and beside_s < BESIDE_S and same
        seen = f"{answer.status} {answer.code} {answer.problem} in {taken_s:.1f} s, /health {beside_s:.2f} s"
        return Result(seen + ("" if same else ", restarted"), right)


for _entry in LARGE:
    _put_large(*_entry)


_DUMPED: dict[str, Any] = {"refusal": None, "annotations": [], "audio": None, "function_call": None, "tool_calls": None}
HISTORIES: tuple[tuple[str, str, Any], ...] = (
    ("F13a", "content null and a refusal", {"role": "assistant", "content": None, "refusal": "No."}),
    ("F13b", "tool_calls: []", {"role": "assistant", "content": "a", "tool_calls": []}),
    ("F13c", "a refusal part", {"role": "assistant", "content": [{"type": "refusal", "refusal": "No."}]}),
    ("F13d", "a message as the SDK dumps it", {"role": "assistant", "content": "a"} | _DUMPED),
)


def _put_history(number: str, what: str, message: Any) -> None:
    @trial(number, f"a history with {what}", "200")
    async def run(ground: Ground) -> Result:
        answer = await ground.chat({"model": "fuzz", "messages": [*USER, message, *USER]})
        return Result(f"{answer.status} {(answer.error or {}).get('message', '')}"[:80], answer.status == 200)


for _history in HISTORIES:
    _put_history(*_history)


@trial("F13e", "two text parts", "they reach the upstream apart")
async def parts(ground: Ground) -> Result:
    name = ground.put(spoken("ok"))
    content = [{"type": "text", "text": "Be"}, {"type": "text", "text": f"brief fuzz case {name}"}]
    answer = await ground.chat({"model": "fuzz", "messages": [{"role": "user", "content": content}]})
    arrived = ground.upstream.bodies.get(name, {}).get("messages", [{}])[-1].get("content")
    return Result(
        f"{answer.status} {arrived!r}", answer.status == 200 and arrived in (content, f"Be\nbrief fuzz case {name}")
    )


@trial("F14", "deleted, renamed, new: listed at once", "as it was just written, 6 times of 6")
async def lists(ground: Ground) -> Result:
    wrong: list[str] = []

    async def listed() -> dict[str, Any]:
        return {
            row["id"]: row["title"]
            for row in (await ground.door.call("GET", "/api/v1/conversations?limit=50")).json()["data"]
        }

    for number in range(6):
        name = await ground.door.new_conversation(title=f"first {number}")
        await ground.play(spoken("x"), "chat_whole")
        if name not in await listed():
            wrong.append("new")
        await ground.door.call("PATCH", f"/api/v1/conversations/{name}", {"title": f"second {number}"})
        if (await listed()).get(name) != f"second {number}":
            wrong.append("renamed")
        await ground.door.call("DELETE", f"/api/v1/conversations/{name}")
        if name in await listed():
            wrong.append("deleted")
    return Result(f"wrong: {sorted(wrong)}", not wrong)


def _put_framing(
    number: str, what: str, head: tuple[str, ...], body: bytes, first: str = "POST /v1/chat/completions HTTP/1.1"
) -> None:
    @trial(number, what, "an answer in OpenAI's shape")
    async def run(ground: Ground) -> Result:
        lines = [first, "Host: x", f"Authorization: Bearer {ground.door.key}", "Content-Type: application/json", *head]
        answer = await ground.raw(("\r\n".join(lines) + "\r\n\r\n").encode() + body)
        return Result(
            f"{answer.status} {answer.code} {answer.problem}", 400 <= answer.status < 500 and answer.error is not None
        )


_put_framing("F15a", "a chunk of the size ZZ", ("Transfer-Encoding: chunked",), b"ZZ\r\n{}\r\n0\r\n\r\n")
_put_framing("F15b", "a chunk longer than it says", ("Transfer-Encoding: chunked",), b'3\r\n{"a": 1}\r\n0\r\n\r\n')
_put_framing(
    "F15c", "GET with Transfer-Encoding: gzip", ("Transfer-Encoding: gzip",), b"", "GET /api/v1/models HTTP/1.1"
)


@trial("F17a", "a title cut inside an emoji family", "cut at a cluster")
async def family(ground: Ground) -> Result:
    name = await ground.door.new_conversation()
    prompt = "x" * 117 + FAMILY + "y" * 50
    await ground.door.call("POST", f"/api/v1/conversations/{name}/messages", {"content": prompt, "model": "fuzz"})
    row = (await ground.door.call("GET", f"/api/v1/conversations/{name}")).json()
    title = str(row["title"] or "")
    end = title[117:].rstrip("…")
    inside = FAMILY.startswith(end) and end not in ("", FAMILY)
    return Result(f"…{title[114:]!r}", title.startswith("x" * 100) and not inside)


@trial("F17b", "titles of white space", "none for a new conversation, 400 for a name")
async def blank(ground: Ground) -> Result:
    name = await ground.door.new_conversation()
    new = await ground.door.call("POST", "/api/v1/conversations", {"title": "   "})
    answers = [
        await ground.door.call("PATCH", f"/api/v1/conversations/{name}", {"title": title})
        for title in ("   ", "\n", "\u2003")
    ]
    told = [answer.status for answer in answers]
    title = new.json().get("title")
    return Result(f"{new.status} {title}, {told}", (new.status, title, told) == (201, None, [400] * 3))


@trial("16", "usage asked for in a stream", "told once, as it is")
async def usage_in_stream(ground: Ground) -> Result:
    seen, _ = await ground.play(sent(say("a"), say("", "stop"), counted(17, 4)), "chat_stream")
    return Result(f"{seen.usage}", (seen.usage or {}).get("total_tokens") == 21)
