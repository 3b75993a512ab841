"""What an ideal user keeps in mind: a conversation's position, a prompt and its key, how far a reader has come."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

from tests.faults.evidence import Intent, expected_text, question, schema_of

POSITION = "X-Verbatim-Position"
MODEL = "verbatim-local"
JSON_MODEL = "verbatim-scripted"
THOUGHT = "[[think First one, then the next, and so on to the last.]]"
TOOLS = [{"type": "function", "function": {"name": "mark"}}]


@dataclass
class Talk:
    """A conversation as its user knows it. `written`: tokens of writes not yet covered by an ended answer."""

    conversation_id: str
    written: list[str] = field(default_factory=list)
    last_answer: str | None = None

    def answered(self, generation_id: str) -> None:
        """An answer was read to its end."""
        self.last_answer = generation_id
        self.written.clear()

    def position(self) -> dict[str, str]:
        parts = [*self.written[-8:], *([f"generation/{self.last_answer}"] if self.last_answer else [])]
        return {POSITION: ",".join(parts)} if parts else {}


@dataclass(frozen=True, slots=True)
class Prompt:
    """A prompt under its key. `parent`: the answer it follows, said outright; None: left to the API. `held`: its answer
    is held to a JSON schema, if it is a stateless one. `thinks`: the model thinks before it answers, and of a stateless
    one calls a tool behind it."""

    key: str
    tag: str
    count: int
    parent: str | None = None
    held: bool = False
    thinks: bool = False

    @property
    def completion(self) -> dict[str, Any]:
        """The body of a stateless call."""
        if self.thinks:
            said = f"{THOUGHT} [[quote {expected_text(self.tag, self.count)}]] [[call mark {{}}]]"
            messages = [{"role": "user", "content": said}]
            return {"model": JSON_MODEL, "messages": messages, "stream": True, "tools": TOOLS}
        messages = [{"role": "user", "content": question(self.tag, self.count)}]
        body: dict[str, Any] = {"model": MODEL, "messages": messages, "stream": True}
        if not self.held:
            return body
        schema = {"name": "marks", "strict": True, "schema": schema_of(self.tag, self.count)}
        return body | {"model": JSON_MODEL, "response_format": {"type": "json_schema", "json_schema": schema}}

    @property
    def response(self) -> dict[str, Any]:
        """The body of a response in the background."""
        model, asked = MODEL, question(self.tag, self.count)
        if self.thinks:
            model, asked = JSON_MODEL, f"{THOUGHT} {asked}"
        return {"model": model, "input": asked, "background": True}

    @property
    def body(self) -> dict[str, Any]:
        body: dict[str, Any] = {"content": question(self.tag, self.count), "model": MODEL}
        if self.thinks:
            body = {"content": f"{THOUGHT} {question(self.tag, self.count)}", "model": JSON_MODEL}
        return body if self.parent is None else {**body, "parent_message_id": self.parent}

    def intent(self, conversation_id: str) -> Intent:
        return Intent(self.key, conversation_id, self.tag, self.count, digest(self.body))


@dataclass
class Reader:
    """One reader of one generation. `leave_after`: the frames after which it drops its connection, ascending."""

    name: str
    generation_id: str = ""
    after: int = -1
    ended: bool = False
    leave_after: list[int] = field(default_factory=list)
    on_frame: Callable[[int], None] | None = None


def digest(body: dict[str, Any]) -> str:
    """Which body it was: hex SHA-256 of its canonical JSON."""
    return sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()
