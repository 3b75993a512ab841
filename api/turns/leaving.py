"""What is done when a client leaves before the end of an answer that only it waits for."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from api.consistency.commanding import Author
from api.streaming.waiting import ended_within
from api.turns.cancelling import cancel
from api.turns.joining import Opened
from api.turns.ports import AskPorts
from infra.logging import get_logger

_log = get_logger(__name__)


def abandoning(ports: AskPorts, author: Author, opened: Opened, grace_s: float) -> Callable[[], Awaitable[None]]:
    """After a moment of grace the generation is cancelled, unless another client reads it."""

    async def abandon() -> None:
        try:
            if await ended_within(opened.source, grace_s) is not None:
                return
            feed = ports.streams.hub.by_generation(opened.turn.generation_id)
            if feed is None or not feed.watched:
                await cancel(ports.log, author, opened, None)
        except Exception as error:  # no client is left to tell; the deadline ends it
            _log.warning("an answer whose client left could not be cancelled", reason=type(error).__name__)

    return abandon
