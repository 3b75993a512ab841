"""Getting at the stream of a generation: begun by a command, joined by its key, or taken up again by its id."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from itertools import chain, repeat

from api.consistency.position_tokens import PositionToken, token_of
from api.http.errors import KeyReused, not_accepted_for_sure, unavailable
from api.http.metrics import PRODUCE_FAILURES
from api.streaming.feed import Feed
from api.streaming.sources import FinishedSource, Source
from api.streaming.waiting import Wakeup
from api.turns.ports import StreamPorts, TurnPorts
from infra.crash_points import crash_point
from infra.models.catalogue import ModelCatalogue
from infra.models.prices import price_of
from projections.generations.queries import GenerationRow
from schemas.envelope import Position
from schemas.generation import Turn
from schemas.turns import Command, turn_of
from topics.catalogue import CONVERSATION_EVENTS
from topics.errors import LogUnavailable

SETTLE_S = 30.0
"""How long a command that carries a key waits to see that it was the first of its key."""
_POLLS_S = (0.1, 0.25, 0.5, 1.0)


@dataclass(frozen=True, slots=True)
class Opened:
    """A stream to be served; `release` gives it back. `position` None: the generation had been there already."""

    turn: Turn
    source: Source
    release: Callable[[], None]
    position: PositionToken | None
    replayed: bool


def turn_of_row(models: ModelCatalogue, row: GenerationRow) -> Turn:
    """The turn of a generation known from its row."""
    return row.turn(price_of(row, models))


async def find(ports: StreamPorts, user_id: str, generation_id: str) -> Opened | None:
    """The caller's generation, live or finished; None: there is none (yet), or it is somebody else's.

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


async def begin(
    ports: TurnPorts, make: Callable[[Position], Command], generation_id: str, conversation_id: str, user_id: str,
    key: str, *, keyed: bool,
) -> Opened:  # fmt: skip
    """Produce a command as one record, its reader registered before. Returns once the log has acknowledged it.

    `make` gets the place in token-chunks where the reader began. With `keyed`, returns only when it is known that no
    earlier command had this key; raises KeyReused if one had, with another body. Raises ApiError 503 when the log did
    not acknowledge: the command may have been accepted.
    """
    feed = ports.streams.hub.open(generation_id, conversation_id, user_id)
    try:
        command = make(feed.since)
        try:
            crash_point("api.before_command")
            at = await ports.log.send(CONVERSATION_EVENTS, conversation_id, command)
            crash_point("api.after_command")
        except LogUnavailable as error:
            PRODUCE_FAILURES.inc()
            raise not_accepted_for_sure(key) from error
        turn = turn_of(command, at, price_of(command, ports.streams.models))
        if not keyed:
            # One with a key may be a second one: whoever joins or cancels meanwhile waits for _settle.
            feed.command = turn
        token = token_of([(CONVERSATION_EVENTS, at.partition, at.offset)])
        if turn.kind == "chat":
            ports.own_writes.wrote(conversation_id, user_id, at)
        source, replayed = (await _settle(ports.streams, feed, turn, key)) if keyed else (feed, False)
    except BaseException:
        ports.streams.hub.close(feed)
        raise
    return Opened(turn, source, lambda: ports.streams.hub.close(feed), token, replayed)


async def _settle(ports: StreamPorts, feed: Feed, ours: Turn, key: str) -> tuple[Source, bool]:
    """(what to serve, whether an earlier command with this key had begun it)."""
    first = await _first_turn(ports, feed)
    if first is None:
        raise unavailable(
            "The command was accepted, but the answer has not started yet. "
            f"Retry with the header Idempotency-Key: {key}",
            headers={"Idempotency-Key": key},
        )
    if first.request_hash != ours.request_hash:
        raise KeyReused
    feed.command = first
    if first.cause == ours.cause:
        return feed, False
    outcome = await ports.reads.outcome(feed.generation_id)
    if outcome is not None:
        return FinishedSource(outcome), True
    await ports.hub.refill(feed, first.tail)
    return feed, True


async def _first_turn(ports: StreamPorts, feed: Feed) -> Turn | None:
    """The turn in the first record or row of the feed's generation; None if there is neither within SETTLE_S."""
    wakeup = Wakeup()
    feed.listen(wakeup)
    try:
        async with asyncio.timeout(SETTLE_S):
            for pause_s in chain(_POLLS_S, repeat(_POLLS_S[-1])):
                if feed.lost is not None:
                    raise feed.lost
                if feed.turn is not None:
                    return feed.turn
                if await wakeup.woken_within(pause_s):
                    continue
                if (row := await ports.reads.generation(feed.generation_id)) is not None:
                    return turn_of_row(ports.models, row)
    except TimeoutError:
        pass
    finally:
        feed.leave(wakeup)
    return None
