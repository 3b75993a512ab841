"""The one-time links that the command line makes; the same as those of the API."""

from __future__ import annotations

from dataclasses import dataclass

from api.signin.one_time import DAY_US, DAYS, INVITATION, LINK_PREFIX, RESET, hash_of_link
from infra.clock import now_us
from infra.ids import draw_id, draw_secret
from schemas import ids
from schemas.envelope import Envelope
from schemas.signing import OneTimeLinkMade


@dataclass(frozen=True, slots=True)
class NewLink:
    """`text` is shown once and kept nowhere."""

    text: str
    event: OneTimeLinkMade


def invitation(
    name: str,
    roles: tuple[str, ...],
    tier: str,
    days: int | None,
    *,
    organisation_id: str = "",
    organisation_role: str = "",
) -> NewLink:
    """For somebody new, with this name (empty: any that is free), who belongs to this organisation from the start."""
    return _made(
        INVITATION,
        days,
        name=name,
        roles=tuple(sorted(set(roles))),
        tier=tier,
        organisation_id=organisation_id,
        organisation_role=organisation_role,
    )


def password_reset(user_id: str, days: int | None) -> NewLink:
    """For a user who chooses a new password."""
    return _made(RESET, days, user_id=user_id)


def _made(
    kind: str,
    days: int | None,
    *,
    name: str = "",
    roles: tuple[str, ...] = (),
    tier: str = "",
    user_id: str = "",
    organisation_id: str = "",
    organisation_role: str = "",
) -> NewLink:
    link_id, text, at_us = draw_id(), LINK_PREFIX + draw_secret(32), now_us()
    envelope = Envelope(ids.event_id(link_id, "OneTimeLinkMade"), at_us, None, draw_id(), "system:cli")
    event = OneTimeLinkMade(
        envelope=envelope,
        link_id=link_id,
        token_sha256=hash_of_link(text) or "",
        kind=kind,
        expires_at_us=at_us + (days or DAYS[kind]) * DAY_US,
        name=name,
        roles=roles,
        tier=tier,
        user_id=user_id,
        organisation_id=organisation_id,
        organisation_role=organisation_role,
    )
    return NewLink(text, event)
