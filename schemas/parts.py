"""Parts: what answers and messages are made of, and the pure rules about them.

An answer is an ordered list of typed parts. A chunk belongs to one part; an answer that is nothing but text is part 0,
`text`, and its records say nothing of parts. The raw text of an answer is the concatenation of all its chunks;
`visible_text` is what people, searches and prompts get of it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Literal

from schemas.envelope import Content

PartKind = Literal["text", "reasoning", "refusal", "tool_call"]
"""Of an answer's parts."""
ContentKind = Literal["text", "image", "file", "reasoning", "refusal", "tool_call", "tool_result"]
"""Of a message's parts."""
VISIBLE: frozenset[str] = frozenset({"text", "refusal"})
"""The kinds whose text is shown, searched and put into contexts as text."""


@dataclass(frozen=True, slots=True)
class ChunkPart:
    """The part that a chunk belongs to: its `index` from 0 and its kind.

    The first chunk of a tool call has the call's id and the function's name, and no other chunk has.
    """

    index: int
    kind: PartKind
    call_id: str = ""
    name: str = ""


@dataclass(frozen=True, slots=True)
class AnswerPart:
    """A part of a whole answer: `length` in code points of the raw text, `chunks` that it consists of.

    The text of a tool call is its arguments, as the model wrote them.
    """

    kind: PartKind
    length: int
    chunks: int
    call_id: str = ""
    name: str = ""


@dataclass(frozen=True, slots=True)
class ContentPart:
    """A part of an input message.

    `text`: of text, reasoning and refusal the text, of a tool call its arguments, of a tool result the result. Images
    and files are named by `sha256`, `media_type` and `size_bytes`; their bytes are in the blob store. `detail`: how an
    image is to be looked at (low, high, auto).
    """

    kind: ContentKind
    text: Content | None = None
    call_id: str = ""
    name: str = ""
    sha256: str = ""
    media_type: str = ""
    size_bytes: int = 0
    detail: str = ""


@dataclass(frozen=True, slots=True)
class ToolDefinition:
    """A function that a model may call. `parameters`: its JSON schema, as JSON; empty: none was given.

    `strict`: arguments have to fit the schema. None: the request did not say.
    """

    name: str
    description: Content | None = None
    parameters: Content | None = None
    strict: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Tooling:
    """The tools of a request and how they may be used.

    `choice`: none, auto, required, or `function` for the one that `allowed` names. `allowed`: names of those that may
    be called; empty: all. `parallel`: several may be called in one answer.
    """

    tools: tuple[ToolDefinition, ...]
    choice: str = "auto"
    allowed: tuple[str, ...] = ()
    parallel: bool = True


@dataclass(frozen=True, slots=True)
class PartText:
    """A part of an answer with its text."""

    kind: PartKind
    text: str
    call_id: str = ""
    name: str = ""


def parts_of(text: str, parts: Sequence[AnswerPart]) -> Iterator[PartText]:
    """The parts of an answer with their texts. No parts: all of it is text; an empty text then has none.

    Total: what the lengths leave over is not yielded, and a part beyond the text is empty.
    """
    if not parts:
        if text:
            yield PartText("text", text)
        return
    at = 0
    for part in parts:
        yield PartText(part.kind, text[at : at + part.length], part.call_id, part.name)
        at += part.length


def chunk_parts(parts: Sequence[AnswerPart], count: int) -> list[ChunkPart | None]:
    """The part of each of the `count` chunks of an answer, as its record named it (None: part 0, text).

    Total: whatever the parts say, there are `count`.
    """
    found: list[ChunkPart | None] = []
    for index, said in enumerate(parts):
        left = count - len(found)
        part = said if said.chunks <= left else replace(said, chunks=left)
        if index == 0 and (part.kind, part.call_id, part.name) == ("text", "", ""):
            found += [None] * part.chunks
        elif part.chunks > 0:
            found.append(ChunkPart(index, part.kind, part.call_id, part.name))
            found += [ChunkPart(index, part.kind)] * (part.chunks - 1)
    return found + [None] * (count - len(found))


def visible_text(text: str, parts: Sequence[AnswerPart]) -> str:
    """What is shown, searched and prompted of an answer: its text and refusal parts."""
    if not parts:
        return text
    return "".join(part.text for part in parts_of(text, parts) if part.kind in VISIBLE)


def stream_digest(text_sha256: str, parts: Sequence[AnswerPart]) -> str:
    """The digest of an answer: the hex SHA-256 of its text in UTF-8.

    Where there are parts other than text it covers their kinds, boundaries, call ids and names too: the SHA-256 of
    those as JSON, `[[kind, length, call_id, name], ...]` without blanks and in ASCII, followed by the digest of the
    text.
    """
    if not parts:
        return text_sha256
    said = json.dumps([[part.kind, part.length, part.call_id, part.name] for part in parts], separators=(",", ":"))
    return sha256(f"{said}{text_sha256}".encode()).hexdigest()
