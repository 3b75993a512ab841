"""What a run leaves behind for the checker: what clients saw, what the log holds, what the stores show. No IO.

The journal is in the order in which its writer saw things happen: a `Frame` or `Cut` belongs to the reader it names, an
`Acked`, `Refused` or `Unknown` answers the newest `Intent` of its key before it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from schemas.price import Usage


def question(tag: str, count: int) -> str:
    """The prompt whose answer decodes itself: every token says whose it is and which one."""
    return f"Count from 1 to {count}, each marked {tag}."


def expected_text(tag: str, count: int) -> str:
    """The whole answer to `question`. A true answer is a prefix of it."""
    return ", ".join(f"{tag}:{number}" for number in range(1, count + 1))


def schema_of(tag: str, count: int) -> dict[str, Any]:
    """The JSON schema that some answers are held to: so many marks, and nothing else."""
    marks = {"type": "array", "items": {"type": "string", "const": tag}, "minItems": count, "maxItems": count}
    return {"type": "object", "properties": {"marks": marks}, "required": ["marks"], "additionalProperties": False}


def expected_json(tag: str, count: int) -> str:
    """The whole answer to `question` that is held to `schema_of`."""
    marks = ", ".join([f'"{tag}"'] * count)
    return f'{{"marks": [{marks}]}}'


@dataclass(frozen=True, slots=True)
class Intent:
    """A request is about to be sent. `conversation_id` "": a stateless one, which makes its own.

    It asks to count from 1 to `count`, each number marked `tag`; no two turns of a run share a tag.
    """

    key: str
    conversation_id: str
    tag: str
    count: int
    body_sha256: str


@dataclass(frozen=True, slots=True)
class Acked:
    """The head of a 200 was received, or frame 0: the prompt is accepted.

    `generation_id` "": the head alone came, which does not name it.
    """

    key: str
    generation_id: str
    conversation_id: str


@dataclass(frozen=True, slots=True)
class Refused:
    """A definite no (4xx): by this request no turn began."""

    key: str
    status: int
    code: str


@dataclass(frozen=True, slots=True)
class Unknown:
    """503, a time-out, a broken connection: the prompt may have been accepted or not. `reason` is for people."""

    key: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Frame:
    """One server-sent event that a reader got. `data` is the JSON as it came; `at_us` when (0: not noted)."""

    reader: str
    generation_id: str
    seq: int
    event: str
    data: str
    at_us: int = 0


@dataclass(frozen=True, slots=True)
class Cut:
    """A reader's connection ended before the stream did; it goes on after frame `after` (-1: from the start).

    Also how a reader that joins late says where it begins.
    """

    reader: str
    after: int


@dataclass(frozen=True, slots=True)
class Transcript:
    """A whole stream in a dialect without our sequence numbers (/v1/chat/completions, /v1/responses), read to its
    regular end.

    `finish_reason` as that dialect has it; "error": it ended with an error in the stream.
    """

    reader: str
    generation_id: str
    text: str
    finish_reason: str


@dataclass(frozen=True, slots=True)
class CancelAnswered:
    """A cancel was answered: the HTTP status, and the state it told ("running", "completed", "cancelled", …)."""

    generation_id: str
    status: int
    state: str


@dataclass(frozen=True, slots=True)
class GaveUp:
    """A reader got no end within its (generous) patience: somebody was left waiting."""

    reader: str
    generation_id: str
    reason: str


@dataclass(frozen=True, slots=True)
class Misread:
    """A reader of a dialect with numbers of its own (/v1/responses) got an event out of its sequence, or another one
    than before."""

    reader: str
    generation_id: str
    reason: str


Entry = Intent | Acked | Refused | Unknown | Frame | Cut | Transcript | CancelAnswered | GaveUp | Misread


@dataclass(frozen=True, slots=True)
class LogRecord:
    """One record of the log. `record`: the decoded record of `schemas`, or the raw bytes where they are none."""

    topic: str
    partition: int
    offset: int
    key: str
    timestamp_us: int
    record: Any


@dataclass(frozen=True, slots=True)
class StoredMessage:
    """A message as the API or the projection shows it after quiescence.

    An answer's `message_id` is its generation's id. `usage` and `cost_micros` are None where the source shows none.
    """

    conversation_id: str
    message_id: str
    role: str
    content: str
    status: str
    finish_reason: str | None
    usage: Usage | None
    cost_micros: int | None


@dataclass(frozen=True, slots=True)
class Evidence:
    """All of one run. `faults`: one line each, "<kind> <role> …"; kind `term` is a graceful stop or restart."""

    journal: tuple[Entry, ...]
    log: tuple[LogRecord, ...]
    stored: tuple[StoredMessage, ...]
    faults: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Violation:
    """A broken promise: which invariant ("I1" … "I23"), of what (a key, a generation, a place), and how."""

    invariant: str
    subject: str
    detail: str
