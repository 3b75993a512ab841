"""Formats a record of the log as a line for people, or as JSON for programs. Pure."""

from __future__ import annotations

import base64
import json
import re
from dataclasses import dataclass, fields, is_dataclass
from datetime import UTC, datetime
from typing import Any

from schemas.codec import FRAME_BYTES, NewerRecord, UndecodableRecord, decode, record_type_of
from schemas.envelope import Position, Sealed
from schemas.generation import Failure
from schemas.parts import AnswerPart, ChunkPart
from schemas.price import Usage
from schemas.signing import PasswordSet

_BARE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/@-]*")
# What json.dumps leaves as it is although it ends a line or steers a terminal for somebody, and lone surrogates.
_UNSAFE = re.compile("[\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_MAX_TEXT = 72
# What people and models wrote is always in quotes, ids and words of ours only where they must be.
_WRITTEN = frozenset(
    {
        "title",
        "prompt",
        "answer",
        "content",
        "delta",
        "text",
        "comment",
        "note",
        "name",
        "label",
        "metadata",
        "settings",
    }
)

MAIN_FIELDS = {
    "ConversationStarted": "user_id title model",
    "PromptSubmitted": "user_id generation_id parent_message_id kind model content messages request.surface",
    "RegenerateRequested": "user_id generation_id prompt_message_id model request.surface",
    "TitleRequested": "generation_id prompt_message_id answer_id model prompt answer",
    "ConversationRenamed": "user_id title",
    "ConversationShared": "user_id share_id revoked",
    "FeedbackGiven": "user_id message_id rating comment",
    "ConversationDeleted": "user_id",
    "MessagesAppended": "user_id parent_message_id messages",
    "ConversationMetadataChanged": "user_id metadata",
    "GenerationMetadataChanged": "user_id generation_id metadata",
    "GenerationDeleted": "user_id generation_id",
    "MessageDeleted": "user_id message_id",
    "GenerationRequested": "turn.generation_id turn.model prompt_tokens service_class maybe_repeat messages",
    "AttemptStarted": "turn.generation_id attempt_id number prompt_tokens worker",
    "TokenChunk": "generation_id attempt_id seq tokens part delta",
    "AttemptEnded": "generation_id attempt_id last_seq finish_reason usage failure",
    "GenerationEnded": "turn.generation_id reason seen failure",
    "GenerationCompleted": "turn.generation_id finish_reason chunks parts usage cost_micros text",
    "GenerationFailed": "turn.generation_id failure chunks parts usage cost_micros text",
    "GenerationCancelled": "turn.generation_id reason seen chunks parts usage cost_micros text",
    "GenerationRefused": "turn.generation_id failure",
    "ModerationVerdict": "generation_id stage decision categories policy_version rule",
    "ReviewDecided": "message_id reviewer decision note",
    "UsageRecorded": "generation_id model outcome_type usage cost_micros currency price_version",
    "UsageRerated": "generation_id model usage cost_micros superseded_cost_micros currency price_version backfill",
    "EmbeddingsComputed": "embedding_id model texts dimensions usage cost_micros price.currency price.version",
    "CancelRequested": "conversation_id reason",
    "UserCreated": "name",
    "ApiKeyCreated": "key_id label hint",
    "ApiKeyRevoked": "key_id",
    "ApiKeyChanged": "key_id label limits",
    "SettingsChanged": "changes",
    "ConversationsMarked": "pinned archived folder_id conversation_ids",
    "ConversationSettingsChanged": "conversation_id settings",
    "FolderChanged": "folder_id name",
    "SnippetChanged": "snippet_id name text",
    "SessionsEnded": "",
    "PasswordSet": "user_id",
    "SessionStarted": "user_id session_id method login.issuer",
    "SessionEnded": "user_id session_id",
    "IdentityLinked": "user_id issuer",
    "IssuerSignedOut": "issuer",
    "OneTimeLinkMade": "link_id kind user_id name roles tier",
    "OneTimeLinkUsed": "link_id",
    "OneTimeLinkRevoked": "link_id",
    "DeadLetter": "topic partition offset consumer error_type reason",
    "DeadLetterResolved": "letter action note",
    "BackfillStarted": "name processor start stop",
    "BackfillAdvanced": "name reached read produced left",
    "BackfillCompared": "name against",
    "BackfillPromoted": "name upto whole",
}
"""What a line for people shows of a record type, as dotted paths; of a type that is not here, all but its envelope."""


HIDDEN = "(hidden)"


@dataclass(frozen=True, slots=True)
class Seen:
    """A record as it stands in the log. `timestamp_ms`: when the broker appended it."""

    topic: str
    partition: int
    offset: int
    timestamp_ms: int
    key: bytes | None
    value: bytes | None


@dataclass(frozen=True, slots=True)
class Read:
    """A record decoded: `record`, or None and what was wrong with it; `newer`: nothing but that it is of tomorrow."""

    seen: Seen
    type: str | None
    schema_id: int | None
    record: object
    error: str
    newer: bool = False


def read(seen: Seen) -> Read:
    """Decode what was seen. Never fails: undecodable records are told as such, and those of a newer release."""
    value = seen.value
    known = record_type_of(value)
    schema_id = int.from_bytes(value[1:FRAME_BYTES], "big") if value and len(value) >= FRAME_BYTES else None
    if schema_id is not None and value is not None and value[0] != 0:
        schema_id = None
    try:
        record, error = decode(value), ""
    except UndecodableRecord as undecodable:
        record, error = None, str(undecodable)
    except NewerRecord as newer:
        return Read(seen, None, schema_id, None, f"newer than this release, schema id {newer.schema_id}", True)
    return Read(seen, known.__name__ if known else None, schema_id, record, error)


def conversation_of(read: Read) -> str | None:
    """The conversation a record says it belongs to, if it says so."""
    record = read.record
    found = getattr(record, "conversation_id", None) or getattr(getattr(record, "turn", None), "conversation_id", None)
    return found if isinstance(found, str) else None


def as_json(read: Read) -> str:
    """One JSON object on one line. Bytes are base64; an undecodable record has "record": null and an "error".

    The hash of a password is left out: from it passwords can be guessed, wherever the line goes.
    """
    seen = read.seen
    document = {
        "topic": seen.topic,
        "partition": seen.partition,
        "offset": seen.offset,
        "timestamp": _iso(seen.timestamp_ms),
        "type": read.type,
        "schema_id": read.schema_id,
        "key": _key(seen.key),
        "record": _plain(read.record),
    }
    if isinstance(read.record, PasswordSet):
        document["record"] = {**_plain(read.record), "password_hash": HIDDEN}
    if read.error:
        document["error"] = read.error
    return _UNSAFE.sub(_escape, json.dumps(document, ensure_ascii=False))


def as_line(read: Read) -> str:
    """One line: time, topic[partition]@offset, type, key, main fields. Holds no control characters."""
    seen = read.seen
    head = (
        f"{_iso(seen.timestamp_ms)} {seen.topic}[{seen.partition}]@{seen.offset} "
        f"{read.type or '?'} key={_word(_key(seen.key))}"
    )
    if read.record is None:
        return f"{head} {'NEWER' if read.newer else 'UNDECODABLE'} ({read.error}; {len(seen.value or b'')} bytes)"
    said = [head]
    for path in _main_fields(read.record):
        value: Any = read.record
        for step in path.split("."):
            value = None if value is None else getattr(value, step)
        name = path.rpartition(".")[2]
        if value is not None and value != () and not (name == "surface" and value == ""):
            said.append(f"{name}={_quoted(value) if name in _WRITTEN and isinstance(value, str) else _word(value)}")
    return " ".join(said)


def _main_fields(record: object) -> list[str]:
    listed = MAIN_FIELDS.get(type(record).__name__)
    if listed is not None or not is_dataclass(record):
        return (listed or "").split()
    return [each.name for each in fields(record) if each.name != "envelope"]


def _word(value: Any) -> str:
    match value:
        case str():
            return value if _BARE.fullmatch(value) else _quoted(value)
        case Sealed():
            return f"sealed({_quoted(value.key_id)[1:-1]}, {len(value.ciphertext)} bytes)"
        case Failure():
            return f"{value.code}({_quoted(value.message)})"
        case Usage():
            return f"{value.prompt_tokens}+{value.completion_tokens}"
        case ChunkPart():
            called = f"({_word(value.call_id)}, {_quoted(value.name)})" if value.call_id or value.name else ""
            return f"{value.index}/{value.kind}{called}"
        case AnswerPart():
            return f"{value.kind}({_quoted(value.name)})" if value.name else value.kind
        case Position():
            return f"{value.epoch}/{value.partition}/{value.offset}"
        case tuple() if all(isinstance(item, str | AnswerPart) for item in value):
            return ",".join(map(_word, value))
        case tuple():
            return str(len(value))
        case None:
            return "-"
        case bool():
            return str(value).lower()
        case _ if is_dataclass(value):
            return _quoted(json.dumps(_plain(value)))
        case _:
            return str(value)


def _quoted(text: str) -> str:
    """In JSON's quotes, cut to what fits a line; every control character is escaped."""
    shown = text if len(text) <= _MAX_TEXT else text[: _MAX_TEXT - 1] + "…"
    return _UNSAFE.sub(_escape, json.dumps(shown, ensure_ascii=False))


def _escape(found: re.Match[str]) -> str:
    return f"\\u{ord(found[0]):04x}"


def _plain(value: Any) -> Any:
    """What json can write."""
    if isinstance(value, Sealed):
        return {"sealed": {"key_id": value.key_id, "ciphertext_bytes": len(value.ciphertext)}}
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: _plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, tuple | list):
        return [_plain(item) for item in value]
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    return value


def _key(key: bytes | None) -> str | None:
    return None if key is None else key.decode(errors="replace")


def _iso(at_ms: int) -> str:
    # LogAppendTime always has one; a record without is of another making and shown as of 1970.
    return datetime.fromtimestamp(max(at_ms, 0) / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
