"""The client's half of a case: ask for the answer of a plan in one of three ways, and say what was seen of it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from tests.fuzz.plans import Ask
from tests.fuzz.wire import Answer, exchange, request

ANSWER_TIMEOUT_S = 60.0
"""Longer than a model may take in all; who waits longer waits for ever."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What a client saw of one answer. `status`: how it was told to end; None: it was not told.

    `text` is what it was given; `generation_id` "": not told (a refusal names none).
    """

    answer: Answer
    generation_id: str = ""
    text: str = ""
    status: str | None = None
    reason: str | None = None
    code: str | None = None
    usage: dict[str, Any] | None = None
    problems: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Door:
    """Where and as whom to ask."""

    port: int
    key: str

    def headers(self, extra: Mapping[str, str] | None = None) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.key}", "Content-Type": "application/json"} | dict(extra or {})

    async def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        extra: Mapping[str, str] | None = None,
        *,
        timeout_s: float = 30.0,
        on_data: Callable[[], None] | None = None,
    ) -> Answer:
        """One right request with a JSON body (None: without one) and these headers beside the usual ones."""
        data = None if body is None else json.dumps(body).encode()
        sent = request(method, path, self.headers(extra), data)
        return await exchange(self.port, [sent], timeout_s=timeout_s, on_data=on_data)

    async def new_conversation(self, **fields: Any) -> str:
        answer = await self.call("POST", "/api/v1/conversations", fields)
        assert answer.status == 201, (answer.status, answer.body[:300], answer.problem)
        return str(answer.json()["id"])


async def ask(
    door: Door,
    how: Ask,
    prompt: str,
    model: str,
    *,
    conversation: str = "",
    max_tokens: int | None = None,
    timeout_s: float = ANSWER_TIMEOUT_S,
) -> Seen:
    """Send one prompt and read its answer to the end."""
    if how == "conversation":
        path = f"/api/v1/conversations/{conversation}/messages"
        body: dict[str, Any] = {"content": prompt, "model": model, "parent_message_id": "root"}
        return seen_in_conversation(await door.call("POST", path, body, timeout_s=timeout_s))
    body = {"model": model, "messages": [{"role": "user", "content": prompt}]}
    if max_tokens is not None:
        body["max_tokens"] = max_tokens
    if how == "chat_stream":
        body |= {"stream": True, "stream_options": {"include_usage": True}}
        return seen_in_stream(await door.call("POST", "/v1/chat/completions", body, timeout_s=timeout_s))
    return seen_whole(await door.call("POST", "/v1/chat/completions", body, timeout_s=timeout_s))


def seen_whole(answer: Answer) -> Seen:
    """Of a completion that was not streamed."""
    if answer.status != 200 or answer.problem:
        return _refused(answer)
    told = answer.json()
    choice = told["choices"][0]
    text = choice["message"]["content"] or ""
    return Seen(answer, _generation(told["id"]), text, "completed", choice["finish_reason"], None, told["usage"])


def seen_in_stream(answer: Answer) -> Seen:
    """Of a streamed completion."""
    if answer.status != 200 or answer.problem:
        return _refused(answer)
    generation, text, status, reason, code, usage = "", "", None, None, None, None
    problems: list[str] = []
    blocks = _blocks(answer)
    for block in blocks:
        data = block.removeprefix("data: ")
        if data == "[DONE]":
            continue
        chunk = json.loads(data)
        if "error" in chunk:
            status, code = "failed", chunk["error"]["code"]
            continue
        generation = generation or _generation(chunk["id"])
        usage = chunk.get("usage") or usage
        for choice in chunk["choices"]:
            text += choice["delta"].get("content") or ""
            if choice["finish_reason"]:
                status, reason = "completed", choice["finish_reason"]
    if status == "completed" and (not blocks or blocks[-1] != "data: [DONE]"):
        problems.append("a completed stream does not end with [DONE]")
    if status is None:
        problems.append("the stream ended without an end")
    return Seen(answer, generation, text, status, reason, code, usage, tuple(problems))


def seen_in_conversation(answer: Answer) -> Seen:
    """Of an answer in the frames of /api/v1."""
    if answer.status != 200 or answer.problem:
        return _refused(answer)
    generation, text, status, reason, code, usage = "", "", None, None, None, None
    problems: list[str] = []
    for number, block in enumerate(_blocks(answer)):
        fields = dict(line.split(": ", 1) for line in block.split("\n"))
        data = json.loads(fields["data"])
        if int(fields["id"]) != number:
            problems.append(f"frame {number} has the id {fields['id']}")
        match fields["event"]:
            case "message_start":
                generation = data["messageId"]
            case "content_chunk":
                text += data["delta"]
            case "message_end":
                reason, usage = data["finishReason"], data["usage"]
                status = "cancelled" if reason == "cancelled" else "completed"
            case "error":
                status, code = "failed", data["code"]
    if status is None:
        problems.append("the stream ended without an end")
    return Seen(answer, generation, text, status, reason, code, usage, tuple(problems))


def _refused(answer: Answer) -> Seen:
    problems = [answer.problem] if answer.problem else []
    return Seen(answer, status="failed" if answer.status >= 400 else None, code=answer.code, problems=tuple(problems))


def _blocks(answer: Answer) -> list[str]:
    blocks = answer.body.decode().split("\n\n")
    return [
        "\n".join(line for line in block.split("\n") if not line.startswith(":"))
        for block in blocks
        if block.strip(":\n ")
    ]


def _generation(completion_id: str) -> str:
    return str(UUID(completion_id.removeprefix("chatcmpl-")))
