"""A user's conversations, newest first, a page at a time: all of them, or those of a kind."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from projections.conversation_lists.fold import day_of
from projections.conversation_lists.kinds import END_OF_TIME_US, EVERY, Kind
from projections.conversation_marks.queries import UNMARKED, Marks, UserMarks, marked, marked_of
from projections.conversations.queries import MAX_AT_ONCE, ConversationRow, conversations
from projections.cursors import BadCursor, decode_cursor, encode_cursor
from projections.reading import Tables
from projections.rows import Unprojectable

_NAME = "conversation_lists"
# Ordered by day; the rows of one day come by id and are sorted here.
_DAYS = "SELECT day, conversation_id, at_us FROM {conversations_by_user} WHERE user_id = ? AND day <= ? LIMIT ?"
_DAY = "SELECT day, conversation_id, at_us FROM {conversations_by_user} WHERE user_id = ? AND day = ?"
_FAR_FUTURE = 2**31 - 1
_MAX_SEEN_PER_PAGE = 5000
"""Rows of the list, of which a page looks at no more."""
_MAX_READ_PER_PAGE = 500
"""Conversations that are read for a page, whether they are of its kind or not."""
MAX_MARKED_AT_ONCE = 200
"""As many conversations with a mark are read at once and sorted; of more, the list of all is gone through."""
_LOOKED_AT = 200
_MAX_AT_ONCE = 1000
"""Rows of the list that are read at once."""
_SPARE = 5
"""So many more than a page needs are read: of some a newer row of the list was seen already."""


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

    A conversation that is spoken to between two pages moves to the front and is not given out again. A page is bounded
    by what is looked at for it: it may be short, and still not the last. Raises BadCursor, StoreUnavailable,
    StoreRefused.
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
        self._after: tuple[int, str] | None = None
        self._seen = self._read = 0

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
        day = _FAR_FUTURE if kind.until_us == END_OF_TIME_US else day_of(max(kind.until_us - 1, 0))
        if after is not None:
            day = min(day, day_of(after[0]))
        first = day_of(kind.since_us)
        self._after = after
        most = _LOOKED_AT
        while day >= first and (listed := await self._listed(day, most)):
            day = day_of(listed[-1][0]) - 1
            places = [place for place in listed if day_of(place[0]) >= first and (after is None or place < after)]
            for start in range(0, len(places), _LOOKED_AT):
                if await self._is_full_with(places[start : start + _LOOKED_AT]):
                    return self._page(None if self._after is None else encode_cursor(*self._after))
            most = min(2 * most, _MAX_AT_ONCE)
        return self._page(None)

    async def _listed(self, day: int, most: int) -> list[tuple[int, str]]:
        """The list from `day` on, newest first: some whole days, of `most` rows together if they are several."""
        rows = await self._tables.select(_NAME, _DAYS, (self._user_id, day, most))
        if len(rows) == most:
            last = rows[-1][0]
            # The last day may go on: it comes with the next ones, or is read by itself.
            if rows[0][0] == last:
                rows = await self._tables.select(_NAME, _DAY, (self._user_id, last))
            else:
                rows = [row for row in rows if row[0] != last]
        return sorted(((at_us, key) for _, key, at_us in rows), reverse=True)

    async def _is_full_with(self, places: Sequence[tuple[int, str]]) -> bool:
        """Look at places of the list, in their order; whether the page ends with one of them."""
        left = await self._marked_so([key for _, key in places])
        at = 0
        while at < len(places):
            some: list[tuple[int, str]] = []
            read: list[str] = []
            wanted = min(MAX_AT_ONCE, self._limit - len(self._rows) + _SPARE)
            while at < len(places) and len(read) < wanted:
                some.append(places[at])
                read += [places[at][1]] if places[at][1] in left else []
                at += 1
            rows = await self._fitting(read) if read else {}
            self._read += len(read)
            for place in some:
                self._after = place
                self._seen += 1
                row = rows.get(place[1])
                # A row of an earlier day, or one moved to the front meanwhile; a deleted one is not there at all.
                if row is not None and day_of(row.updated_at_us) == day_of(place[0]):
                    self._rows.append(row)
                if len(self._rows) == self._limit or self._seen == _MAX_SEEN_PER_PAGE:
                    return True
            if self._read >= _MAX_READ_PER_PAGE:
                return True
        return False

    async def _marked_so(self, ids: Sequence[str]) -> set[str]:
        """Those that may be of the kind, as far as lists of marks tell, of which one read tells many."""
        left = set(ids)
        for mark, is_wanted in self._kind.listed.items():
            if left:
                found = await marked_of(self._tables, self._user_id, mark, [key for key in ids if key in left])
                left = left & found if is_wanted else left - found
        return left

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
