"""Reads kept chat completions: those that were asked for with `store` and have been answered."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Depends

from api.consistency.freshness import Freshness
from api.consistency.position_tokens import join
from api.http.errors import ApiError, behind, unavailable
from api.http.providing import provided
from api.openai.leaving import refusal
from api.openai.requests.asked import SURFACE
from api.openai.shapes import completion_object
from api.openai.stored_shapes import generation_of, notes_of
from api.streaming.endings import Ending
from api.streaming.pieces import Piece
from api.streaming.sources import FinishedSource, Source
from api.turns.joining import find, with_others
from api.turns.ports import StreamPorts
from api.turns.stored import StoredReads
from infra.blobs.ports import BlobMissing, BlobReader, BlobsUnavailable
from projections.stored import StoredGeneration, StoredPage
from projections.stored_generations.queries import Order
from schemas.conversation import ChatMessage, PromptSubmitted

MAX_ROUNDS = 3
"""Pages of the projections that one page of the API is made of: some of what they hold has not been answered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptPorts:
    """What the routes of kept completions need."""

    stored: StoredReads
    streams: StreamPorts
    blobs: BlobReader


Kept = Annotated[KeptPorts, Depends(provided(KeptPorts))]


async def kept(ports: KeptPorts, fresh: Freshness, user_id: str, completion_id: str) -> StoredGeneration:
    """The user's completion, running or not. Raises ApiError 404: the same for unknown ones, others', deleted ones and
    those that were not to be kept; 503 where the projections are behind and it may yet come."""
    generation_id = generation_of(completion_id)
    if generation_id is None:
        raise not_kept(completion_id)
    shown = await fresh.catch_up(fresh.position)
    found = await ports.stored.stored_generation(user_id, generation_id)
    if found is None:
        shown = shown and await fresh.up_to_date()
        found = await ports.stored.stored_generation(user_id, generation_id)
    elif own := fresh.ports.own_writes.seen(found.row.conversation_id):
        shown = await fresh.catch_up(join(fresh.position, own), found.row.conversation_id)
        found = await ports.stored.stored_generation(user_id, generation_id)
    if found is None and not shown:
        raise behind()
    if found is None or found.row.asked.surface != SURFACE or found.row.asked.choice:
        raise not_kept(completion_id)
    return found


async def shown(ports: KeptPorts, one: StoredGeneration) -> dict[str, Any] | None:
    """The completion as it was answered, with its metadata; None: it runs, failed or was cancelled."""
    ended = [FinishedSource(outcome) for outcome in one.outcomes if outcome is not None]
    if len(ended) == len(one.outcomes):
        return _object(one, ended)
    # Its outcome is on its way to the projections, or it runs.
    opened = await find(ports.streams, one.row.user_id, one.row.generation_id)
    if opened is None:
        return None
    opened = await with_others(ports.streams, opened, one.row.asked.choices)
    try:
        return _object(one, [each.source for each in opened.all])
    finally:
        opened.release_all()


async def page(
    ports: KeptPorts,
    user_id: str,
    *,
    after: str | None,
    order: Order,
    limit: int,
    model: str | None,
    metadata: Mapping[str, str],
) -> tuple[list[dict[str, Any]], bool]:
    """(at most `limit` completions, whether there are more). Raises ApiError 404 for an `after` that is none."""
    found: list[dict[str, Any]] = []
    last = None if after is None else generation_of(after)
    if after is not None and last is None:
        raise not_kept(after, "after")
    for _ in range(MAX_ROUNDS):
        some: StoredPage | None = await ports.stored.stored_generations(
            user_id, SURFACE, after=last, order=order, limit=limit + 1, model=model, metadata=metadata or None
        )
        if some is None:
            raise not_kept(after or "", "after")
        for one in some.items:
            if (completion := await shown(ports, one)) is None:
                continue
            if len(found) == limit:
                return found, True
            found.append(completion)
        if some.next_after is None:
            return found, False
        last = some.next_after
    return found, True


async def pictures_of(blobs: BlobReader, messages: Sequence[ChatMessage]) -> dict[str, str]:
    """Data URLs of the images in messages, by digest; one that is missing has none. Raises ApiError 503."""
    found: dict[str, str] = {}
    for message in messages:
        for part in message.parts:
            if part.kind != "image" or part.sha256 in found:
                continue
            try:
                content = await blobs.get(part.sha256)
            except BlobMissing:
                continue
            except BlobsUnavailable as error:
                raise unavailable("The store for images is not reachable. Please retry.") from error
            found[part.sha256] = f"data:{part.media_type};base64,{base64.b64encode(content).decode()}"
    return found


def messages_of(one: StoredGeneration) -> tuple[ChatMessage, ...]:
    """The messages that were answered."""
    return one.command.messages if isinstance(one.command, PromptSubmitted) else ()


def not_kept(completion_id: str, param: str = "completion_id") -> ApiError:
    named = completion_id if len(completion_id) <= 80 else completion_id[:80] + "…"
    return ApiError(404, f"No stored chat completion with id '{named}'.", code="not_found", param=param)


def _object(one: StoredGeneration, sources: Sequence[Source]) -> dict[str, Any] | None:
    answered: list[tuple[Sequence[Piece], Ending]] = []
    for source in sources:
        if source.ending is None or refusal(source.ending) is not None:
            return None
        answered.append((source.pieces, source.ending))
    first = sources[0]
    if first.turn is None:
        return None
    said = completion_object(first.turn, first.started_at_us, answered)
    return {**said, "metadata": notes_of(one.metadata)}
