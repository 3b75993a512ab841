"""Whole logs for projections: what users did, how the turns ended, what it cost; with repeats, damage and deletions."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any

from hypothesis import strategies as st

from schemas.account import (
    ApiKeyCreated,
    ApiKeyRevoked,
    ConversationSettingsChanged,
    ConversationsMarked,
    FolderChanged,
    SessionsEnded,
    SettingChange,
    SettingsChanged,
    SnippetChanged,
    UserCreated,
)
from schemas.conversation import (
    AppendedMessage,
    ChatMessage,
    ConversationDeleted,
    ConversationMetadataChanged,
    ConversationRenamed,
    FeedbackGiven,
    GenerationDeleted,
    GenerationMetadataChanged,
    MessageDeleted,
    MessagesAppended,
    Request,
)
from schemas.envelope import Position
from schemas.generation import Turn
from schemas.outcome import (
    Outcome,
)
from schemas.parts import AnswerPart, ContentPart
from schemas.turns import IMPORTS, UserCommand, choices_of
from schemas.usage import UsageEntry
from tests.fakes.grown_topics import grown
from tests.fakes.projection_records import (
    AT,
    DAY_US,
    NEW_PRICE,
    PRICE,
    computed,
    entitled,
    envelope,
    outcome,
    prompt,
    regenerate,
    rerated,
    started,
    title,
    turn_of,
    used,
)
from topics.catalogue import (
    ACCOUNT_EVENTS,
    CONVERSATION_EVENTS,
    GENERATION_OUTCOMES,
    USAGE_RECORDS,
    catalogue,
)

TOPICS = catalogue()
GROWN = grown(TOPICS)


@dataclass(frozen=True, slots=True)
class Placed:
    """A record where it stands in the log."""

    topic: str
    position: Position
    record: Any


class LogBuilder:
    """Appends records to the partitions that their keys belong to."""

    def __init__(self) -> None:
        self.topics = TOPICS
        self.placed: list[Placed] = []
        self._next: dict[tuple[str, int], int] = {}

    def append(self, topic: str, key: str, record: Any) -> Position:
        partition = self.topics.partition(topic, key)
        offset = self._next.get((topic, partition), 0)
        self._next[topic, partition] = offset + 1
        position = self.topics.position(topic, partition, offset)
        self.placed.append(Placed(topic, position, record))
        return position

    def said(self, record: Any) -> Position:
        """To conversation-events."""
        return self.append(CONVERSATION_EVENTS, record.conversation_id, record)

    def ended(self, ended: Outcome) -> Position:
        """To generation-outcomes."""
        return self.append(GENERATION_OUTCOMES, ended.turn.conversation_id, ended)

    def account(self, record: Any) -> Position:
        return self.append(ACCOUNT_EVENTS, record.user_id, record)

    def recorded(self, record: UsageEntry) -> Position:
        return self.append(USAGE_RECORDS, record.user_id, record)


_CONVERSATIONS = ("conv-1", "conv-2", "conv-3")
_USERS = ("ada", "bob")
_PARTS = (
    ContentPart("text", "look at this: "),
    ContentPart("image", sha256="ab" * 32, media_type="image/png", size_bytes=7, detail="low"),
    ContentPart("tool_call", '{"x": 1}', "call-1", "add"),
    ContentPart("tool_result", "2", "call-1"),
)
_MESSAGES = st.builds(
    ChatMessage,
    st.sampled_from(("user", "assistant", "tool", "system")),
    st.text(max_size=20),
    st.none() | st.just("ada"),
    st.lists(st.sampled_from(_PARTS), max_size=2).map(tuple),
)
_ANSWER = (
    AnswerPart("reasoning", 3, 1),
    AnswerPart("text", 5, 1),
    AnswerPart("tool_call", 2, 1, "call-1", "add"),
)
_REQUESTS = st.builds(
    Request,
    surface=st.sampled_from(("", "chat_completions", "responses")),
    choices=st.integers(1, 3),
    store=st.booleans(),
    background=st.booleans(),
    instructions=st.none() | st.just("Be brief."),
    metadata=st.none() | st.just('{"a": "1"}'),
)


@st.composite
def _kept(draw: st.DrawFn, user: str, at_us: int, begun: list[str]) -> Any:
    """What a user puts to conversations that have begun, or keeps beside them."""
    common: dict[str, Any] = {
        "envelope": envelope(draw(st.sampled_from(("a", "b"))), at_us),
        "user_id": user,
        "request_hash": draw(st.sampled_from(("", "one", "two"))),
    }
    conversations = st.lists(st.sampled_from(begun), max_size=2).map(tuple) if begun else st.just(())
    flags, texts = st.none() | st.booleans(), st.none() | st.text(max_size=9)
    folders = st.sampled_from(("f1", "f2"))
    made: list[st.SearchStrategy[Any]] = [
        st.builds(
            ConversationsMarked,
            conversation_ids=conversations,
            pinned=flags,
            archived=flags,
            folder_id=st.none() | st.just("") | folders,
            **{name: st.just(value) for name, value in common.items()},
        ),
        st.builds(FolderChanged, folder_id=folders, name=texts, **{n: st.just(v) for n, v in common.items()}),
        st.builds(
            SnippetChanged, snippet_id=folders, name=texts, text=texts, **{n: st.just(v) for n, v in common.items()}
        ),
        st.builds(
            SettingsChanged,
            changes=st.lists(st.builds(SettingChange, st.sampled_from(("theme", "sound")), texts), max_size=3).map(
                tuple
            ),
            **{name: st.just(value) for name, value in common.items()},
        ),
        st.just(SessionsEnded(**common)),
    ]
    if begun:
        made.append(
            st.builds(
                ConversationSettingsChanged,
                conversation_id=st.sampled_from(begun),
                settings=st.sampled_from(("{}", '{"topP":0.5}')),
                **{name: st.just(value) for name, value in common.items()},
            )
        )
    return draw(st.one_of(made))


@st.composite
def logs(draw: st.DrawFn, *, grows: bool = False) -> list[Placed]:
    """A log of a few conversations of two users. With `grows` its topics became GROWN at some time."""
    log = LogBuilder()
    commands: list[tuple[UserCommand, Position]] = []
    ended: list[tuple[Outcome, Position]] = []
    at_us = AT
    for step in range(draw(st.integers(1, 14))):
        at_us += draw(st.sampled_from((1000, 7_200_000_000, DAY_US)))
        if grows and log.topics is TOPICS and draw(st.integers(0, 3)) == 0:
            log.topics = GROWN
        user, conversation = draw(st.sampled_from(_USERS)), draw(st.sampled_from(_CONVERSATIONS))
        match draw(st.integers(0, 18)):
            case 0 | 1 | 2:
                said = prompt(conversation, f"key-{step}", user, at_us, content=draw(st.text(max_size=30)))
                if draw(st.integers(0, 4)) == 0:
                    said = replace(said, kind="stateless", conversation_id=f"alone-{step}")
                if draw(st.integers(0, 3)) == 0:
                    said = replace(said, content=None, messages=tuple(draw(st.lists(_MESSAGES, max_size=3))))
                if draw(st.integers(0, 3)) == 0:
                    said = replace(said, request=draw(_REQUESTS))
                if draw(st.booleans()):
                    said = replace(said, price=NEW_PRICE, account=user, model_version="local-7b")
                commands.append((said, log.said(said)))
            case 3 if commands:
                repeated, _ = draw(st.sampled_from(commands))
                price = draw(st.sampled_from((None, PRICE, NEW_PRICE)))
                log.said(replace(repeated, envelope=envelope("again", at_us), price=price))
            case 4 if commands:
                asked, _ = draw(st.sampled_from(commands))
                wish = regenerate(asked.conversation_id, f"key-{step}", asked.message_id, user, at_us)
                commands.append((wish, log.said(wish)))
            case 5 | 6 if commands:
                asked, cause = draw(st.sampled_from(commands))
                first = next(c for a, c in commands if a.generation_id == asked.generation_id)
                how = draw(st.sampled_from(("completed", "failed", "cancelled", "refused")))
                turn = turn_of(asked, min(first, cause), draw(st.integers(0, choices_of(asked) - 1)))
                end = outcome(turn, how, draw(st.text(max_size=30)), at_us)
                if draw(st.integers(0, 3)) == 0:
                    end = replace(end, parts=_ANSWER)
                ended.append((end, log.ended(end)))
            case 7 if ended:
                bill = draw(st.sampled_from(ended))
                again = draw(st.sampled_from(("", "", "dearer", "dearest")))
                log.recorded(rerated(*bill, again) if again else used(*bill))
            case 14:
                hides = st.sampled_from([c.generation_id for c, _ in commands] or ["no-generation"])
                deleted_answer = GenerationDeleted(
                    envelope=envelope("hide", at_us),
                    conversation_id=conversation,
                    user_id=user,
                    generation_id=draw(hides),
                    request_hash=draw(st.sampled_from(("", "hash"))),
                )
                deleted_message = MessageDeleted(
                    envelope=envelope("hide", at_us),
                    conversation_id=conversation,
                    user_id=user,
                    message_id=draw(hides),
                )
                log.said(draw(st.sampled_from((deleted_answer, deleted_message))))
            case 15:
                parent = draw(st.none() | st.sampled_from([c.generation_id for c, _ in commands] or ["m"]))
                written = draw(st.lists(_MESSAGES, max_size=3))
                log.said(
                    MessagesAppended(
                        envelope=replace(
                            envelope(f"append-{step}", at_us), actor=draw(st.sampled_from(("user:u", IMPORTS)))
                        ),
                        conversation_id=conversation,
                        user_id=user,
                        parent_message_id=parent,
                        messages=tuple(
                            AppendedMessage(message_id=f"written-{step}-{n}", message=message, at_us=at_us)
                            for n, message in enumerate(written)
                        ),
                    )
                )
            case 16:
                notes = draw(st.sampled_from(('{"a":"1"}', "{}")))
                whole = ConversationMetadataChanged(
                    envelope=envelope("notes", at_us), conversation_id=conversation, user_id=user, metadata=notes
                )
                generation = draw(st.sampled_from([c.generation_id for c, _ in commands] or ["no-generation"]))
                one = GenerationMetadataChanged(
                    envelope=envelope("notes", at_us),
                    conversation_id=conversation,
                    user_id=user,
                    generation_id=generation,
                    metadata=notes,
                )
                log.said(draw(st.sampled_from((whole, one))))
            case 17:
                begun = [p.record.conversation_id for p in log.placed if p.topic == CONVERSATION_EVENTS]
                log.account(draw(_kept(user, at_us, begun)))
            case 18:
                log.said(replace(started(conversation, user, at_us), temporary=True))
            case 11:
                key, asked_for = draw(st.sampled_from(("e", "f"))), draw(st.sampled_from(("", "one", "two")))
                log.recorded(computed(user, key, at_us, asked_for, draw(st.integers(1, 9))))
            case 12:
                asks = title(conversation, user, at_us)
                cause = log.said(asks)
                if draw(st.booleans()):
                    end = outcome(turn_of(asks, cause), draw(st.sampled_from(("completed", "failed"))), "Made", at_us)
                    place = log.ended(end)
                    log.recorded(used(end, place))
            case 13:
                log.said(entitled(conversation, draw(st.sampled_from(("Made", "Other"))), user, at_us))
            case 8:
                name = draw(st.sampled_from(("one", "two")))
                log.said(ConversationRenamed(envelope("name", at_us), conversation, user, name))
            case 9:
                if draw(st.booleans()):
                    log.said(started(conversation, user, at_us, draw(st.none() | st.just("Named")), "Be brief."))
                else:
                    log.said(ConversationDeleted(envelope("end", at_us), conversation, user))
            case 10:
                digest = draw(st.sampled_from(("aa", "bb"))) * 32
                made = ApiKeyCreated(
                    envelope=envelope("key", at_us),
                    user_id=user,
                    key_id=f"key-{digest[:2]}",
                    key_sha256=digest,
                    label="laptop",
                    hint="wxyz",
                )
                revoked = ApiKeyRevoked(envelope("key", at_us), user, f"key-{digest[:2]}", digest)
                named = UserCreated(envelope("user", at_us), user, user.title())
                log.account(draw(st.sampled_from((made, revoked, named))))
            case _:
                log.said(
                    FeedbackGiven(
                        envelope=envelope("like", at_us),
                        conversation_id=conversation,
                        user_id=user,
                        message_id="m",
                        rating="up",
                        comment=None,
                    )
                )
    return log.placed


_IDS = frozenset(
    {
        "conversation_id",
        "user_id",
        "generation_id",
        "message_id",
        "prompt_message_id",
        "parent_message_id",
        "key_sha256",
        "embedding_id",
        "folder_id",
        "snippet_id",
    }
)


def renamed(log: list[Placed], prefix: str) -> list[Placed]:
    """The same log of other people's conversations: every id begins with `prefix`."""
    return [replace(placed, record=_renamed(placed.record, prefix)) for placed in log]


def _renamed(record: Any, prefix: str) -> Any:
    changed: dict[str, Any] = {}
    for field in fields(record):
        value = getattr(record, field.name)
        if field.name in _IDS and value:
            changed[field.name] = prefix + value
        elif field.name == "conversation_ids":
            changed[field.name] = tuple(prefix + each for each in value)
        elif isinstance(value, Turn):
            changed[field.name] = _renamed(value, prefix)
        elif field.name == "messages" and isinstance(record, MessagesAppended):
            changed[field.name] = tuple(_renamed(each, prefix) for each in value)
    return replace(record, **changed)
