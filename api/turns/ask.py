"""The use case `ask`: a prompt, another answer to a prompt, or a stateless completion.

    look for an earlier request with this key
      ──▶ prepare what is asked, of an alternative where the model's queue is too long
      ──▶ take it of the limits
      ──▶ register a reader, then produce one command
      ──▶ with a key: wait until it is known which command was the first

The caller gets the stream of the one generation that this key stands for.
"""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import replace
from itertools import chain, repeat

from api.access.limiting import Running
from api.consistency.commanding import send
from api.consistency.position_tokens import token_of
from api.http.errors import KeyReused, unavailable
from api.streaming.feed import Feed
from api.streaming.sources import FinishedSource, Source
from api.streaming.waiting import Wakeup
from api.turns.admitting import Watch, admitted
from api.turns.alternatives import check_covered, queued
from api.turns.intents import Asking, Intent, Prepare, PromptIntent, command_of
from api.turns.joining import Opened, find_repeat, turn_of_row, with_others
from api.turns.ports import AskPorts, StreamPorts
from api.turns.quotas import refuse_denied
from infra.crash_points import crash_point
from infra.models.prices import price_of
from schemas import ids
from schemas.generation import Turn
from schemas.turns import turn_of
from topics.catalogue import CONVERSATION_EVENTS

SETTLE_S = 30.0
"""How long a command that carries a key waits to see that it was the first of its key."""
_POLLS_S = (0.1, 0.25, 0.5, 1.0)


async def ask(ports: AskPorts, asking: Asking, prepare: Prepare) -> Opened:
    """The stream of the answer. `prepare` says what is asked; it is not called where the answer was asked for before.

    Returns once the log has acknowledged the command; with a key, once it is known that no earlier command had it.
    Raises KeyReused if one had, with another body; ApiError 503 where the log did not acknowledge: the command may have
    been accepted; 429 where a limit is reached or a hard budget does not cover it; 503 where it would wait longer than
    its tier is promised, whichever of its models is asked; both, where they are known before, are recorded nowhere; and
    as `prepare`.
    """
    known = await _repeated(ports.streams, asking)
    if known is not None:
        return known
    intent = await prepare(None)
    if isinstance(intent, PromptIntent) and intent.parent_id == asking.generation_id:
        # A request with the same key came first while this one looked around; whichever is first in the log counts.
        known = await _repeated(ports.streams, asking)
        if known is not None:
            return known
        intent = replace(intent, parent_id=None)
    check_covered(ports, asking, intent)
    intent = await queued(ports, asking, intent, prepare)
    tier = ports.limits.tiers.of(asking.author.limited.tier)
    places = ports.own_queue.enter(asking.author.user_id, tier, asking.choices)
    running: Running | None = None
    try:
        running = await admitted(ports.limits, asking.author, intent, asking.choices)
        if isinstance(intent, PromptIntent) and intent.first is not None:
            await intent.first()
        opened = await _begun(ports, asking, intent)
    except BaseException:
        if running is not None:
            ports.limits.give_back(running)
        if places is not None:
            places.leave()
        raise
    if places is not None:
        places.follow(ports.streams.hub, opened)
    if running is not None:
        Watch(ports.limits, ports.streams.hub, running).follow(opened)
    return opened


async def _repeated(streams: StreamPorts, asking: Asking) -> Opened | None:
    """The generation that an earlier request with this key began."""
    if not asking.key.given:
        return None
    known = await find_repeat(streams, asking.author.user_id, asking.generation_id, asking.request_hash)
    if known is None:
        return None
    opened = await with_others(streams, known, asking.choices)
    try:
        refuse_denied(opened.source)
    except BaseException:
        opened.release_all()
        raise
    return opened


async def _begun(ports: AskPorts, asking: Asking, intent: Intent) -> Opened:
    """Produce the command as one record, the readers of its answers registered before."""
    hub, user_id = ports.streams.hub, asking.author.user_id
    with contextlib.ExitStack() as held:
        for choice in range(1, asking.choices):
            feed = hub.open(ids.choice_id(asking.command_id, choice), asking.conversation_id, user_id)
            held.callback(hub.close, feed)
        opened = await _first_begun(ports, asking, intent)
        if opened.replayed:
            held.close()  # of an earlier command they know nothing
        return await with_others(ports.streams, opened, asking.choices)


async def _first_begun(ports: AskPorts, asking: Asking, intent: Intent) -> Opened:
    """Produce the command; the stream of its first answer."""
    streams, key, user_id = ports.streams, asking.key, asking.author.user_id
    feed = streams.hub.open(asking.generation_id, asking.conversation_id, user_id)
    try:
        command = command_of(asking, intent, feed.since)
        crash_point("api.before_command")
        at = await send(ports.log, CONVERSATION_EVENTS, asking.conversation_id, command, key)
        crash_point("api.after_command")
        turn = turn_of(command, at, price_of(command, streams.models))
        if not key.given:
            # One with a key may be a second one: requests that join or cancel meanwhile wait for _settle.
            feed.command = turn
        token = token_of([(CONVERSATION_EVENTS, at.partition, at.offset)])
        if turn.kind == "chat":
            ports.own_writes.wrote(asking.conversation_id, user_id, at)
        source, replayed = (await _settle(streams, feed, turn, key.value)) if key.given else (feed, False)
        if not replayed:
            await ports.quotas.decided(feed, turn)
        refuse_denied(source)
    except BaseException:
        streams.hub.close(feed)
        raise
    asked_at_us = None if replayed else command.envelope.occurred_at_us
    return Opened(turn, source, lambda: streams.hub.close(feed), token, replayed, asked_at_us=asked_at_us)


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
