"""Users who come by themselves: by signing up, by an invitation, or from an issuer."""

from __future__ import annotations

from fastapi import Request

from api.consistency.freshness import Freshness
from api.consistency.ports import CommandPorts
from api.http.errors import behind
from api.signin.ports import SigninPorts
from api.signin.saying import born, say
from projections.order import first_wins
from projections.sign_ins.queries import LinkRow
from schemas.account import UserCreated
from schemas.identity import MembershipChanged, UserChanged
from topics.catalogue import ACCOUNT_EVENTS


async def create_user(
    request: Request,
    fresh: Freshness,
    commands: CommandPorts,
    signing: SigninPorts,
    *,
    user_id: str,
    name: str,
    link: LinkRow | None = None,
) -> bool:
    """A new user, as their invitation says. False: another was first to take the name. Raises ApiError 503.

    Two may sign up at once: the log says who was first, and the other one gets nothing.
    """
    made = UserCreated(envelope=born(request, user_id, "UserCreated"), user_id=user_id, name=name)
    at = await say(request, commands, user_id, made)
    if not await fresh.up_to_date(user_id, ACCOUNT_EVENTS):
        raise behind()
    if await signing.reads.user_made_at(user_id) != first_wins(at):
        return False
    if link is None:
        return True
    if link.roles or link.tier:
        changed = UserChanged(
            envelope=born(request, user_id, "UserChanged"),
            user_id=user_id,
            roles=link.roles or None,
            tier=link.tier or None,
        )
        await say(request, commands, user_id, changed)
    if link.organisation_id:
        joined = MembershipChanged(
            envelope=born(request, user_id, "MembershipChanged"),
            user_id=user_id,
            organisation_id=link.organisation_id,
            role=link.organisation_role or "member",
        )
        await say(request, commands, user_id, joined)
    return True
