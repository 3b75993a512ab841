"""Exports: one conversation, or all of the caller's as one zip."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Query, Response
from starlette.responses import StreamingResponse

from api.access.auth import ReadCaller
from api.access.principal import Principal
from api.consistency.freshness import Fresh
from api.consistency.ownership import row_of
from api.http.errors import Overloaded, bad_request
from api.http.gates import GateBusy
from api.moving.export_files import WRITERS, Format, conversations_of, file_name, written, zipped
from api.moving.ports import MAX_AT_ONCE, Moving, MovingPorts
from api.streaming.readers import Reader
from infra.clock import utc_now
from topics.catalogue import CONVERSATION_EVENTS

router = APIRouter(prefix="/api/v1", tags=["conversations"])

TOTAL_HEADER = "X-Verbatim-Total"
"""How many files the zip will have, if no conversation is deleted meanwhile."""
AsFormat = Annotated[Format, Query(alias="format")]


@router.get("/conversations/{conversation_id}/export")
async def export_conversation(
    caller: ReadCaller, conversation_id: str, fresh: Fresh, moving: Moving, as_format: AsFormat = "json"
) -> Response:
    """The conversation as a file: `json` (it can be imported again), `markdown`, or `html`, which browsers print."""
    row = await row_of(fresh, caller.user_id, conversation_id)
    if row.temporary:
        raise bad_request("A temporary conversation is not exported.", code="temporary", param="conversation_id")
    how = WRITERS[as_format]
    return await _streamed(moving, caller, written(moving.reads, row, how), how.media_type, file_name(row, how), {})


@router.get("/export")
async def export_all(caller: ReadCaller, fresh: Fresh, moving: Moving, as_format: AsFormat = "json") -> Response:
    """All conversations of the caller: a zip with a file for each, as `GET …/export` makes it."""
    await fresh.catch_up_lists(caller.user_id, CONVERSATION_EVENTS)
    chosen = await conversations_of(moving.reads, caller.user_id)
    pieces = zipped(moving.reads, caller.user_id, chosen, WRITERS[as_format])
    name = f"Verbatim {utc_now():%Y-%m-%d}.zip"
    return await _streamed(moving, caller, pieces, "application/zip", name, {TOTAL_HEADER: str(len(chosen))})


class ReaderGone(Exception):
    """Whoever reads may read no more."""


async def _streamed(
    moving: MovingPorts,
    caller: Principal,
    pieces: AsyncIterator[bytes],
    media_type: str,
    name: str,
    headers: dict[str, str],
) -> Response:
    """The pieces as an answer, while a place is held. What fails before the first of them is an error like others;
    later the connection ends without its end, so that no client takes a part for the whole. So it does when what the
    caller came with has ended."""
    made = _placed(moving, pieces)
    try:
        first = await anext(made, b"")
    except GateBusy:
        raise Overloaded(f"{MAX_AT_ONCE} exports are already being made") from None

    async def all_of() -> AsyncIterator[bytes]:
        reader = moving.readers.enter(caller.credential)
        try:
            async with contextlib.aclosing(made):
                yield allowed(reader, first)
                async for piece in made:
                    yield allowed(reader, piece)
        finally:
            moving.readers.exit(reader)

    said = {
        "Content-Disposition": f"attachment; filename*=UTF-8''{quote(name)}",
        "Cache-Control": "no-store",
        **headers,
    }
    return StreamingResponse(all_of(), headers=said, media_type=media_type)


def allowed(reader: Reader, piece: bytes) -> bytes:
    """The piece, if the reader may read on. Raises ReaderGone."""
    if reader.gone in ("revoked", "expired"):
        raise ReaderGone(reader.gone)
    return piece


async def _placed(moving: MovingPorts, pieces: AsyncIterator[bytes]) -> AsyncGenerator[bytes]:
    async with moving.exports.entered(moving.wait_s):
        async for piece in pieces:
            yield piece
