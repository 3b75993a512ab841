"""A generation in /api/v1: a stream of server-sent events, or its state."""

from __future__ import annotations

from typing import Any

from api.access.principal import Principal
from api.http.headers import POSITION_HEADER, REPLAYED_HEADER
from api.streaming.frames import EventFrames, failure_json, usage_json
from api.streaming.sources import Source, text_of
from api.streaming.sse import EventStream
from api.turns.joining import Opened
from api.turns.ports import TurnPorts
from api.turns.queue_news import QueueNews


def event_stream(
    turns: TurnPorts, caller: Principal, opened: Opened, *, after: int = -1, arrived_s: float | None = None
) -> EventStream:
    """The generation in the dialect of /api/v1; it goes on when the client leaves.

    `arrived_s`: when the prompt arrived; the time to the first text is measured where this request began it.
    """
    headers = {}
    source, turn = opened.source, opened.turn
    if opened.position is not None:
        headers[POSITION_HEADER] = str(opened.position)
    elif source.ending is not None:
        headers[POSITION_HEADER] = f"generation/{turn.generation_id}"
    if opened.replayed:
        headers[REPLAYED_HEADER] = "true"

    def release() -> None:
        if source.ending is not None:
            turns.ask.own_writes.finished(turn.conversation_id, turn.generation_id)
        opened.release()

    return EventStream(
        source,
        EventFrames(),
        turns.readers,
        caller.credential,
        release,
        after=after,
        headers=headers,
        arrived_s=None if opened.position is None else arrived_s,
        news=news_of(turns, turn.model),
    )


def news_of(turns: TurnPorts, model_id: str, *, comment: bool = False) -> QueueNews | None:
    """What is told while an answer of this model waits; None for a model that is not offered any more."""
    models = turns.streams.models
    return QueueNews(turns.ask.queues, models.get(model_id).pool, comment=comment) if model_id in models else None


def newest_frame(source: Source) -> int:
    """The last frame there is; -1: none."""
    if source.turn is None:
        return -1
    return len(source.pieces) + (source.ending is not None)


def state_json(opened: Opened) -> dict[str, Any]:
    """How far the generation is."""
    turn, source, ending = opened.turn, opened.source, opened.source.ending
    failure = None if ending is None else ending.failure
    return {
        "id": turn.generation_id,
        "conversationId": turn.conversation_id,
        "model": turn.model,
        "status": "running" if ending is None else ending.status,
        "finishReason": None if ending is None else ending.finish_reason,
        "lastSeq": newest_frame(source),
        "content": text_of(source),
        "usage": None if ending is None else usage_json(ending.usage),
        "error": None if failure is None else failure_json(failure),
    }
