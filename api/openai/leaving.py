"""What becomes of answers that nobody waits for any more: they are cancelled."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from api.consistency.commanding import Author
from api.http.errors import ApiError, of_failure
from api.openai.shapes import CANCELLED
from api.streaming.endings import Ending
from api.streaming.waiting import ended_within
from api.turns.cancelling import cancel
from api.turns.joining import Opened
from api.turns.ports import AskPorts
from infra.logging import get_logger

KEYED_GRACE_S = 12.0
"""A client that sent a key may come back for its answer: those of OpenAI pause up to 8 s between two tries."""
_log = get_logger(__name__)


def refusal(ending: Ending) -> ApiError | None:
    """The error to answer for an ending, where nothing of it has been sent yet."""
    if ending.status == "failed" and ending.failure is not None:
        return of_failure(ending.failure)
    if ending.status == "cancelled":
        return ApiError(409, CANCELLED, code=ending.finish_reason, headers={"x-should-retry": "false"})
    return None


def abandoning(ports: AskPorts, author: Author, opened: Opened, grace_s: float) -> Callable[[], Awaitable[None]]:
    """What is done when the client leaves before the end: after a moment of grace the generation is cancelled,
    unless another client reads it. The same for each of several answers."""

    async def abandon() -> None:
        if not opened.others:
            await _abandon(ports, author, opened, grace_s)
            return
        await asyncio.gather(*(_abandon(ports, author, each, grace_s) for each in opened.all))

    return abandon


def stopping(ports: AskPorts, author: Author, opened: Opened) -> Callable[[], Awaitable[None]]:
    """What is done when one of several answers failed or was cancelled: the request is over, so the others end too."""

    async def stop() -> None:
        for each in opened.all:
            if each.source.ending is None:
                try:
                    await cancel(ports.log, author, each, None)
                except Exception as error:  # the request has its answer; the deadline ends it
                    _log.warning("an answer beside a failed one could not be cancelled", reason=type(error).__name__)

    return stop


async def _abandon(ports: AskPorts, author: Author, opened: Opened, grace_s: float) -> None:
    try:
        if await ended_within(opened.source, grace_s) is not None:
            return
        feed = ports.streams.hub.by_generation(opened.turn.generation_id)
        if feed is None or not feed.watched:
            await cancel(ports.log, author, opened, None)
    except Exception as error:  # no client is left to tell; the deadline ends it
        _log.warning("an answer whose client left could not be cancelled", reason=type(error).__name__)
