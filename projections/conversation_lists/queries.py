"""A user's conversations, newest first, a page at a time: all of them, or those of a kind."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from projections.conversation_lists.fold import day_of
from projections.conversation_marks.fold import ARCHIVED, PINNED, folder_mark
from projections.conversation_marks.queries import UNMARKED, Marks, UserMarks, marked
from projections.conversations.queries import MAX_AT_ONCE, ConversationRow, conversations
from projections.cursors import BadCursor, decode_cursor, encode_cursor
from projections.reading import Tables
from projections.rows import Unprojectable

_NAME = "conversation_lists"
# Ordered by day; the rows of one day come by id and are sorted here.
_NEXT_DAY = "SELECT day FROM {conversations_by_user} WHERE user_id = ? AND day <= ? LIMIT 1"
_DAY = "SELECT conversation_id, at_us FROM {conversations_by_user} WHERE user_id = ? AND day = ?"
_FAR_FUTURE = 2**31 - 1
_END_OF_TIME_US = 2**63 - 1
_MAX_SEEN_PER_PAGE = 2000
MAX_MARKED_AT_ONCE = 500
"""As many conversations with a mark are read at once and sorted; of more, the list of all is gone through."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """Which conversations are listed; None: whichever. Last spoken to from `since_us` to `until_us` (excluded)."""

    pinned: bool | None = None
    archived: bool | None = None
    folder_id: str | None = None
    model: str | None = None
    since_us: int = 0
    until_us: int = _END_OF_TIME_US

    @property
    def asks_marks(self) -> bool:
        return not (self.pinned is None and self.archived is None and self.folder_id is None)

    @property
    def mark(self) -> str | None:
        """The mark that all of them have, the rarest first; None: there is none."""
        if self.pinned:
            return PINNED
        if self.folder_id is not None:
            return folder_mark(self.folder_id)
        return ARCHIVED if self.archived else None

    def holds(self, row: ConversationRow, marks: Marks) -> bool:
        """Whether a conversation is of this kind. One that is temporary is of none."""
        return (
            not row.temporary
            and self.pinned in (None, marks.pinned)
            and self.archived in (None, marks.archived)
            and self.folder_id in (None, marks.folder_id)
            and self.model in (None, row.model)
            and self.since_us <= row.updated_at_us < self.until_us
        )


EVERY = Kind()


@dataclass(frozen=True, slots=True)
class ConversationPage:
    """`next_cursor` None: nothing comes after. A page may be short, and still not the last.

    `marks`: of those that have some, where the kind asks for marks.
    """

    rows: tuple[ConversationRow, ...]
    next_cursor: str | None
    marks: Mapping[str, Marks] = field(default_factory=dict)


def cursor_after(row: ConversationRow) -> str:
    """What the conversations after this one are asked for with."""
    return encode_cursor(row.updated_at_us, row.conversation_id)


def _after(cursor: str) -> tuple[int, str]:
    """When the last conversation given out was last spoken to, and its id."""
    at_us, conversation_id = decode_cursor(cursor)
    try:
        day_of(at_us)
        conversation_id.encode()
    except (Unprojectable, UnicodeEncodeError):
        raise BadCursor from None
    return at_us, conversation_id


async def conversation_page(
    tables: Tables, user_id: str, cursor: str | None, limit: int, kind: Kind = EVERY
) -> ConversationPage:
    """At most `limit` of the user's conversations of a kind after `cursor`, the one last spoken to first.

    A conversation that is spoken to between two pages moves to the front and is not given out again. A page looks at
    _MAX_SEEN_PER_PAGE conversations at most. Raises BadCursor, StoreUnavailable, StoreRefused.
    """
    after = None if cursor is None else _after(cursor)
    page = _Page(tables, user_id, limit, kind)
    if kind.mark is not None:
        ids = await marked(tables, user_id, kind.mark, MAX_MARKED_AT_ONCE)
        if ids is not None:
            return await page.of(ids, after)
    return await page.walked(after)


class _Page:
    def __init__(self, tables: Tables, user_id: str, limit: int, kind: Kind) -> None:
        self._tables = tables
        self._user_id = user_id
        self._limit = limit
        self._kind = kind
        self._marking = UserMarks(tables, user_id)
        self._rows: list[ConversationRow] = []
        self._marks: dict[str, Marks] = {}

    async def of(self, ids: Sequence[str], after: tuple[int, str] | None) -> ConversationPage:
        """The page of these conversations and no others."""
        found: list[ConversationRow] = []
        for start in range(0, len(ids), MAX_AT_ONCE):
            found += (await self._fitting(ids[start : start + MAX_AT_ONCE])).values()
        found.sort(key=_place, reverse=True)
        left = [row for row in found if after is None or _place(row) < after]
        self._rows = left[: self._limit]
        return self._page(cursor_after(self._rows[-1]) if len(left) > self._limit else None)

    async def walked(self, after: tuple[int, str] | None) -> ConversationPage:
        """The page of the days from the newest on, or from `after`."""
        kind = self._kind
        day = _FAR_FUTURE if kind.until_us == _END_OF_TIME_US else day_of(max(kind.until_us - 1, 0))
        if after is not None:
            day = min(day, day_of(after[0]))
        seen = 0
        while (found := await self._tables.one(_NAME, _NEXT_DAY, (self._user_id, day))) is not None:
            (day,) = found
            if day < day_of(kind.since_us):
                break
            candidates = sorted(
                ((at_us, key) for key, at_us in await self._tables.select(_NAME, _DAY, (self._user_id, day))),
                reverse=True,
            )
            if after is not None:
                candidates = [c for c in candidates if c < after]
            for start in range(0, len(candidates), MAX_AT_ONCE):
                some = candidates[start : start + MAX_AT_ONCE]
                rows = await self._fitting([key for _, key in some])
                for at_us, key in some:
                    after = (at_us, key)
                    seen += 1
                    row = rows.get(key)
                    # A row of an earlier day, or one moved to the front meanwhile; a deleted one is not there at all.
                    if row is not None and day_of(row.updated_at_us) == day:
                        self._rows.append(row)
                    if len(self._rows) == self._limit or seen == _MAX_SEEN_PER_PAGE:
                        return self._page(encode_cursor(*after))
            day -= 1
        return self._page(None)

    async def _fitting(self, ids: Sequence[str]) -> dict[str, ConversationRow]:
        """Those of at most MAX_AT_ONCE conversations that are there, the user's and of the kind."""
        rows = await conversations(self._tables, ids)
        marks = await self._marking.of(list(rows)) if self._kind.asks_marks and rows else {}
        self._marks |= marks
        return {
            key: row
            for key, row in rows.items()
            if row.user_id == self._user_id and self._kind.holds(row, marks.get(key, UNMARKED))
        }

    def _page(self, cursor: str | None) -> ConversationPage:
        shown = {row.conversation_id for row in self._rows}
        return ConversationPage(
            tuple(self._rows), cursor, {key: marks for key, marks in self._marks.items() if key in shown}
        )


def _place(row: ConversationRow) -> tuple[int, str]:
    return row.updated_at_us, row.conversation_id
