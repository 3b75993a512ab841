"""A small log of two users' conversations, with everything that follows from their turns."""

from __future__ import annotations

from dataclasses import dataclass

from schemas.account import ApiKeyCreated, UserCreated
from schemas.control import CancelRequested
from schemas.conversation import ConversationDeleted, ConversationRenamed, PromptSubmitted
from schemas.dead_letter import DeadLetter
from schemas.envelope import Position
from schemas.generation import AttemptEnded, AttemptStarted, TokenChunk, Turn
from schemas.price import Usage
from tests import records
from tests.fakes.projection_records import AT, envelope, outcome, prompt, regenerate, started, turn_of, used
from tests.unit.topics.slices.memory import MemoryLog
from topics.catalogue import (
    ACCOUNT_EVENTS,
    CONTROL,
    CONVERSATION_EVENTS,
    DEAD_LETTERS,
    GENERATION_OUTCOMES,
    MODERATION_VERDICTS,
    TOKEN_CHUNKS,
    USAGE_RECORDS,
    jobs_topic,
)

JOBS = jobs_topic("default", "interactive")


@dataclass
class Incident:
    """The log, and whose conversations are in it: Ada's two, one of Bob's."""

    log: MemoryLog
    ada: tuple[str, str] = ("conv-ada-1", "conv-ada-2")
    bob: str = "conv-bob"

    @classmethod
    def make(cls) -> Incident:
        made = cls(MemoryLog())
        log = made.log
        for user in ("ada", "bob"):
            log.say(ACCOUNT_EVENTS, UserCreated(envelope(f"user-{user}"), user, user.title()))
            log.say(
                ACCOUNT_EVENTS,
                ApiKeyCreated(
                    envelope=envelope(f"key-{user}"),
                    user_id=user,
                    key_id=f"key-{user}",
                    key_sha256="ab" * 32,
                    label="laptop",
                    hint="wxyz",
                ),
            )
        for number in range(3):  # the conversations' turns interleave
            for conversation, user in ((made.ada[0], "ada"), (made.bob, "bob"), (made.ada[1], "ada")):
                made.turn(conversation, user, number)
        first = made.turn(made.ada[0], "ada", 3)
        wish = regenerate(made.ada[0], "again", first.message_id, at_us=AT + 5_000)
        made.answer(wish_turn := turn_of(wish, log.say(CONVERSATION_EVENTS, wish)), wish_turn.generation_id)
        log.say(CONVERSATION_EVENTS, ConversationRenamed(envelope("rename", AT + 6_000), made.ada[0], "ada", "New"))
        log.say(CONVERSATION_EVENTS, ConversationDeleted(envelope("delete", AT + 7_000), made.ada[1], "ada"))
        return made

    def turn(self, conversation: str, user: str, number: int) -> PromptSubmitted:
        """A turn from its prompt to its bill."""
        at_us = AT + number * 1_000
        if number == 0:
            self.log.say(CONVERSATION_EVENTS, started(conversation, user, at_us))
        asked = prompt(conversation, f"turn-{number}", user, at_us)
        self.answer(turn_of(asked, self.log.say(CONVERSATION_EVENTS, asked)), f"turn {number} of {conversation}")
        return asked

    def asked(self, conversation: str, user: str) -> Turn:
        """A turn that was asked for."""
        asked = prompt(conversation, "turn-x", user, AT)
        return turn_of(asked, self.log.say(CONVERSATION_EVENTS, asked))

    def answer(self, turn: Turn, text: str) -> None:
        """What agents, a worker and the recorder write."""
        log, generation = self.log, turn.generation_id
        conversation = turn.conversation_id
        log.say(MODERATION_VERDICTS, records.verdict(turn, envelope=envelope(generation)))
        job = records.job(turn, envelope=envelope(generation), prompt_tokens=3, deadline_at_us=AT)
        log.say(JOBS, job, conversation)
        log.say(
            TOKEN_CHUNKS,
            AttemptStarted(
                envelope=envelope(generation),
                turn=turn,
                attempt_id="a" * 16,
                number=1,
                prompt_tokens=3,
                worker="w",
                job=Position(0, 0, 0),
            ),
            conversation,
        )
        log.say(TOKEN_CHUNKS, TokenChunk(generation, "a" * 16, 1, AT, 1, text), conversation)
        log.say(
            TOKEN_CHUNKS,
            AttemptEnded(
                generation_id=generation,
                conversation_id=conversation,
                attempt_id="a" * 16,
                at_us=AT,
                last_seq=1,
                sha256="ab" * 32,
                finish_reason="stop",
                usage=Usage(3, 1),
                failure=None,
            ),
            conversation,
        )
        log.say(CONTROL, CancelRequested(envelope(generation), generation, conversation, "late"), generation)
        letter = DeadLetter(
            envelope=envelope(generation),
            topic=TOKEN_CHUNKS,
            partition=0,
            offset=1,
            consumer="streams.recorder",
            error_type="E",
            reason="no",
            key=conversation.encode(),
            value=b"x",
            headers=(),
        )
        log.say(DEAD_LETTERS, letter, conversation)
        ended = outcome(turn, text=text, at_us=AT)
        log.say(USAGE_RECORDS, used(ended, log.say(GENERATION_OUTCOMES, ended)))
