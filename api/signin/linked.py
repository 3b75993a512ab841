"""One-time links as they are used: the first use in the log counts."""

from __future__ import annotations

from fastapi import Request

from api.consistency.freshness import Freshness
from api.consistency.ports import CommandPorts
from api.http.errors import behind
from api.signin.one_time import hash_of_link, link_refused, state_of
from api.signin.ports import SigninPorts
from api.signin.saying import born, say
from infra.clock import now_us
from projections.sign_ins.queries import LinkRow
from schemas.signing import OneTimeLinkUsed
from topics.catalogue import ACCOUNT_EVENTS


async def good_link(signing: SigninPorts, fresh: Freshness, text: str, kind: str | None = None) -> LinkRow:
    """The link with this text. Raises ApiError 404 and 410, which say why it is not good; 503."""
    digest = hash_of_link(text.strip())
    if digest is None:
        raise link_refused("unknown")
    link = await signing.reads.one_time_link(digest)
    if link is None:
        # It may have been made a moment ago.
        await fresh.up_to_date(topic=ACCOUNT_EVENTS)
        link = await signing.reads.one_time_link(digest)
    if link is None or kind not in (None, link.kind):
        raise link_refused("unknown")
    state = state_of(link, now_us())
    if state != "good":
        raise link_refused(state)
    return link


async def use_link(
    request: Request, signing: SigninPorts, fresh: Freshness, commands: CommandPorts, link: LinkRow
) -> None:
    """Use it, for nobody else can from now on. Raises ApiError 410 where another was first, 503."""
    envelope = born(request, "anybody", "OneTimeLinkUsed")
    event = OneTimeLinkUsed(envelope=envelope, link_id=link.link_id, token_sha256=link.token_sha256)
    await say(request, commands, link.link_id, event)
    if not await fresh.up_to_date(link.link_id, ACCOUNT_EVENTS):
        raise behind()
    row = await signing.reads.one_time_link(link.token_sha256)
    if row is None or row.used_by != envelope.event_id:
        raise link_refused("used")
    if row.revoked_at_us is not None:
        raise link_refused("revoked")
