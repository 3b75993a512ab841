"""A history of answers in parts: tools, several answers, appended messages, deletions, metadata, a compaction.

`python -m tests.histories.parts` made the log, once, at write level 4.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, cast

from schemas import ids
from schemas.codec import encode
from schemas.conversation import (
    AppendedMessage,
    ChatMessage,
    ConversationDeleted,
    ConversationMetadataChanged,
    GenerationDeleted,
    GenerationMetadataChanged,
    MessageDeleted,
    MessagesAppended,
    Request,
)
from schemas.envelope import Envelope
from schemas.generation import Turn
from schemas.parts import ChunkPart, ContentPart, ToolDefinition, Tooling
from schemas.turns import UserCommand, choices_of
from tests.fakes.projection_logs import LogBuilder
from tests.fakes.projection_records import AT, prompt, regenerate, started, turn_of, used
from tests.histories.history import HISTORIES, write_log
from tests.histories.record import write_results
from tests.unit.api.memory_log import Attempt
from topics.generation_fold import GenerationFold
from topics.log import RawRecord
from topics.outcomes import outcome_of

NAME = "parts"
USER = ids.user_id("ada")
ONE, GONE = ids.conversation_id(USER, "one"), ids.conversation_id(USER, "gone")
ALONE, STORED = ids.conversation_id(USER, "alone"), ids.conversation_id(USER, "stored")
TOOLS = Tooling(tools=(ToolDefinition("look", "Looks something up.", '{"type":"object"}', True),), parallel=False)
Chunks = Sequence[tuple[str, ChunkPart | None]]

_THOUGHT, _SAID = ChunkPart(0, "reasoning"), ChunkPart(1, "text")
CALLS: Chunks = (
    ("Let me ", _THOUGHT),
    ("see.", _THOUGHT),
    ("I look.", _SAID),
    ('{"what":', ChunkPart(2, "tool_call", "call-1", "look")),
    ('"sky"}', ChunkPart(2, "tool_call")),
    ("{}", ChunkPart(3, "tool_call", "call-2", "look")),
)
PLAIN: Chunks = (("It is ", None), ("blue.", None))
REFUSES: Chunks = (("No.", ChunkPart(0, "refusal")),)


class _Telling:
    """Appends commands, and what came of them, as the processes would."""

    def __init__(self) -> None:
        self.log = LogBuilder()
        self._at_us = AT

    def envelope(self, cause: str) -> Envelope:
        self._at_us += 1_000_000
        return Envelope(ids.event_id(cause, "Test"), self._at_us, None, "request-1", f"user:{USER}")

    def say(self, command: UserCommand, *answers: Chunks, end: str = "stop") -> UserCommand:
        """A command and its answers; fewer than it asks for: the others still run."""
        said = replace(command, envelope=self.envelope(command.message_id))
        cause = self.log.said(said)
        for choice in range(min(choices_of(said), len(answers))):
            self._answer(turn_of(said, cause, choice), answers[choice], end)
        return said

    def _answer(self, turn: Turn, chunks: Chunks, end: str) -> None:
        before = len(self.log.placed)
        attempt = Attempt(cast(Any, self.log), turn, attempt_id=ids.event_id(turn.generation_id, "Attempt")).start()
        for delta, part in chunks:
            attempt.chunk(delta, part=part)
        attempt.end(end)
        fold = GenerationFold()
        for placed in self.log.placed[before:]:
            fold.apply(placed.record, placed.position)
        ended = outcome_of(fold)
        self.log.recorded(used(ended, self.log.ended(ended)))

    def more(self, record_type: Any, conversation: str, cause: str, **fields: Any) -> None:
        common = {"envelope": self.envelope(cause), "conversation_id": conversation, "user_id": USER}
        self.log.said(record_type(**common, **fields))


def _log() -> list[RawRecord]:
    telling = _Telling()
    telling.log.said(replace(started(ONE, USER, AT, "Parts", "Be brief."), metadata='{"project":"sky"}'))
    asking = Request(surface="responses", tooling=TOOLS, store=True, background=True, metadata='{"n":"1"}', echo="{}")
    asked = telling.say(
        replace(prompt(ONE, "asks", USER, AT, content="Why is the sky blue?"), request=asking), CALLS, end="tool_calls"
    )
    results = tuple(
        ChatMessage("tool", "", None, (ContentPart("tool_result", text, call),))
        for call, text in (("call-1", "Rayleigh"), ("call-2", "nothing"))
    )
    told = telling.say(
        replace(
            prompt(ONE, "tells", USER, AT, content="", parent=asked.generation_id),
            content=None,
            messages=results,
            request=Request(surface="responses", instructions="In one word."),
        ),
        PLAIN,
    )
    picture = ContentPart("image", sha256="ab" * 32, media_type="image/png", size_bytes=68, detail="low")
    shown = ChatMessage("user", "", None, (ContentPart("text", "What is in it?"), picture))
    seen = telling.say(
        replace(prompt(ONE, "shows", USER, AT, content="", parent=told.generation_id), content=None, messages=(shown,)),
        REFUSES,
    )
    telling.say(regenerate(ONE, "again", seen.message_id, USER, AT), PLAIN)
    written = (("user", "By the way."), ("assistant", "Yes?"), ("developer", "Be kind."))
    telling.more(
        MessagesAppended,
        ONE,
        "appends",
        parent_message_id=seen.generation_id,
        messages=tuple(
            AppendedMessage(message_id=f"item-{n}", message=ChatMessage(role, text), at_us=AT + n, model="other")
            for n, (role, text) in enumerate(written)
        ),
    )
    telling.say(prompt(ONE, "follows", USER, AT, content="Go on.", parent="item-2"))
    telling.more(MessageDeleted, ONE, "takes back", message_id="item-1", request_hash="hash")
    telling.more(GenerationDeleted, ONE, "hides", generation_id=seen.generation_id)
    telling.more(GenerationMetadataChanged, ONE, "notes", generation_id=asked.generation_id, metadata='{"n":"2"}')
    telling.more(ConversationMetadataChanged, ONE, "renotes", metadata="{}")
    telling.say(
        replace(
            prompt(ONE, "compacts", USER, AT, content="", parent=told.generation_id), kind="compaction", content=None
        ),
        PLAIN,
    )
    _stateless(telling)
    telling.log.said(replace(started(GONE, USER, AT), metadata='{"a":"b"}'))
    gone = telling.say(
        replace(prompt(GONE, "gone", USER, AT, content="Forget me."), request=asking), CALLS, end="tool_calls"
    )
    telling.more(GenerationMetadataChanged, GONE, "gone notes", generation_id=gone.generation_id, metadata="{}")
    telling.more(ConversationDeleted, GONE, "goes")
    return [_raw(n, placed) for n, placed in enumerate(telling.log.placed)]


def _stateless(telling: _Telling) -> None:
    messages = (ChatMessage("system", "Be brief."), ChatMessage("user", "Say it thrice.", "ada"))
    for conversation, store in ((ALONE, False), (STORED, True)):
        asked = replace(
            prompt(conversation, "thrice", USER, AT, content=""),
            kind="stateless",
            content=None,
            messages=messages,
            request=Request(surface="chat_completions", choices=3, store=store, metadata='{"k":"v"}'),
        )
        telling.say(asked, PLAIN, REFUSES, *(() if store else (PLAIN,)))


def _raw(n: int, placed: Any) -> RawRecord:
    record, at = placed.record, placed.position
    turn = getattr(record, "turn", None)
    key = record.user_id if placed.topic == "usage-records" else getattr(record, "conversation_id", None)
    if key is None:
        # A chunk names its generation alone, and nothing here reads the key.
        key = "chunk" if turn is None else turn.conversation_id
    return RawRecord(placed.topic, at.partition, at.offset, AT // 1000 + n, key.encode(), encode(record))


def main() -> None:
    """Write the log, and what it comes to."""
    write_log(HISTORIES / NAME, _log())
    write_results(HISTORIES / NAME)


if __name__ == "__main__":
    main()
