"""Exports as streams of bytes: one conversation as a file, and all of them as one zip. Memory is bounded by a page."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

from api.moving import export_html, export_json, export_markdown
from api.moving.export_text import title_of
from api.moving.exported import Exported, pages_of
from api.moving.ports import MovingReads
from infra.clock import now_us
from projections.conversations.queries import ConversationRow

Format = Literal["json", "markdown", "html"]
INLINE_CHARACTERS = 16_384
"""Pages with more text are written in a thread."""
_FORBIDDEN = re.compile(r"[\x00-\x1f\x7f\u200e\u200f\u202a-\u202e\u2066-\u2069/\\\\:*?\"<>|]+")
_MAX_NAME = 60


@dataclass(frozen=True, slots=True)
class Writer:
    """How a format is written."""

    suffix: str
    media_type: str
    head: Callable[[ConversationRow, int], bytes]
    page: Callable[[Sequence[Exported]], bytes]
    tail: Callable[[], bytes]


WRITERS: dict[Format, Writer] = {
    "json": Writer("json", "application/json", export_json.head, export_json.page, export_json.tail),
    "markdown": Writer(
        "md", "text/markdown; charset=utf-8", export_markdown.head, export_markdown.page, export_markdown.tail
    ),
    "html": Writer("html", "text/html; charset=utf-8", export_html.head, export_html.page, export_html.tail),
}


async def written(reads: MovingReads, row: ConversationRow, how: Writer) -> AsyncIterator[bytes]:
    """A conversation in a format. Raises StoreUnavailable: what was yielded until then is no whole file."""
    yield how.head(row, now_us())
    async for page in pages_of(reads, row):
        size = sum(len(str(each.row.content)) for each in page)
        yield how.page(page) if size <= INLINE_CHARACTERS else await asyncio.to_thread(how.page, page)
    yield how.tail()


def file_name(row: ConversationRow, how: Writer) -> str:
    """A name that every file system takes, and that no other conversation's file has."""
    day = datetime.fromtimestamp(row.updated_at_us // 1_000_000, UTC)
    title = " ".join(_FORBIDDEN.sub(" ", title_of(row)).split())[:_MAX_NAME].rstrip(". ")
    return f"{day:%Y-%m-%d} {title or 'Conversation'} {row.conversation_id[:13]}.{how.suffix}"


async def conversations_of(reads: MovingReads, user_id: str) -> list[str]:
    """The ids of all conversations that a user's list has, the one last spoken to first."""
    began_us = now_us()
    found: dict[str, None] = {}
    await _listed(reads, user_id, found, 0)
    # What moved to the front meanwhile was not met on the way.
    await _listed(reads, user_id, found, began_us)
    return list(found)


async def _listed(reads: MovingReads, user_id: str, found: dict[str, None], since_us: int) -> None:
    cursor: str | None = None
    while True:
        page = await reads.conversations(user_id, cursor, 100)
        found.update(dict.fromkeys(row.conversation_id for row in page.rows))
        cursor = page.next_cursor
        if cursor is None or (page.rows and page.rows[-1].updated_at_us < since_us):
            return


async def zipped(reads: MovingReads, user_id: str, chosen: Sequence[str], how: Writer) -> AsyncIterator[bytes]:
    """A zip with a file for each conversation that is still there. Raises StoreUnavailable, with no end written."""
    out = _Out()
    archive = ZipFile(out, "w", ZIP_DEFLATED)  # type: ignore[call-overload]  # it is written to, never read
    for conversation_id in chosen:
        row = await reads.conversation(conversation_id)
        if row is None or row.user_id != user_id:
            continue
        at = datetime.fromtimestamp(max(row.updated_at_us // 1_000_000, _FIRST_ZIP_TIME), UTC)
        info = ZipInfo(file_name(row, how), at.timetuple()[:6])
        info.compress_type = ZIP_DEFLATED
        with archive.open(info, "w") as file:
            async for piece in written(reads, row, how):
                await asyncio.to_thread(file.write, piece)
                if made := out.taken():
                    yield made
    archive.close()
    yield out.taken()


_FIRST_ZIP_TIME = 315_532_800
"""1980-01-01: zip files know no earlier time."""


class _Out:
    """Where a zip is written to; it has no end to go back to."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []

    def write(self, data: bytes) -> int:
        self._pieces.append(bytes(data))
        return len(data)

    def flush(self) -> None:
        """There is nothing behind it."""

    def taken(self) -> bytes:
        """What was written since the last time."""
        made, self._pieces = b"".join(self._pieces), []
        return made
