"""/api/v1/session: sign a browser in with a password, a key or a one-time link, and sign it out."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Depends, Request, Response
from pydantic import Field

from api.access.auth import (
    Access,
    AccessPorts,
    Caller,
    address_of,
    admit_anybody,
    admit_try,
    allowed,
    author_of,
    authorise,
    checked_key,
    let_in,
    presented_key,
    principal_of_key,
    session_of,
)
from api.access.may import ACTIONS, INSTALLATION, may, may_at_all
from api.access.ports import AccountPorts, Accounts, LinksUnavailable
from api.access.principal import Principal
from api.access.same_origin import refuse_other_sites
from api.access.session_cookies import set_cookie
from api.access.sessions import CLOCKS_APART_S, LINK_S, Session
from api.consistency.account_commands import Giving
from api.consistency.commanding import idempotency_key
from api.consistency.freshness import Fresh, Freshness
from api.consistency.ports import CommandPorts, Commands
from api.consistency.upgrading import check_kept, check_signing
from api.http.answers import iso, json_answer, openapi_body
from api.http.bodies import ApiBody, BodyReader
from api.http.errors import ApiError, bad_request, unauthorised, unavailable
from api.http.headers import POSITION_HEADER, REPLAYED_HEADER
from api.signin.ending import end_session
from api.signin.names import prepared
from api.signin.passwords import user_by_password
from api.signin.ports import Signing
from api.signin.starting import put_cookie, start_session
from infra.clock import now_us
from schemas import ids
from schemas.account import SessionsEnded

router = APIRouter(prefix="/api/v1/session", tags=["session"])
MAX_BODY_BYTES = 16 * 1024


class SignIn(ApiBody):
    """One of the three: a name and its password, a key, a link."""

    name: str | None = Field(default=None, max_length=200)
    password: str | None = Field(default=None, max_length=1000)
    key: str | None = Field(default=None, max_length=200)
    link: str | None = Field(default=None, max_length=1000)


@router.get("")
async def get_session(request: Request, caller: Caller, access: Access, accounts: Accounts) -> Response:
    """The current user. `expiresAt` is null for a request that carries its key."""
    session = session_of(request, access.sessions) if presented_key(request) is None else None
    return json_answer(await session_json(accounts, caller, None if session is None else session.expires_at_s))


@router.post("", openapi_extra=openapi_body(SignIn), dependencies=[Depends(admit_anybody), Depends(admit_try)])
async def sign_in(
    request: Request,
    bodies: BodyReader,
    fresh: Fresh,
    access: Access,
    accounts: Accounts,
    commands: Commands,
    signing: Signing,
) -> Response:
    """Sign in: exchange a password, a key or a one-time link for a session cookie. A refusal is a 401."""
    refuse_other_sites(request.headers)
    body = await bodies.read(request, SignIn, max_bytes=MAX_BODY_BYTES)
    ways = [way for way in (body.name, body.key, body.link) if way is not None]
    if len(ways) != 1 or (body.name is None) != (body.password is None):
        raise bad_request("Send 'name' and 'password', or 'key', or 'link'.", param="name")
    if body.name is not None and body.password is not None:
        check_signing("password")
        name = prepared(body.name)
        # Asked before the password is: who ends all sessions meanwhile, with another password, ends this one too.
        number = await access.session_ends.last(ids.user_id(name))
        user_id = await user_by_password(request, signing, fresh, commands, name, body.password)
        return await signed_in_answer(
            request,
            access,
            accounts,
            commands,
            user_id=user_id,
            method="password",
            session_s=signing.session_s,
            number=number,
        )
    if body.key is not None:
        principal = await principal_of_key(request, access.keys, checked_key(body.key.strip()))
    else:
        principal = await _principal_of_link(request, access, accounts, body.link or "")
    now_s = now_us() // 1_000_000
    number = await access.session_ends.last(principal.user_id)
    cookie, session = access.sessions.cookie(principal.key_sha256, now_s, number)
    answer = json_answer(await session_json(accounts, principal, session.expires_at_s))
    set_cookie(request, answer, cookie, session.expires_at_s - now_s)
    return answer


async def signed_in_answer(
    request: Request,
    access: AccessPorts,
    accounts: AccountPorts,
    commands: CommandPorts,
    *,
    user_id: str,
    method: str,
    session_s: int,
    number: int | None = None,
) -> Response:
    """A session that stands in the log, and its cookie. `number` as in `start_session`."""
    cookie, principal, expires_at_s = await start_session(
        request, access, commands, user_id=user_id, method=method, session_s=session_s, number=number
    )
    answer = json_answer(await session_json(accounts, principal, expires_at_s))
    put_cookie(request, answer, cookie, expires_at_s)
    return answer


@router.delete("", status_code=204, dependencies=[Depends(admit_anybody)])
async def sign_out(
    request: Request, access: Access, fresh: Fresh, commands: Commands, everywhere: bool = False
) -> Response:
    """The cookie is gone from this browser. It needs no good one: an old one can be taken away as well.

    `everywhere`: no cookie of the user's that was made before opens anything any more, and what is streamed by one
    ends. For this, the caller must be signed in, or bring a key that is for it.
    """
    refuse_other_sites(request.headers)
    answer = Response(status_code=204)
    if everywhere:
        await _end_sessions(request, access, fresh, commands, answer)
    elif (session := session_of(request, access.sessions)) is not None and session.recorded:
        await _end_this(request, access, commands, session)
    set_cookie(request, answer, "", 0)
    return answer


async def _end_sessions(
    request: Request, access: AccessPorts, fresh: Freshness, commands: CommandPorts, answer: Response
) -> None:
    caller = allowed(await authorise(request, access), "sessions.end")
    check_kept("everywhere")
    giving = Giving(
        fresh,
        commands,
        author_of(request, caller),
        idempotency_key(request),
        event=SessionsEnded,
        about="sessions",
        asked={},
    )
    if await giving.is_repeat():
        answer.headers[REPLAYED_HEADER] = "true"
        return
    token, at = await giving.give(lambda envelope, asked_for: SessionsEnded(envelope, caller.user_id, asked_for))
    access.session_ends.ended(caller.user_id, at)
    answer.headers[POSITION_HEADER] = str(token)


async def _end_this(request: Request, access: AccessPorts, commands: CommandPorts, session: Session) -> None:
    """A session that stands in the log is over, wherever its cookie was copied to."""
    principal = await access.signed_in.principal(session.key_sha256)
    if principal is not None:
        await end_session(request, access, commands, principal.user_id, principal.key_id, session.key_sha256)


async def _principal_of_link(request: Request, access: AccessPorts, accounts: AccountPorts, text: str) -> Principal:
    """Raises ApiError 401 for a link that is no good (any more), 503 when that cannot be told."""
    link = access.sessions.opened(text.strip(), now_us() // 1_000_000)
    if link is None:
        raise _link_expired("This link has expired, or another installation made it.")
    # The link is taken last: a store that is away must not use it up.
    principal = await access.keys.principal(link.key_sha256, address_of(request))
    if principal is None:
        raise _link_expired("The key that this link was made for has been revoked.")
    let_in(principal)
    try:
        first = await accounts.links.take(link.nonce, LINK_S + CLOCKS_APART_S)
    except LinksUnavailable:
        raise unavailable(
            "Cannot check now whether this link was used already. Try again, or sign in with your key.",
            code="links_unavailable",
        ) from None
    if not first:
        raise _link_expired("This link has already been used.")
    return principal


def _link_expired(reason: str) -> ApiError:
    return unauthorised(
        f"{reason} Sign in with your key, or create another link with ./verbatim key link.", code="link_expired"
    )


async def session_json(accounts: AccountPorts, principal: Principal, expires_at_s: int | None) -> dict[str, Any]:
    """Who is signed in, and until when."""
    user = await accounts.reads.user(principal.user_id)
    return {
        "userId": principal.user_id,
        "userName": user.name if user is not None else None,
        "keyId": principal.key_id,
        "operator": may(principal, "pulse.read", INSTALLATION),
        "roles": sorted(principal.roles),
        "tier": principal.tier,
        "account": principal.account,
        "organisation": await _organisation_json(accounts, principal),
        "scopes": None if principal.scopes is None else sorted(principal.scopes),
        "may": sorted(action for action in ACTIONS if may_at_all(principal, action)),
        "expiresAt": iso(expires_at_s * 1_000_000) if expires_at_s is not None else None,
    }


async def _organisation_json(accounts: AccountPorts, principal: Principal) -> dict[str, str | None] | None:
    """The organisation that pays; None: nobody but the user does."""
    if not principal.organisation_id:
        return None
    row = await accounts.reads.organisation(principal.organisation_id)
    return {
        "id": principal.organisation_id,
        "name": None if row is None else row.name,
        "role": principal.organisation_role,
    }
