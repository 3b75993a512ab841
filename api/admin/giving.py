"""Giving a command of administration: one record, counted here at once; and the words that it may hold."""

from __future__ import annotations

from fastapi import Request
from pydantic import Field

from api.access.auth import AccessPorts, author_of
from api.access.principal import Principal
from api.consistency.commanding import IdempotencyKey, send
from api.consistency.ports import CommandPorts
from api.http.bodies import ApiBody
from api.http.errors import bad_request
from api.http.headers import POSITION_HEADER
from projections.cursors import BadCursor, decode_cursor, encode_cursor
from schemas.account import UserCreated
from schemas.envelope import Envelope
from schemas.identity import MembershipChanged, OrganisationChanged, OrganisationCreated, UserChanged
from topics.catalogue import ACCOUNT_EVENTS

NAME = r"^[A-Za-z0-9][A-Za-z0-9._@+-]{0,63}$"
TITLE = r"^[^\x00-\x1f\x7f]+$"
EMAIL = r"^[^\x00-\x20\x7f]*$"

Command = UserCreated | UserChanged | OrganisationCreated | OrganisationChanged | MembershipChanged


class Words(ApiBody):
    """What of a user can be set."""

    roles: list[str] | None = Field(default=None, min_length=1, max_length=10)
    tier: str | None = Field(default=None, max_length=64)


def envelope(request: Request, caller: Principal, key: IdempotencyKey, about: str, event: str) -> Envelope:
    """Of a command about somebody; the same for each request with this key."""
    return author_of(request, caller).envelope(f"{about}/{key.value}", event)


async def give(
    access: AccessPorts, commands: CommandPorts, caller: Principal, key: IdempotencyKey, event: Command
) -> dict[str, str]:
    """Produce it, and have it count here at once. The headers of the answer. Raises ApiError 503."""
    about = event.organisation_id if isinstance(event, OrganisationCreated | OrganisationChanged) else event.user_id
    at = await send(commands.log, ACCOUNT_EVENTS, about, event, key)
    if not isinstance(event, UserCreated):
        access.people.said(event, at)
    return {POSITION_HEADER: str(commands.own_writes.wrote_of_user(caller.user_id, ACCOUNT_EVENTS, at))}


def place_of(cursor: str | None) -> str:
    """Behind what a page begins; empty: it is the first. Raises ApiError 400."""
    try:
        return "" if cursor is None else decode_cursor(cursor)[1]
    except BadCursor:
        raise bad_request("Invalid value for 'cursor': take it from nextCursor.", param="cursor") from None


def cursor_after(last: str) -> str:
    """Where a list goes on behind what has this id."""
    return encode_cursor(0, last)
