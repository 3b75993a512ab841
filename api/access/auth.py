"""Authentication: the one gate that every route except the public ones passes.

A request carries a key in a header, or the cookie of a browser that was signed in with one: the key decides in both.
A cookie speaks for this installation's own pages alone.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from hashlib import sha256
from typing import Annotated

from fastapi import Depends, Request
from fastapi.openapi.models import HTTPBearer
from fastapi.openapi.models import SecurityBase as SecurityBaseModel
from fastapi.security.base import SecurityBase
from starlette.requests import HTTPConnection

from api.access.bearer_tokens import BearerTokens
from api.access.challenge import HEADER as CHALLENGE_HEADER
from api.access.challenge import Challenge
from api.access.issuer_ends import IssuerEnds
from api.access.key_cache import KeyCache
from api.access.key_uses import KeyUses
from api.access.limiting import RateLimits
from api.access.may import RULES, Action, has_scope, is_privileged, may_at_all
from api.access.people import People
from api.access.principal import Principal
from api.access.rates import Taken
from api.access.refusals import rate_headers, refusal
from api.access.same_origin import SAFE_METHODS, refuse_other_sites
from api.access.session_ends import SessionEnds
from api.access.sessions import Session, Sessions
from api.access.signed_in import SignedIn
from api.consistency.commanding import Author
from api.http.cross_origin import CrossOrigin
from api.http.errors import ApiError, bad_request, not_found, unauthorised
from api.http.metrics import LIMITED
from api.http.middleware import add_headers, request_id
from api.http.providing import provided
from infra.clock import now_us
from infra.tiers.limited import Limited
from infra.tiers.tier import Limits

KEY_PREFIX = "vk_"
_KEY = re.compile(rf"{KEY_PREFIX}[A-Za-z0-9_-]{{43}}")
COOKIE = "verbatim_session"
_PORT = re.compile(r":([0-9]{1,5})$")


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessPorts:
    """What the gate needs."""

    keys: KeyCache
    signed_in: SignedIn
    issuer_ends: IssuerEnds
    tokens: BearerTokens
    people: People
    key_uses: KeyUses
    sessions: Sessions
    session_ends: SessionEnds
    limiter: RateLimits
    challenge: Challenge
    cross_origin: CrossOrigin


Access = Annotated[AccessPorts, Depends(provided(AccessPorts))]


def hash_of(key: str) -> str:
    """How a key is stored and looked up."""
    return sha256(key.encode()).hexdigest()


def presented_key(request: HTTPConnection) -> str | None:
    """The key a request carries, as `Authorization: Bearer` or `x-api-key`: both are the same key. None without either.

    It may be an issuer's token instead (`BearerTokens.takes`). Raises ApiError 401, and 400 when the two differ.
    """
    bearer: str | None = None
    headers = request.headers.getlist("authorization")
    if headers:
        scheme, _, value = headers[0].partition(" ")
        if len(headers) > 1 or scheme.lower() != "bearer":
            raise unauthorised("Send your key as Authorization: Bearer KEY, once.")
        bearer = value.strip(" ")
    others = request.headers.getlist("x-api-key")
    if len(others) > 1:
        raise unauthorised("Send your key as x-api-key: KEY, once.")
    other = others[0] if others else None
    if bearer is not None and other is not None and bearer != other:
        raise bad_request("Authorization and x-api-key carry different keys; send one.", code="ambiguous_api_key")
    key = bearer if bearer is not None else other
    if key == "":
        raise _keyless()
    return key


def checked_key(key: str) -> str:
    """`key`, if keys look so. Raises ApiError 401."""
    if not _KEY.fullmatch(key):
        raise unauthorised("Incorrect API key provided.")
    return key


def cookie_name(request: Request) -> str:
    """What the session cookie is called at the address that was asked.

    Browsers keep cookies by host name and not by port: without the port in the name, signing in to one of two
    installations on a host would sign out of the other.
    """
    port = _PORT.search(request.headers.get("host", ""))
    return f"{COOKIE}_{port[1]}" if port else COOKIE


def session_of(request: Request, sessions: Sessions) -> Session | None:
    """What the request's cookie says, if it has one that is ours and not too old; its key may be revoked."""
    cookie = request.cookies.get(cookie_name(request))
    return None if cookie is None else sessions.session(cookie, now_us() // 1_000_000)


def address_of(request: HTTPConnection) -> str:
    """Who asks, by address: what a trusted proxy says, or else the other end of the connection."""
    return request.client.host if request.client else ""


async def principal_of_bearer(request: HTTPConnection, access: AccessPorts, bearer: str) -> Principal:
    """Whose key, or whose token of an issuer it is. Raises ApiError 401, 403, 429, 503."""
    if access.tokens.takes(bearer):
        return let_in(await access.tokens.principal(bearer, address_of(request)))
    return await principal_of_key(request, access.keys, checked_key(bearer))


async def principal_of_key(request: HTTPConnection, keys: KeyCache, key: str) -> Principal:
    """Whose key it is.

    Raises ApiError 401: the same for keys that never were and revoked ones; 429 where too many of them were tried.
    """
    principal = await keys.principal(hash_of(key), address_of(request))
    if principal is None:
        raise unauthorised("Incorrect API key provided.")
    return let_in(principal)


def let_in(principal: Principal) -> Principal:
    """The principal, if they may come in at all. Raises ApiError 401 for a key that is too old, 403 for somebody who is
    suspended."""
    if principal.expires_at_us is not None and now_us() >= principal.expires_at_us:
        raise unauthorised("This key has expired. Make another one.", code="key_expired")
    if principal.suspended:
        raise ApiError(
            403,
            "This account is suspended. Ask an administrator of this installation.",
            code="account_suspended",
            error_type="permission_error",
        )
    return principal


async def admit_socket(socket: HTTPConnection, access: AccessPorts) -> Principal:
    """Whose key a WebSocket's first request carries; a cookie opens none, for any page may ask with it.

    Raises ApiError 401, 403 and 404 as a route that asks for answers.
    """
    key = presented_key(socket)
    if key is None:
        raise _keyless()
    return allowed(await principal_of_bearer(socket, access, key), "chat.ask")


async def within_rate(access: AccessPorts, principal: Principal) -> dict[str, str]:
    """The headers that tell how much is left of a principal's requests. Raises ApiError 429."""
    return checked(await access.limiter.admit(limited_of(principal)))


def checked(taken: Taken) -> dict[str, str]:
    """The headers that tell of a decision. Raises ApiError 429 if it is a refusal."""
    refused = refusal(taken)
    if refused is not None:
        LIMITED.labels("requests").inc()
        raise refused
    return rate_headers(taken)


def limited_of(principal: Principal) -> Limited:
    """Whom the limits count the principal as."""
    own = principal.limits
    return Limited(
        user_id=principal.user_id,
        key_id=principal.key_id,
        organisation_id=principal.organisation_id,
        tier=principal.tier,
        key_limits=Limits(
            requests_per_minute=own.requests_per_minute,
            messages_per_hour=own.messages_per_hour,
            tokens_per_minute=own.tokens_per_minute,
            concurrent_streams=own.concurrent_streams,
        ),
        key_models=own.models,
    )


async def authorise(request: Request, access: AccessPorts) -> Principal:
    """The principal of a request, by its key or else by its cookie.

    Raises ApiError 401, and 403 for a change by cookie that another site may have asked for.
    """
    key = presented_key(request)
    if key is not None:
        return await principal_of_bearer(request, access, key)
    if access.cross_origin.calls_across(request.headers) or cookie_name(request) not in request.cookies:
        raise _keyless()
    if request.method not in SAFE_METHODS:
        refuse_other_sites(request.headers)
    session = session_of(request, access.sessions)
    if session is None:
        raise unauthorised("Your session has expired. Sign in again.", code="session_expired")
    if session.recorded:
        principal = await access.signed_in.principal(session.key_sha256)
    else:
        principal = await access.keys.principal(session.key_sha256, address_of(request))
    if principal is None and session.recorded:
        raise unauthorised("This session was ended. Sign in again.", code="session_ended")
    if principal is None:
        raise unauthorised("The key that you signed in with has been revoked. Sign in again.", code="key_revoked")
    if session.number < await access.session_ends.last(principal.user_id):
        raise unauthorised("You were signed out everywhere. Sign in again.", code="session_ended")
    return replace(let_in(principal), session=session.number, form="session")


def allowed(principal: Principal, action: Action) -> Principal:
    """The principal, if they may do this at all: with their own, or with what is others'.

    Raises ApiError 403 for a key that is not for it, 404 where its routes do not exist for its user.
    """
    if may_at_all(principal, action):
        return replace(principal, privileged=True) if is_privileged(principal, action) else principal
    if not has_scope(principal, action) and may_at_all(replace(principal, scopes=None), action):
        raise ApiError(
            403,
            f"This key is not for this: it needs the scope '{RULES[action].scope}'.",
            code="insufficient_permissions",
            error_type="permission_error",
        )
    raise not_found("route")


_BEARER = HTTPBearer(description="A key, or an issuer's token. X-Api-Key takes a key as well.")


@dataclass(frozen=True, slots=True)
class RouteGate(SecurityBase):
    """The gate of a route: who is let in, within the key's request rate, for one action.

    `model` and `scheme_name` are what /openapi.json says of the routes behind it.
    Raises ApiError 401, 403, 404 and 429 as `authorise`, `allowed` and `within_rate` do.
    """

    action: Action
    model: SecurityBaseModel = field(default_factory=lambda: _BEARER, compare=False, repr=False)
    scheme_name: str = "key"

    async def __call__(self, request: Request, access: Access) -> Principal:
        principal = await authorise(request, access)
        add_headers(request.scope, await within_rate(access, principal))
        admitted = allowed(principal, self.action)
        await access.key_uses.note(principal.key_id, now_us())
        return admitted


async def admit_anybody(request: Request, access: Access) -> None:
    """For what is public: the request rate of an address, and nothing else. Raises ApiError 429."""
    add_headers(request.scope, checked(await access.limiter.admit_address(address_of(request))))


async def admit_try(request: Request, access: Access) -> None:
    """For what signs somebody in or up: how often an address may try, and what tells people from programs.

    Raises ApiError 429, and 403 for a challenge that is not passed.
    """
    address = address_of(request)
    add_headers(request.scope, checked(await access.limiter.admit_try(address)))
    if not await access.challenge.passed(request.headers.get(CHALLENGE_HEADER, ""), address):
        raise ApiError(
            403,
            f"The challenge was not passed. Send its answer as {CHALLENGE_HEADER}.",
            code="challenge_failed",
            error_type="permission_error",
        )


def _keyless() -> ApiError:
    return unauthorised("You didn't provide an API key. Send it as Authorization: Bearer KEY, or as x-api-key: KEY.")


def author_of(request: HTTPConnection, principal: Principal) -> Author:
    """The author of the commands that this request gives."""
    return Author(
        principal.user_id, request_id(request.scope), limited_of(principal), request.scope["state"]["answer_headers"]
    )


Caller = Annotated[Principal, Depends(RouteGate("self.read"))]
AskCaller = Annotated[Principal, Depends(RouteGate("chat.ask"))]
AnswerCaller = Annotated[Principal, Depends(RouteGate("chat.answers"))]
ReadCaller = Annotated[Principal, Depends(RouteGate("conversations.read"))]
WriteCaller = Annotated[Principal, Depends(RouteGate("conversations.write"))]
KeyCaller = Annotated[Principal, Depends(RouteGate("keys.manage"))]
SessionCaller = Annotated[Principal, Depends(RouteGate("sessions.end"))]
UserReader = Annotated[Principal, Depends(RouteGate("users.read"))]
UserManager = Annotated[Principal, Depends(RouteGate("users.manage"))]
UsageCaller = Annotated[Principal, Depends(RouteGate("usage.read"))]
AllUsageCaller = Annotated[Principal, Depends(RouteGate("all_usage.read"))]
AdminLimitsCaller = Annotated[Principal, Depends(RouteGate("limits.read"))]
BudgetReader = Annotated[Principal, Depends(RouteGate("budgets.read"))]
BudgetManager = Annotated[Principal, Depends(RouteGate("budgets.manage"))]
OrganisationReader = Annotated[Principal, Depends(RouteGate("organisations.read"))]
OrganisationManager = Annotated[Principal, Depends(RouteGate("organisations.manage"))]
MemberManager = Annotated[Principal, Depends(RouteGate("members.manage"))]
AllKeysReader = Annotated[Principal, Depends(RouteGate("all_keys.read"))]
AllKeysManager = Annotated[Principal, Depends(RouteGate("all_keys.manage"))]
PulseCaller = Annotated[Principal, Depends(RouteGate("pulse.read"))]
"""Who asks, by what the route is for: its action in api.access.may."""
