"""GET /api/v1/conversations/{id}/branch: one path through the tree of messages, newest page first."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Response

from api.access.auth import ReadCaller
from api.consistency.freshness import Fresh
from api.consistency.ownership import checked_id, conversation_of
from api.conversations.ports import Conversations
from api.conversations.shapes import message_json
from api.http.answers import json_answer
from api.http.errors import bad_request, behind, not_found
from api.http.paging import Limit

router = APIRouter(prefix="/api/v1/conversations/{conversation_id}/branch", tags=["messages"])

MessageId = Annotated[str | None, Query(max_length=100)]


@router.get("")
async def get_branch(
    caller: ReadCaller,
    conversation_id: str,
    fresh: Fresh,
    conversations: Conversations,
    leaf: MessageId = None,
    through: MessageId = None,
    before: MessageId = None,
    limit: Limit = 60,
) -> Response:
    """The messages that lead to `leaf`; or to the newest descendant of `through`; else, to the newest message: the last
    ones, or those before `before`. `siblings` of each are the other branches there."""
    reads = conversations.reads
    if leaf is not None and through is not None:
        raise bad_request("'leaf' and 'through' each choose a branch: send only one of them.", param="through")
    for named in (leaf, through, before):
        if named is not None:
            checked_id("message", named)
    await conversation_of(fresh, caller.user_id, conversation_id)
    page = await reads.branch(conversation_id, leaf=leaf, through=through, before=before, limit=limit)
    if page is None:
        # Its row may still be on its way.
        shown = await fresh.up_to_date(conversation_id)
        page = await reads.branch(conversation_id, leaf=leaf, through=through, before=before, limit=limit)
        if page is None:
            raise not_found("message") if shown else behind()
    answers = [message.row.message_id for message in page.messages if message.row.role == "assistant"]
    ratings = await reads.ratings(conversation_id, answers)
    data = [
        {
            **message_json(message.row, ratings.get(message.row.message_id)),
            "siblings": message.siblings,
        }
        for message in page.messages
    ]
    return json_answer({"data": data, "leaf": page.leaf, "nextBefore": page.next_before})
