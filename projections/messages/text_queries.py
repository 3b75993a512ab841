"""The texts of a conversation, newest first, for searches."""

from __future__ import annotations

from dataclasses import dataclass

from projections.content import from_cell, from_optional_cell
from projections.messages.branch_queries import first_commands
from projections.messages.queries import hidden_in
from projections.messages.told import appended_from_cell
from projections.reading import Tables
from schemas.envelope import Content
from schemas.messages import shown_content
from schemas.thinking import visible_answer, without_thinking

_NAME = "messages"
_TEXTS_BEFORE = (
    "SELECT cause, kind, message_id, generation_id, status, content, answer{+said}"
    " FROM {messages} WHERE conversation_id = ? AND cause < ? LIMIT ?"
)
_NEWEST = 2**62


@dataclass(frozen=True, slots=True)
class TextPage:
    """(message id, text), the newest first, without what a model thought; an answer that has not ended has none.
    `next_before`: what older ones are asked for with, None: there are none. `turns`: how many were looked at."""

    texts: tuple[tuple[str, Content], ...]
    next_before: int | None
    turns: int


async def texts(tables: Tables, conversation_id: str, before: int | None, turns: int) -> TextPage:
    """The texts of at most `turns` turns, older than `before` (None: the newest)."""
    older_than = _NEWEST if before is None else before
    rows = await tables.select(_NAME, _TEXTS_BEFORE, (conversation_id, older_than, turns))
    found: list[tuple[str, Content]] = []
    for _, kind, message_id, generation_id, status, content, answer, *said in await first_commands(
        tables, conversation_id, rows
    ):
        if kind == "appended":
            appended = reversed(appended_from_cell(said[0] if said else None))
            found += [(each.message_id, shown_content((without_thinking(each.message),))) for each in appended]
            continue
        if status is not None:
            found.append((generation_id, visible_answer(from_cell(answer or ""))))
        if kind == "prompt":
            found.append((message_id, from_optional_cell(content) or ""))
    hidden = (await hidden_in(tables, conversation_id)).shown if found else frozenset()
    shown = tuple(one for one in found if one[0] not in hidden)
    return TextPage(shown, rows[-1][0] if len(rows) == turns else None, len(rows))
