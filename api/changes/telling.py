"""Which changes a record of the log tells, and to whom. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from api.consistency.position_tokens import token_of
from schemas.account import (
    ApiKeyCreated,
    ApiKeyRevoked,
    ConversationSettingsChanged,
    ConversationsMarked,
    FolderChanged,
    SessionsEnded,
    SettingsChanged,
    SnippetChanged,
)
from schemas.codec import NewerRecord, UndecodableRecord, decode, record_type_of
from schemas.codec.heads import head_of
from schemas.conversation import (
    ConversationDeleted,
    ConversationRenamed,
    ConversationStarted,
    MessagesAppended,
    PromptSubmitted,
    RegenerateRequested,
    TitleRequested,
)
from schemas.envelope import SealedContent, plain
from schemas.outcome import GenerationCancelled, GenerationCompleted, GenerationFailed, GenerationRefused
from schemas.signing import SessionEnded, SessionStarted
from schemas.turns import IMPORTS, TITLES
from topics.catalogue import ACCOUNT_EVENTS, CONVERSATION_EVENTS, GENERATION_OUTCOMES, Catalogue
from topics.cuts import TopicPartition
from topics.log import RawRecord

TOPICS_TOLD = (ACCOUNT_EVENTS, CONVERSATION_EVENTS, GENERATION_OUTCOMES)
_OUTCOMES = {
    GenerationCompleted: "answered",
    GenerationCancelled: "answered",
    GenerationFailed: "failed",
    GenerationRefused: "failed",
}

Change = dict[str, Any]


def told_places(topics: Catalogue) -> tuple[TopicPartition, ...]:
    """The partitions whose records tell changes."""
    return tuple((topic, partition) for topic in TOPICS_TOLD for partition in range(topics[topic].partitions))


def owner_of(raw: RawRecord) -> str | None:
    """The user whose record it is, without decoding the whole; None where it tells nobody anything."""
    match raw.topic:
        case "account-events":
            return None if raw.key is None else raw.key.decode("utf-8", "replace")
        case "conversation-events":
            head = head_of(raw.value, "user_id")
            return None if head is None else str(head["user_id"])
        case "generation-outcomes":
            head = head_of(raw.value, "turn")
            return None if head is None or head["turn"]["kind"] != "chat" else str(head["turn"]["user_id"])
    return None


def changes_of(raw: RawRecord) -> tuple[Change, ...]:
    """What the record changes for its owner; nothing for what nobody lists or shows.

    `position` is what a read sends as X-Verbatim-Position to see the change.
    """
    if raw.topic == GENERATION_OUTCOMES:
        return _of_outcome(raw)
    try:
        record = decode(raw.value)
    except (UndecodableRecord, NewerRecord):
        return ()
    if raw.topic == ACCOUNT_EVENTS:
        position = _place(raw)
        return tuple({**told, "position": position} for told in _of_account(record))
    return _of_conversation(raw, record)


def _of_account(record: object) -> Iterator[Change]:
    match record:
        case ApiKeyCreated() | ApiKeyRevoked():
            yield {"kind": "keys"}
        case SettingsChanged():
            yield {"kind": "settings"}
        case FolderChanged():
            yield {"kind": "folders"}
        case SnippetChanged():
            yield {"kind": "snippets"}
        case SessionsEnded() | SessionStarted() | SessionEnded():
            yield {"kind": "sessions"}
        case ConversationsMarked(conversation_ids=marked):
            for conversation_id in marked:
                yield {"kind": "conversation", "conversationId": conversation_id, "what": "marked"}
        case ConversationSettingsChanged(conversation_id=conversation_id):
            yield {"kind": "conversation", "conversationId": conversation_id, "what": "settings"}


def _of_conversation(raw: RawRecord, record: Any) -> tuple[Change, ...]:
    told: Change
    match record:
        case ConversationStarted(temporary=True):
            return ()
        case ConversationStarted(title=title):
            told = {"what": "started", **_title(title)}
        case (
            PromptSubmitted(kind="chat", generation_id=generation_id) | RegenerateRequested(generation_id=generation_id)
        ):
            told = {"what": "prompted", "generationId": generation_id}
        case PromptSubmitted() | TitleRequested():
            return ()
        case MessagesAppended(envelope=envelope) if envelope.actor == IMPORTS:
            return ()  # not shown before its ConversationStarted, which comes last
        case ConversationRenamed(envelope=envelope, title=title):
            # A title that was made counts only where the user gave none: who hears of it reads which one counts.
            told = {"what": "renamed", **(_title(title) if envelope.actor != TITLES else {})}
        case ConversationDeleted():
            told = {"what": "deleted"}
        case _:
            told = {"what": "changed"}
    return ({"kind": "conversation", "conversationId": record.conversation_id, **told, "position": _place(raw)},)


def _of_outcome(raw: RawRecord) -> tuple[Change, ...]:
    kind, head = record_type_of(raw.value), head_of(raw.value, "turn")
    if kind not in _OUTCOMES or head is None or head["turn"]["kind"] != "chat":
        return ()
    turn = head["turn"]
    told = {"what": _OUTCOMES[kind], "generationId": turn["generation_id"]}
    position = str(token_of(generations=[turn["generation_id"]]))
    return ({"kind": "conversation", "conversationId": turn["conversation_id"], **told, "position": position},)


def _title(title: Any) -> Change:
    if title is None:
        return {}
    try:
        return {"title": plain(title)}
    except SealedContent:
        return {}


def _place(raw: RawRecord) -> str:
    return str(token_of([(raw.topic, raw.partition, raw.offset)]))
