"""GET /api/v1/search: words in the caller's own conversations."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query, Response

from api.access.auth import ReadCaller
from api.consistency.freshness import Fresh
from api.conversations.ports import Conversations
from api.conversations.search_text import words_of
from api.conversations.searching import Budget, Found, Search
from api.conversations.shapes import conversation_json
from api.http.answers import iso, json_answer
from api.http.errors import bad_request, unavailable
from api.http.gates import GateBusy
from api.http.paging import Limit
from projections.conversation_marks.queries import UNMARKED, Marks
from projections.cursors import BadCursor
from topics.catalogue import ACCOUNT_EVENTS, CONVERSATION_EVENTS

router = APIRouter(prefix="/api/v1/search", tags=["search"])

MAX_AT_ONCE = 2
"""Searches of one process: each reads many rows, and the answers that are streamed come first."""

Asked = Annotated[str, Query(min_length=1, max_length=200)]
Cursor = Annotated[str | None, Query(max_length=1000)]


@router.get("")
async def search(
    caller: ReadCaller,
    q: Asked,
    fresh: Fresh,
    conversations: Conversations,
    limit: Limit = 20,
    cursor: Cursor = None,
) -> Response:
    """Conversations with all words of `q` in one message or in the title, whatever their case and accents; the one last
    spoken to first. A page may be short or empty and still have a `nextCursor`: there the search goes on."""
    words = words_of(q)
    if not words:
        raise bad_request("Invalid value for 'q': it contains no word.", param="q")
    await fresh.catch_up_lists(caller.user_id, CONVERSATION_EVENTS, ACCOUNT_EVENTS)
    try:
        async with conversations.searches.entered(conversations.wait_s):
            page = await Search(conversations.reads, caller.user_id, words, limit, Budget()).page(cursor)
    except GateBusy:
        raise unavailable("Too many searches are running. Please retry.", code="search_busy") from None
    except BadCursor:
        raise bad_request("Invalid value for 'cursor': take it from nextCursor.", param="cursor") from None
    shown = [found for found in page.found if not conversations.own_writes.deleted_here(found.row.conversation_id)]
    marks = await conversations.reads.marks(caller.user_id, [found.row.conversation_id for found in shown])
    return json_answer(
        {
            "data": [_json(found, marks.get(found.row.conversation_id, UNMARKED)) for found in shown],
            "nextCursor": page.next_cursor,
            "searchedTo": None if page.searched_to_us is None else iso(page.searched_to_us),
        }
    )


def _json(found: Found, marks: Marks) -> dict[str, Any]:
    return {
        "conversation": conversation_json(found.row, marks),
        "matches": [
            {
                "messageId": match.message_id,
                "snippet": match.snippet.text,
                "start": match.snippet.start,
                "end": match.snippet.end,
            }
            for match in found.matches
        ],
    }
