"""What the pipeline makes of one command in the realistic log: verdict, job, attempts, chunks, outcome, usage."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from schemas import ids
from schemas.control import CancelRequested
from schemas.conversation import ChatMessage, ConversationDeleted, PromptSubmitted, RegenerateRequested
from schemas.envelope import Envelope, Position, plain
from schemas.generation import (
    AttemptEnded,
    AttemptStarted,
    Failure,
    FinishReason,
    GenerationEnded,
    GenerationRecord,
    GenerationRequested,
    TokenChunk,
    Turn,
)
from schemas.outcome import GenerationRefused, Outcome
from schemas.price import Usage
from schemas.turns import Command, turn_of
from streams.conversation.ports import NoHistory
from streams.conversation.reactor import react, react_to_deletion
from streams.metering.reactor import usage_record
from streams.watchdog.reactor import Watched, expiry
from tests import realistic_people as people
from tests.realistic_people import COUNTER, MODELS, POLICY
from topics.catalogue import (
    CONTROL,
    CONVERSATION_EVENTS,
    GENERATION_OUTCOMES,
    TOKEN_CHUNKS,
    USAGE_RECORDS,
)
from topics.generation_fold import GenerationFold
from topics.outcomes import outcome_of

if TYPE_CHECKING:
    from tests.realistic_log import World

TOKEN_US = 20_000
STEP_US = 3_000
"""What one step of the pipeline takes."""
BROKEN = Failure("engine_error", "The model did not answer. Please try again.", True)
Steps = Generator[int, None, None]


@dataclass
class Talk:
    """A conversation as its people know it: `leaf` is the newest answer, `messages` the chain up to it."""

    id: str
    user: str
    model: str
    system_prompt: str | None = None
    messages: list[ChatMessage] = field(default_factory=list)
    leaf: str | None = None
    prompt_id: str = ""
    gone: bool = False


def answer(world: World, talk: Talk, command: Command) -> Steps:
    """A command and all that follows from it; the conversation then goes on after its answer."""
    cause = world.say(CONVERSATION_EVENTS, talk.id, command)
    turn = turn_of(command, cause, MODELS[command.model].price)
    again = isinstance(command, RegenerateRequested)
    if again:
        # The chain ends with the prompt that is answered again.
        while talk.messages and talk.messages[-1].role == "assistant":
            talk.messages.pop()
    yield STEP_US
    context = NoHistory(tuple(talk.messages), talk.system_prompt)
    verdict, last = react(command, turn, context, MODELS[command.model], COUNTER, POLICY, maybe_repeat=False)
    run = Generation(world, talk, turn, command)
    world.say(verdict.topic, verdict.key, verdict.record)
    if isinstance(last.record, GenerationRequested):
        run.job = world.say(last.topic, last.key, last.record)
        run.request = last.record
    else:
        run.says(last.record)
    if not run.fold.finished:
        yield from run.attempts()
    yield STEP_US
    outcome = outcome_of(run.fold)
    position = world.say(GENERATION_OUTCOMES, talk.id, outcome)
    yield STEP_US
    world.say(USAGE_RECORDS, talk.user, usage_record(outcome, position))
    _remember(talk, command, outcome)


def deleted(world: World, talk: Talk) -> ConversationDeleted:
    """The user deletes the conversation."""
    gone = ConversationDeleted(world.envelope(talk.id, "ConversationDeleted", talk.user), talk.id, talk.user)
    world.say(CONVERSATION_EVENTS, talk.id, gone)
    talk.gone = True
    return gone


def _remember(talk: Talk, command: Command, outcome: Outcome) -> None:
    talk.leaf = outcome.turn.generation_id
    talk.prompt_id = outcome.turn.prompt_message_id
    if isinstance(command, PromptSubmitted) and command.kind == "chat" and not isinstance(outcome, GenerationRefused):
        talk.messages.append(ChatMessage("user", command.content or ""))
    if plain(outcome.text):
        talk.messages.append(ChatMessage("assistant", outcome.text))
    # What no model's context holds any more is forgotten.
    del talk.messages[: -2 * people.MAX_TURNS]


class Generation:
    """One generation under way: its records so far, folded as every reader folds them."""

    def __init__(self, world: World, talk: Talk, turn: Turn, command: Command) -> None:
        self.fold = GenerationFold()
        self.job = Position(0, 0, 0)
        self.request: GenerationRequested | None = None
        self._world = world
        self._talk = talk
        self._turn = turn
        self._command = command

    def says(self, record: GenerationRecord) -> None:
        """The next record of token-chunks. Every one of them counts."""
        before = self.fold.number, self.fold.attempt_id, self.fold.last_seq, self.fold.finished
        self.fold.apply(record, self._world.say(TOKEN_CHUNKS, self._talk.id, record))
        if before == (self.fold.number, self.fold.attempt_id, self.fold.last_seq, self.fold.finished):
            raise AssertionError(f"a {type(record).__name__} of the realistic log does not count")

    def attempts(self) -> Steps:
        """From the first attempt to the end, whatever that is."""
        dice = self._world.dice
        wanted = dice.size(150, 0.8)
        fate = dice.random.random()
        stops = dice.below(wanted)
        yield dice.wait_us(30_000)
        self._start()
        if dice.chance(people.LOST_WORKER):
            yield from self._chunks(dice.below(wanted))
            yield 1_200_000
            self._start()
        elif dice.chance(people.HANDED_OVER):
            yield from self._chunks(dice.below(wanted))
            self._end("handed_over")
            yield STEP_US
            self._start()
        for share, end in (
            (people.CANCELLED, self._cancel),
            (people.FAILED, self._fail),
            (people.EXPIRED, self._expire),
            (people.DELETED_MEANWHILE, self._delete),
        ):
            if fate < share:
                yield from self._chunks(stops)
                yield from end()
                return
            fate -= share
        yield from self._chunks(wanted)
        self._end("length" if dice.chance(people.CUT_SHORT) else "stop")

    def _chunks(self, wanted: int) -> Steps:
        """Tokens until there are `wanted` of them."""
        fold, draw = self.fold, self._world.dice.delta
        generation, attempt = self._turn.generation_id, fold.attempt_id or ""
        while fold.completion_tokens < wanted:
            tokens, delta = draw()
            yield TOKEN_US * tokens
            self.says(TokenChunk(generation, attempt, fold.last_seq + 1, self._world.now_us, tokens, delta))

    def _start(self) -> None:
        assert self.request is not None
        attempt, asked = self._world.dice.hex(16), self.request.envelope
        envelope = Envelope(
            ids.event_id(attempt, "AttemptStarted"),
            self._world.now_us,
            asked.event_id,
            asked.correlation_id,
            "system:worker",
        )
        number = self.fold.number + 1
        worker = f"worker-{self._world.dice.below(2) + 1}"
        tokens = self.request.prompt_tokens
        self.says(
            AttemptStarted(
                envelope=envelope,
                turn=self._turn,
                attempt_id=attempt,
                number=number,
                prompt_tokens=tokens,
                worker=worker,
                job=self.job,
            )
        )

    def _end(self, finish: FinishReason, failure: Failure | None = None) -> None:
        fold = self.fold
        cached = fold.prompt_tokens // 2 if len(self._talk.messages) > 2 and self._world.dice.chance(0.4) else 0
        self.says(
            AttemptEnded(
                generation_id=self._turn.generation_id,
                conversation_id=self._talk.id,
                attempt_id=fold.attempt_id or "",
                at_us=self._world.now_us,
                last_seq=fold.last_seq,
                sha256=fold.sha256,
                finish_reason=finish,
                usage=Usage(fold.prompt_tokens, fold.completion_tokens, cached),
                failure=failure,
            )
        )

    def _fail(self) -> Steps:
        yield STEP_US
        self._end("failed", BROKEN)

    def _cancel(self) -> Steps:
        yield STEP_US
        cause, talk, world = self._turn.generation_id, self._talk, self._world
        ended = world.envelope(cause, "GenerationEnded", talk.user)
        seen = max(self.fold.last_seq - 2, 0)
        self.says(GenerationEnded(ended, self._turn, "cancelled", seen, None))
        bell = world.envelope(cause, "CancelRequested", talk.user)
        world.say(CONTROL, cause, CancelRequested(bell, cause, talk.id, "cancelled"))

    def _expire(self) -> Steps:
        due_us = self._command.deadline_at_us + 5_000_000
        yield due_us - self._world.now_us
        asked = self._command.envelope
        self.says(expiry(Watched(self._turn, due_us, asked.correlation_id, asked.event_id), self._world.now_us))

    def _delete(self) -> Steps:
        gone = deleted(self._world, self._talk)
        yield STEP_US
        for out in react_to_deletion(gone, (self._turn,)):
            if isinstance(out.record, CancelRequested):
                self._world.say(out.topic, out.key, out.record)
            else:
                self.says(out.record)
