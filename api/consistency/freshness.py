"""Reads that see the caller's writes."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property
from typing import Annotated

from fastapi import Depends, Request
from starlette.requests import HTTPConnection

from api.consistency.ports import FreshPorts
from api.consistency.position_tokens import BadPositionToken, PositionToken, join, parse
from api.http.errors import ApiError, bad_request, behind, not_found
from api.http.headers import BEHIND_HEADER, POSITION_HEADER
from api.http.metrics import READS_BEHIND
from api.http.middleware import add_headers
from api.http.providing import provided
from topics.catalogue import ACCOUNT_EVENTS, CONVERSATION_EVENTS
from topics.errors import LogUnavailable


class Freshness:
    """How far the reads of one request must have come, and whether they have: they are waited for in vain once."""

    def __init__(self, request: HTTPConnection, ports: FreshPorts) -> None:
        self._request = request
        self._behind = False
        self.ports = ports

    @cached_property
    def position(self) -> PositionToken:
        """The position the request asks to see. Raises ApiError 400."""
        try:
            return parse(",".join(self._request.headers.getlist(POSITION_HEADER)))
        except BadPositionToken as error:
            raise bad_request(f"{POSITION_HEADER}: {error}.", code="invalid_position", param=POSITION_HEADER) from None

    async def catch_up(self, token: PositionToken, conversation_id: str | None = None) -> bool:
        """Wait, bounded, until reads (of one conversation) show what `token` asks for.

        False: they do not, and the answer will say that it is behind. Then no later call waits.
        """
        if not token:
            return True
        if self._behind:
            return False
        shown = await self.ports.reads.wait_for(
            dict(token.offsets), token.generations, self.ports.wait_s, conversation_id=conversation_id
        )
        if not shown:
            self._behind = True
            READS_BEHIND.inc()
            add_headers(self._request.scope, {BEHIND_HEADER: "true"})
        return shown

    async def catch_up_lists(self, user_id: str, *topics: str) -> bool:
        """`catch_up` for what lists a user's own things of some topics: with the position the request brings, and with
        what this process wrote for that user."""
        return await self._catch_up_own(user_id, topics, self.position)

    async def decide_on_lists(self, user_id: str, *topics: str) -> None:
        """`catch_up_lists` for a command that is refused or accepted by what the lists hold. Raises ApiError 503 where
        they are not as new: by older rows it could be decided wrongly."""
        if not await self.catch_up_lists(user_id, *topics):
            raise behind()

    def missing(self, what: str, *, param: str | None = None) -> ApiError:
        """For what is not in the rows that were read: 404, or 503 where this request's reads are behind, so that it may
        yet come."""
        return behind() if self._behind else not_found(what, param=param)

    async def catch_up_marks(self, user_id: str) -> bool:
        """`catch_up` for what a user keeps beside their conversations: the position is waited for as far as it is of
        account-events, and no conversation waits for another."""
        said = tuple((place, offset) for place, offset in self.position.offsets if place[0] == ACCOUNT_EVENTS)
        return await self._catch_up_own(user_id, (ACCOUNT_EVENTS,), PositionToken(said))

    async def _catch_up_own(self, user_id: str, topics: Iterable[str], position: PositionToken) -> bool:
        own_writes = self.ports.own_writes
        own = join(*(own_writes.in_lists(user_id, topic) for topic in topics))
        shown = await self.catch_up(join(position, own))
        if shown:
            own_writes.shown(user_id, own)
        return shown

    async def up_to_date(self, key: str | None = None, topic: str = CONVERSATION_EVENTS) -> bool:
        """Wait, bounded, until reads show all that a topic (the partition of one key) holds now.

        For rows that seem to be missing, and for requests without a position. False: they do not.
        """
        try:
            newest = await self.ports.ends.newest(topic, key)
        except LogUnavailable:
            return False
        return await self.catch_up(PositionToken(tuple(newest.items())))


async def freshness_of(request: Request, ports: Annotated[FreshPorts, Depends(provided(FreshPorts))]) -> Freshness:
    """The one of this request."""
    return Freshness(request, ports)


Fresh = Annotated[Freshness, Depends(freshness_of)]
