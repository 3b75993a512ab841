"""Strategies of requests: right ones of every route that takes a body, and what is done to them on each level."""

from __future__ import annotations

import base64
import copy
import json
from dataclasses import asdict, dataclass
from typing import Any

from hypothesis import strategies as st

from tests.fuzz.body_changes import HEADER_CHANGES, Expect, change_shape, changed_bytes, grown
from tests.fuzz.framings import BROKEN_FRAMINGS, CUT_FRAMINGS, FRAMINGS, RIGHT_FRAMINGS, UNCLEAR_FRAMINGS

MODEL = "fuzz"
EMBEDDING_MODEL = "verbatim-embedding"


@dataclass(frozen=True, slots=True)
class BodyCase:
    """One request. `path` and `body` hold places ({conversation}, {answer} …) that the run fills in.

    `framing` says how the body is sent; `may_be_cut`: the client leaves before all was sent, so no answer is right too.
    `grow`: so many bytes are put where `@GROW@` stands.
    """

    method: str
    path: str
    headers: tuple[tuple[str, str], ...]
    body: bytes
    framing: str
    expect: Expect
    may_be_cut: bool = False
    notes: tuple[str, ...] = ()
    grow: tuple[str, int] | None = None

    def writes(self, places: dict[str, str], key: str) -> list[bytes]:
        """The request as pieces to write."""
        path, body = self.path, self.body
        for name, value in {**places, "key": key}.items():
            path = path.replace(f"{{{name}}}", value)
            body = body.replace(f"@{name}@".encode(), value.encode())
        if self.grow is not None:
            filler, size = self.grow
            body = body.replace(b"@GROW@", (filler * (size // len(filler) + 1)).encode()[:size], 1)
        lines = [f"{self.method} {path} HTTP/1.1", "Host: fuzz"]
        lines += [f"{name}: {value.replace('{key}', key)}" for name, value in self.headers]
        return FRAMINGS[self.framing](lines, body)

    @property
    def shuts(self) -> bool:
        """Whether the client says that no more follows: else a server may wait for the rest."""
        return self.may_be_cut


def body_to_json(case: BodyCase) -> dict[str, Any]:
    return {"request": asdict(case) | {"body": base64.b64encode(case.body).decode()}}


def body_from_json(stored: dict[str, Any]) -> BodyCase:
    """Raises KeyError and TypeError for what is no stored case."""
    fields: dict[str, Any] = dict(stored["request"])
    fields["headers"] = tuple((name, value) for name, value in fields["headers"])
    fields["body"], fields["notes"] = base64.b64decode(fields["body"]), tuple(fields["notes"])
    fields["grow"] = tuple(fields["grow"]) if fields["grow"] else None
    return BodyCase(**fields)


short = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=30).filter(str.strip)
words = st.one_of(st.sampled_from(("hi", "Hello there", "日本語", "🧘 breathe", "a\x00b", "x" * 300)), short)


@st.composite
def _chat(draw: st.DrawFn) -> tuple[str, str, dict[str, Any]]:
    messages: list[dict[str, Any]] = []
    for _ in range(draw(st.integers(1, 4))):
        role = draw(st.sampled_from(("system", "developer", "user", "assistant")))
        content: Any = draw(words)
        if draw(st.integers(0, 3)) == 0:
            content = [{"type": "text", "text": draw(words)} for _ in range(draw(st.integers(1, 3)))]
        messages.append({"role": role, "content": content} | ({"name": "Ada"} if draw(st.integers(0, 5)) == 0 else {}))
    body: dict[str, Any] = {"model": MODEL, "messages": messages}
    options: dict[str, Any] = {
        "stream": draw(st.booleans()),
        "max_tokens": draw(st.integers(1, 16_000)),
        "temperature": draw(st.floats(0, 2)),
        "top_p": draw(st.floats(0.01, 1)),
        "seed": draw(st.integers(-(2**63), 2**63 - 1)),
        "stop": draw(st.sampled_from(("zz", ["zz", "yy"], None))),
        "n": 1,
        "metadata": {"a": "b"},
        "user": "me",
        "frequency_penalty": draw(st.floats(-2, 2)),
        "response_format": {"type": "text"},
        "tools": [],
        "store": False,
        "reasoning_effort": "low",
    }
    for name in draw(st.lists(st.sampled_from(sorted(options)), unique=True, max_size=5)):
        body[name] = options[name]
    return "POST", "/v1/chat/completions", body


@st.composite
def _embeddings(draw: st.DrawFn) -> tuple[str, str, dict[str, Any]]:
    texts: Any = draw(st.one_of(words, st.lists(words, min_size=1, max_size=70)))
    options: dict[str, Any] = {
        "encoding_format": draw(st.sampled_from(("float", "base64"))),
        "dimensions": draw(st.integers(1, 256)),
        "user": "me",
    }
    names = draw(st.lists(st.sampled_from(sorted(options)), unique=True))
    body = {"model": EMBEDDING_MODEL, "input": texts, **{name: options[name] for name in names}}
    return "POST", "/v1/embeddings", body


@st.composite
def _conversation(draw: st.DrawFn) -> tuple[str, str, dict[str, Any]]:
    fields = {"title": draw(short), "model": MODEL, "system_prompt": draw(words)}
    names = draw(st.lists(st.sampled_from(sorted(fields)), unique=True))
    return "POST", "/api/v1/conversations", {name: fields[name] for name in names}


@st.composite
def _message(draw: st.DrawFn) -> tuple[str, str, dict[str, Any]]:
    body: dict[str, Any] = {
        "content": draw(words),
        draw(st.sampled_from(("parent_message_id", "parentMessageId"))): "root",
        "model": MODEL,
    }
    return "POST", "/api/v1/conversations/{conversation}/messages", body


@st.composite
def _small(draw: st.DrawFn) -> tuple[str, str, dict[str, Any]]:
    conversation = "/api/v1/conversations/{conversation}"
    feedback = {"rating": "up", "comment": draw(words)}
    right: tuple[tuple[str, str, dict[str, Any]], ...] = (
        ("PATCH", conversation, {"title": draw(short)}),
        ("POST", f"{conversation}/messages/{{answer}}/regenerate", {"model": MODEL}),
        ("POST", f"{conversation}/messages/{{answer}}/feedback", feedback),
        ("POST", "/api/v1/generations/{answer}/cancel", {"seen": draw(st.integers(-1, 10))}),
        ("POST", "/api/v1/keys", {"label": "fuzzed"}),
        ("POST", "/api/v1/session", {"key": "@key@"}),
    )
    drawn: tuple[str, str, dict[str, Any]] = draw(st.sampled_from(right))
    return drawn


@st.composite
def bodies(draw: st.DrawFn) -> BodyCase:
    """Any request. About every fourth is right as it is."""
    method, path, value = draw(st.one_of(_chat(), _chat(), _embeddings(), _conversation(), _message(), _small()))
    value = copy.deepcopy(value)
    headers = {"Content-Type": "application/json", "Authorization": "Bearer {key}", "Connection": "close"}
    if path == "/api/v1/session":
        headers["X-Verbatim-CSRF"] = "1"
        del headers["Authorization"]
    how = draw(
        st.sampled_from(
            ("right", "right", "shape", "shape", "shape", "bytes", "bytes", "framing", "header", "size", "route")
        )
    )
    body, notes, framing = b"", [how], draw(st.sampled_from(RIGHT_FRAMINGS))
    expect: Expect = "ok" if how == "right" else "any"
    grow: tuple[str, int] | None = None
    if how == "shape":
        for _ in range(draw(st.integers(1, 3))):
            change_shape(draw, value)
    body = json.dumps(value, ensure_ascii=draw(st.booleans())).encode("utf-8", "surrogatepass")
    if how == "bytes":
        note, body, expect = draw(changed_bytes(body))
        notes.append(note)
    elif how == "framing":
        framing = draw(st.sampled_from(BROKEN_FRAMINGS * 2 + UNCLEAR_FRAMINGS * 2 + CUT_FRAMINGS))
        expect = "refused" if framing in BROKEN_FRAMINGS else "any"
    elif how == "header":
        name, text, expect = draw(st.sampled_from(HEADER_CHANGES))
        headers[name] = text
        notes.append(name)
    elif how == "size":
        body, grow, expect, note = draw(grown(path, value))
        notes.append(note)
        framing = draw(st.sampled_from(("length", "length", "chunked")))
    elif how == "route":
        method = draw(
            st.sampled_from(("POST", "PATCH", "PUT", "DELETE", "GET", "OPTIONS", "HEAD", "post", "TRACE", "BREW"))
        )
        path = draw(
            st.sampled_from(
                (
                    path,
                    path + "/",
                    path.replace("/", "//"),
                    path + "?limit=x&after=%00",
                    path + "/%ff%fe",
                    path + "?" + "q" * 3000,
                )
            )
        )
        # A conversation of its own: such a request may well be a deletion.
        path = path.replace("{conversation}", draw(st.sampled_from(("{other}", "none", "%00", "0" * 300))))
    whole = tuple(headers.items())
    return BodyCase(method, path, whole, body, framing, expect, framing in CUT_FRAMINGS, tuple(notes), grow)
