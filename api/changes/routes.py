"""/api/v1/changes: what changes for the caller, on all their devices, as it happens."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from api.access.auth import Access, ReadCaller, authorise
from api.changes.following import Following
from api.changes.ports import Changes
from api.log_view.asked_cut import AskedAfter, asked_cut
from api.streaming.pushed import PushedStream

router = APIRouter(prefix="/api/v1/changes", tags=["conversations"])


@router.get("")
async def stream_changes(
    request: Request,
    caller: ReadCaller,
    access: Access,
    changes: Changes,
    after: AskedAfter = None,
) -> Response:
    """Stream the changes of the caller's conversations, settings and keys; with `Last-Event-ID`, from there on."""
    start = asked_cut(request)
    feed = await changes.hub.open(caller.user_id)
    try:
        following = Following(changes.hub, changes.catching_up, feed, start)
        await authorise(request, access)  # again: a key that was revoked meanwhile had no stream yet to be ended
    except BaseException:
        changes.hub.close(feed)
        raise
    return PushedStream(following, changes.readers, caller.credential)
