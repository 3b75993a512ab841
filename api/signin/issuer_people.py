"""Who somebody is whom an issuer signed in, and what its claims make of them at each sign-in.

A person is known by (issuer, subject) alone: a name or an e-mail address of the issuer's links nobody to a user here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastapi import Request

from api.access.auth import AccessPorts
from api.consistency.freshness import Freshness
from api.consistency.ports import CommandPorts
from api.http.errors import ApiError, bad_request
from api.signin.flow import Flow
from api.signin.linked import good_link, use_link
from api.signin.names import prepared
from api.signin.one_time import INVITATION
from api.signin.people import create_user
from api.signin.ports import SigninPorts
from api.signin.saying import born, say
from infra.issuers.claims import name_of, organisations_of, roles_of
from infra.settings.issuers import IssuerSettings
from schemas import ids
from schemas.identity import MembershipChanged, OrganisationCreated, UserChanged
from schemas.signing import IdentityLinked, Login


async def person_of(
    request: Request,
    signing: SigninPorts,
    access: AccessPorts,
    fresh: Freshness,
    commands: CommandPorts,
    settings: IssuerSettings,
    login: Login,
    claims: Mapping[str, Any],
    flow: Flow,
) -> str:
    """The user. Who was never here becomes one if the issuer's settings or an invitation say so.

    Raises ApiError 403, 410, 503.
    """
    user_id = await signing.reads.linked_user(login.issuer, login.subject)
    if user_id is None:
        user_id = ids.issuer_user_id(login.issuer, login.subject)
        await fresh.up_to_date(user_id)
        user_id = await signing.reads.linked_user(login.issuer, login.subject) or await _welcomed(
            request, signing, fresh, commands, settings, login, claims, flow
        )
    await _mapped(request, access, signing, commands, settings, user_id, claims)
    return user_id


async def _welcomed(
    request: Request,
    signing: SigninPorts,
    fresh: Freshness,
    commands: CommandPorts,
    settings: IssuerSettings,
    login: Login,
    claims: Mapping[str, Any],
    flow: Flow,
) -> str:
    user_id = ids.issuer_user_id(login.issuer, login.subject)
    link = await good_link(signing, fresh, flow.invitation, INVITATION) if flow.invitation else None
    if link is None and not settings.create_users:
        raise ApiError(
            403,
            f"Your account of {settings.shown} belongs to no user here. Ask an administrator of this installation for "
            "an invitation, and follow it.",
            code="not_a_user",
            error_type="permission_error",
        )
    name = name_of(claims, settings.name_claim)
    if link is not None:
        if link.name and prepared(name) != link.name:
            raise bad_request(f"This invitation is for the name '{link.name}'.", code="other_name", param="invitation")
        await use_link(request, signing, fresh, commands, link)
    if await signing.reads.user(user_id) is None:
        # Who was first does not matter here: both are this person.
        await create_user(request, fresh, commands, signing, user_id=user_id, name=name, link=link)
    linked = IdentityLinked(
        envelope=born(request, user_id, "IdentityLinked"), user_id=user_id, issuer=login.issuer, subject=login.subject
    )
    await say(request, commands, user_id, linked)
    return user_id


async def _mapped(
    request: Request,
    access: AccessPorts,
    signing: SigninPorts,
    commands: CommandPorts,
    settings: IssuerSettings,
    user_id: str,
    claims: Mapping[str, Any],
) -> None:
    """What the rules of the settings give is given; what they name and do not give is taken away."""
    standing = await access.people.standing(user_id)
    if settings.roles:
        roles = roles_of(claims, settings.roles)
        if roles != standing.roles:
            event = UserChanged(
                envelope=born(request, user_id, "UserChanged"), user_id=user_id, roles=tuple(sorted(roles))
            )
            await say(request, commands, user_id, event)
    wanted = organisations_of(claims, settings.organisations)
    for name in dict.fromkeys(rule.organisation for rule in settings.organisations):
        organisation_id, role = ids.organisation_id(name), wanted.get(name)
        if standing.membership(organisation_id).role == (role or ""):
            continue
        if role is not None and await signing.reads.organisation(organisation_id) is None:
            created = OrganisationCreated(
                envelope=born(request, user_id, "OrganisationCreated"), organisation_id=organisation_id, name=name
            )
            await say(request, commands, user_id, created, key=organisation_id)
        changed = MembershipChanged(
            envelope=born(request, user_id, "MembershipChanged"),
            user_id=user_id,
            organisation_id=organisation_id,
            role=role,
        )
        await say(request, commands, user_id, changed)
