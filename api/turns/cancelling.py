"""Cancels a generation: its end goes into token-chunks, then a cancel notice tells the worker."""

from __future__ import annotations

import contextlib

from api.consistency.commanding import Author
from api.consistency.ports import CommandLog
from api.turns.joining import Opened
from infra.crash_points import crash_point
from schemas.control import CancelRequested
from schemas.generation import GenerationEnded
from topics.catalogue import CONTROL, TOKEN_CHUNKS
from topics.errors import LogUnavailable


async def cancel(log: CommandLog, author: Author, opened: Opened, seen: int | None) -> None:
    """Append the end and ring. Whatever end stands first in the log is the generation's. Raises LogUnavailable."""
    turn = opened.source.turn or opened.turn
    cause = turn.generation_id
    ended = GenerationEnded(author.envelope(cause, "GenerationEnded"), turn, "cancelled", seen, None)
    crash_point("api.before_cancel")
    await log.send(TOKEN_CHUNKS, turn.conversation_id, ended)
    crash_point("api.after_cancel")
    cancel_notice = CancelRequested(
        author.envelope(cause, "CancelRequested"), turn.generation_id, turn.conversation_id, "cancelled"
    )
    with contextlib.suppress(LogUnavailable):  # a lost cancel notice costs time, never truth
        log.fire(CONTROL, turn.generation_id, CONTROL.bytes_of(cancel_notice))
