"""Bugs planted in the product, one at a time: each is a thing that this design says must never be left out."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any
from unittest.mock import patch

import api.turns.ask
import projections.generations.fold
import projections.messages.fold
import streams.faust.agents
from api.streaming.feed import Feed
from inference_workers.attempt import Attempt
from inference_workers.lookback import Lookback
from inference_workers.publishing import AttemptWriter
from inference_workers.slots import Slots
from projections.order import last_wins
from projections.projector import Projector
from schemas.generation import AttemptStarted, TokenChunk
from streams.conversation.agent import ConversationAgent
from streams.metering.agent import Metering
from streams.recorder.partition import PartitionState
from streams.watchdog.held import HeldAcknowledgements
from topics.generation_fold import GenerationFold

Bug = Callable[[], AbstractContextManager[Any]]
BUGS: dict[str, Bug] = {}


def bug(plant: Callable[[], Iterator[None]]) -> Bug:
    made = contextmanager(plant)
    BUGS[plant.__name__] = made
    return made


class _Nothing(dict[str, int]):
    """Remembers nothing."""

    def __contains__(self, key: object) -> bool:
        return False

    def popitem(self, last: bool = True) -> tuple[str, int]:
        return super().popitem()


@bug
def dedupe_off_in_the_recorder() -> Iterator[None]:
    """A generation that has ended may end again."""
    made = PartitionState.__init__

    def init(self: Any, *arguments: Any) -> None:
        made(self, *arguments)
        self._finished = _Nothing()

    with patch.object(PartitionState, "__init__", init):
        yield


@bug
def dedupe_off_in_the_readers() -> Iterator[None]:
    """What was held back while the log was read is shown, also if the log had it."""

    def fill(self: Feed, fold: GenerationFold) -> None:
        filled(self, fold)
        if fold.end is None and fold.last_seq:
            self.pieces.append(self.pieces[-1])
        self.wake()

    filled = Feed.fill
    with patch.object(Feed, "fill", fill):
        yield


@bug
def fence_off() -> Iterator[None]:
    """A chunk counts whoever wrote it."""
    chunk = GenerationFold._chunk

    def unfenced(self: GenerationFold, record: TokenChunk) -> int | None:
        owner, self.attempt_id = self.attempt_id, record.attempt_id
        try:
            return chunk(self, record)
        finally:
            self.attempt_id = owner

    with patch.object(GenerationFold, "_chunk", unfenced):
        yield


@bug
def first_wins_lost_in_the_fold() -> Iterator[None]:
    """An attempt with a number that is taken takes the generation over."""
    started = GenerationFold._started

    def last(self: GenerationFold, record: AttemptStarted) -> int | None:
        if record.number == self.number:
            self.attempt_id = record.attempt_id
            return None
        return started(self, record)

    with patch.object(GenerationFold, "_started", last):
        yield


@bug
def first_wins_lost_in_the_projections() -> Iterator[None]:
    """Of two commands with one key the last one is the one that counts."""
    with (
        patch.object(projections.messages.fold, "first_wins", last_wins),
        patch.object(projections.generations.fold, "first_wins", last_wins),
    ):
        yield


@bug
def commit_before_write_in_the_projector() -> Iterator[None]:
    """A record is done when it has been queued."""
    take = Projector.take

    async def at_once(self: Projector, record: Any, place: Any, done: Callable[[], None]) -> None:
        done()
        await take(self, record, place, lambda: None)

    with patch.object(Projector, "take", at_once):
        yield


@bug
def commit_before_write_in_the_recorder() -> Iterator[None]:
    """An outcome counts as recorded when it was produced, not when it was acknowledged."""

    def committable(self: PartitionState) -> int:
        return next((known.first_offset for known in self._open.values()), self._next)

    with patch.object(PartitionState, "committable", property(committable)):
        yield


@bug
def commit_below_open_generations_lost() -> Iterator[None]:
    """The recorder commits what it has read."""
    with patch.object(PartitionState, "committable", property(lambda self: self._next)):
        yield


@bug
def commit_before_write_in_the_worker() -> Iterator[None]:
    """A job is committed when it has been taken."""
    attempt = Slots._attempt

    async def taken(self: Slots, job: Any) -> bool:
        for delivery in job.deliveries:
            self._jobs.done_with(delivery)
        return await attempt(self, job)

    with patch.object(Slots, "_attempt", taken):
        yield


@bug
def commit_before_write_in_the_agents() -> Iterator[None]:
    """A record is acknowledged before it is handled (what Faust does by itself)."""
    take = streams.faust.agents.Consumption.take

    async def early(self: Any, message: Any, acknowledge: Callable[[], None]) -> None:
        acknowledge()
        await take(self, message, lambda: None)

    with patch.object(streams.faust.agents.Consumption, "take", early):
        yield


@bug
def produced_without_waiting_in_the_conversation_agent() -> Iterator[None]:
    """A command is acknowledged when its job was produced, whether or not the log took it."""
    produce = ConversationAgent._produce

    async def unawaited(self: ConversationAgent, outs: Any) -> None:
        asyncio.ensure_future(produce(self, outs)).add_done_callback(lambda done: done.exception())

    with patch.object(ConversationAgent, "_produce", unawaited):
        yield


@bug
def start_not_awaited() -> Iterator[None]:
    """An attempt that follows others writes before its start is acknowledged, from where the log was before."""

    async def nowhere(self: Lookback, past: Any, upto: int) -> None:
        """It does not read on to its own start."""

    begin = AttemptWriter.begin

    def open_at_once(self: AttemptWriter, started: AttemptStarted, *, open_when_acknowledged: bool) -> Any:
        acknowledged = begin(self, started, open_when_acknowledged=False)
        self.open()
        return acknowledged

    with (
        patch.object(Lookback, "read_on", nowhere),
        patch.object(AttemptWriter, "begin", open_at_once),
        patch("inference_workers.attempt.owns", lambda fold, attempt_id: not fold.finished),
    ):
        yield


@bug
def watch_given_up() -> Iterator[None]:
    """The watchdog acknowledges a command when it has read it."""
    began = HeldAcknowledgements.began

    def forgotten(self: Any, partition: int, offset: int, generation_id: str, acknowledge: Any, **more: Any) -> None:
        acknowledge()
        began(self, partition, offset, generation_id, lambda: None, **more)

    with patch.object(HeldAcknowledgements, "began", forgotten):
        yield


@bug
def billed_under_a_new_id() -> Iterator[None]:
    """A repeated bill has an event id of its own, so that nobody can drop it."""
    handle = Metering.handle

    async def again(self: Metering, outcome: Any, source: Any) -> None:
        with patch("streams.metering.reactor.ids.event_id", lambda cause, name: f"{cause}/{name}/{source.offset}"):
            await handle(self, outcome, source)

    with patch.object(Metering, "handle", again):
        yield


@bug
def command_believed_before_it_is_the_first() -> Iterator[None]:
    """A command with a key that was acknowledged is taken for the turn's first (this was in the product)."""
    settle = api.turns.ask._settle

    async def believed(parts: Any, feed: Any, ours: Any, key: str) -> Any:
        feed.command = ours
        return await settle(parts, feed, ours, key)

    with patch.object(api.turns.ask, "_settle", believed):
        yield


@bug
def prefix_forgotten() -> Iterator[None]:
    """A further attempt begins the answer anew."""
    answer = Attempt._answer

    async def anew(self: Attempt, writer: Any, model: Any, sampling: Any, step: Any) -> None:
        await answer(self, writer, model, sampling, type(step)(step.number, step.first_seq, "", 0))

    with patch.object(Attempt, "_answer", anew):
        yield
