"""Joins the stream of an existing generation, by its key or its id."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from api.consistency.position_tokens import PositionToken
from api.http.errors import KeyReused
from api.streaming.sources import FinishedSource, Source
from api.turns.ports import StreamPorts
from infra.models.catalogue import ModelCatalogue
from infra.models.prices import price_of
from projections.generations.queries import GenerationRow
from schemas import ids
from schemas.generation import Turn


@dataclass(frozen=True, slots=True)
class Opened:
    """A stream to be served; `release` gives it back. `position` None: the generation had been there already.

    `others`: of several answers to one command, those beside the first, in their order.
    `asked_at_us`: when its command was given; None: that was earlier, its row knows.
    """

    turn: Turn
    source: Source
    release: Callable[[], None]
    position: PositionToken | None
    replayed: bool
    others: tuple[Opened, ...] = ()
    asked_at_us: int | None = None

    @property
    def all(self) -> tuple[Opened, ...]:
        """The first answer and those beside it."""
        return (self, *self.others)

    def release_all(self) -> None:
        """Give all of them back."""
        for each in self.all:
            each.release()


def turn_of_row(models: ModelCatalogue, row: GenerationRow) -> Turn:
    """The turn of a generation known from its row."""
    return row.turn(price_of(row, models))


async def find(ports: StreamPorts, user_id: str, generation_id: str) -> Opened | None:
    """The caller's generation, live or finished; None: there is none (yet), or it belongs to another user.

    Raises LogUnavailable, StoreUnavailable.
    """
    feed = ports.hub.by_generation(generation_id)
    if feed is not None and feed.user_id == user_id and (turn := feed.turn or feed.command) is not None:
        return await _join(ports, turn)
    return await _find_row(ports, user_id, generation_id)


async def find_repeat(ports: StreamPorts, user_id: str, generation_id: str, request_hash: str) -> Opened | None:
    """The generation that an earlier request with the same key began. Raises KeyReused for another body.

    Only its first record or row is believed: a command that was merely acknowledged here may be a second one.
    """
    feed = ports.hub.by_generation(generation_id)
    if feed is not None and feed.user_id == user_id and feed.turn is not None:
        opened = await _join(ports, feed.turn)
    else:
        found = await _find_row(ports, user_id, generation_id)
        if found is None:
            return None
        opened = found
    if opened.turn.request_hash != request_hash:
        opened.release()
        raise KeyReused
    return opened


async def with_others(ports: StreamPorts, opened: Opened, choices: int) -> Opened:
    """The same with the answers beside it, of the `choices` that its command asked for.

    Raises LogUnavailable, StoreUnavailable, and gives back all of them then.
    """
    others: list[Opened] = []
    try:
        for choice in range(1, choices):
            generation_id = ids.choice_id(opened.turn.message_id, choice)
            others.append(await _join(ports, replace(opened.turn, generation_id=generation_id, choice=choice)))
    except BaseException:
        for each in (opened, *others):
            each.release()
        raise
    return replace(opened, others=tuple(others))


async def _find_row(ports: StreamPorts, user_id: str, generation_id: str) -> Opened | None:
    row = await ports.reads.generation(generation_id)
    if row is None or row.user_id != user_id:
        return None
    return await _join(ports, turn_of_row(ports.models, row))


async def _join(ports: StreamPorts, turn: Turn) -> Opened:
    if ports.hub.by_generation(turn.generation_id) is None:
        outcome = await ports.reads.outcome(turn.generation_id)
        if outcome is not None:
            return Opened(turn, FinishedSource(outcome), _nothing, None, True)
    feed = ports.hub.open(turn.generation_id, turn.conversation_id, turn.user_id)
    feed.command = feed.command or turn
    try:
        await ports.hub.refill(feed, turn.tail)
    except BaseException:
        ports.hub.close(feed)
        raise
    return Opened(turn, feed, lambda: ports.hub.close(feed), None, True)


def _nothing() -> None:
    """A finished source holds nothing."""
