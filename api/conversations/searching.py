"""Searches a user's conversations, one bounded page at a time."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from api.conversations.ports import SearchReads
from api.conversations.search_text import PIECE_CHARACTERS, Snippet, folded_pieces, snippet
from infra.clock import monotonic_s
from projections.conversation_lists.queries import cursor_after
from projections.conversations.queries import ConversationRow
from projections.cursors import BadCursor, decode_cursor, encode_cursor
from projections.messages.text_queries import TextPage
from schemas.envelope import Content

MAX_MATCHES = 3
"""Shown of one conversation; it is not looked through further then."""
_CONVERSATIONS_AT_ONCE = 20
# A prompt and its answer may be megabytes: what a read brings is seen before more is asked for.
_FIRST_TURNS = 10
_MAX_TURNS = 50
_MANY_CHARACTERS = 500_000


@dataclass(frozen=True, slots=True)
class Match:
    """Where the words stand. `message_id` None: in the title."""

    message_id: str | None
    snippet: Snippet


@dataclass(frozen=True, slots=True)
class Found:
    """A conversation with its newest matches."""

    row: ConversationRow
    matches: tuple[Match, ...]


@dataclass(frozen=True, slots=True)
class SearchPage:
    """`next_cursor` None: nothing comes after. `searched_to_us`: the last prompt of the last conversation that was
    looked at; None: there was none."""

    found: tuple[Found, ...]
    next_cursor: str | None
    searched_to_us: int | None


@dataclass(slots=True)
class Budget:
    """What one page may look at: turns, characters, seconds. It is asked between two reads, so a page is a little more.

    A page that has looked at nothing yet always may: a search gets on.
    """

    turns: int = 3000
    characters: int = 8_000_000
    seconds: float = 1.0
    _began_s: float = field(default_factory=monotonic_s)

    def spend(self, turns: int) -> None:
        self.turns -= turns

    @property
    def spent(self) -> bool:
        return self.turns <= 0 or self.characters <= 0 or monotonic_s() - self._began_s >= self.seconds


class _InTheMiddle(Exception):
    """The budget is spent. `before`: where this conversation goes on."""

    def __init__(self, before: int) -> None:
        self.before = before


class Search:
    """One page of one search."""

    def __init__(self, reads: SearchReads, user_id: str, words: tuple[str, ...], limit: int, budget: Budget) -> None:
        """`words`: folded."""
        self._reads = reads
        self._user_id = user_id
        self._words = words
        self._limit = limit
        self._budget = budget
        self._found: dict[str, Found] = {}
        self._searched_to_us: int | None = None
        self._since_pause = 0

    async def page(self, cursor: str | None) -> SearchPage:
        """The user's conversations that hold all words in one message or in their title, the one last spoken to first.

        Raises BadCursor, StoreUnavailable.
        """
        after: str | None = None
        if cursor is not None:
            after, begun, before = _parsed(cursor)
            row = None if begun is None else await self._reads.conversation(begun)
            if row is not None and row.user_id == self._user_id:
                stopped = await self._look_at(row, before, after)
                if stopped is not None:
                    return self._page(stopped)
                if self._full:
                    return self._page(_cursor(after))
        while True:
            page = await self._reads.conversations(self._user_id, after, _CONVERSATIONS_AT_ONCE)
            for number, row in enumerate(page.rows):
                after = cursor_after(row)
                is_last = page.next_cursor is None and number == len(page.rows) - 1
                stopped = await self._look_at(row, None, after)
                if stopped is not None:
                    return self._page(stopped)
                if not is_last and self._full:
                    return self._page(_cursor(after))
            # A list may have looked at many that are gone, and still have shown none.
            after = page.next_cursor
            if after is None:
                return self._page(None)
            if self._budget.spent:
                return self._page(_cursor(after))
            self._budget.spend(1)

    @property
    def _full(self) -> bool:
        return self._budget.spent or len(self._found) == self._limit

    async def _look_at(self, row: ConversationRow, before: int | None, after: str) -> str | None:
        """Look through a conversation, from its newest message on or from `before`. What the search goes on with if the
        budget ends it in the middle with nothing found yet."""
        self._searched_to_us = row.updated_at_us
        matches: list[Match] = []
        stopped = None
        try:
            await self._match(row, before, matches)
        except _InTheMiddle as end:
            stopped = end.before
        if matches:
            # What has matches is shown once, though older ones may be left.
            self._found.setdefault(row.conversation_id, Found(row, tuple(matches)))
            return _cursor(after) if stopped is not None else None
        return None if stopped is None else _cursor(after, row.conversation_id, stopped)

    async def _match(self, row: ConversationRow, before: int | None, matches: list[Match]) -> None:
        if before is None and row.title is not None:
            await self._match_text(None, row.title, matches)
        turns = _FIRST_TURNS
        while True:
            page = await self._reads.texts(row.conversation_id, before, turns)
            self._budget.spend(page.turns + 1)
            turns = max(1, turns // 4) if _characters(page) > _MANY_CHARACTERS else min(2 * turns, _MAX_TURNS)
            for message_id, text in page.texts:
                await self._match_text(message_id, text, matches)
                if len(matches) == MAX_MATCHES:
                    return
            before = page.next_before
            if before is None:
                return
            if self._budget.spent:
                raise _InTheMiddle(before)

    async def _match_text(self, message_id: str | None, text: Content, matches: list[Match]) -> None:
        if not isinstance(text, str):
            return
        pieces: list[str] = []
        for piece in folded_pieces(text):
            pieces.append(piece)
            await self._pause(len(piece))
        self._budget.characters -= len(text)
        whole = "".join(pieces)
        for word in self._words:
            if word not in whole:
                return
            await self._pause(len(whole))
        matches.append(Match(message_id, snippet(text, pieces, self._words)))

    async def _pause(self, characters: int) -> None:
        """Let others' answers go on being streamed, now and then."""
        self._since_pause += characters
        if self._since_pause >= PIECE_CHARACTERS:
            self._since_pause = 0
            await asyncio.sleep(0)

    def _page(self, cursor: str | None) -> SearchPage:
        return SearchPage(tuple(self._found.values()), cursor, self._searched_to_us)


def _characters(page: TextPage) -> int:
    return sum(len(text) for _, text in page.texts if isinstance(text, str))


def _cursor(after: str, conversation_id: str = "", before: int = 0) -> str:
    return encode_cursor(before, f"{conversation_id}/{after}")


def _parsed(cursor: str) -> tuple[str, str | None, int]:
    """The list's cursor; the conversation that was begun, and where it goes on. Raises BadCursor."""
    before, text = decode_cursor(cursor)
    conversation_id, slash, after = text.partition("/")
    if not slash or not after:
        raise BadCursor
    # It is given to queries by itself; the list looks at its own part.
    decode_cursor(after)
    if len(conversation_id) > 100 or not conversation_id.isascii():
        raise BadCursor
    return after, conversation_id or None, before
