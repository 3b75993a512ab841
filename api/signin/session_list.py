"""/api/v1/sessions: the browsers that the caller is signed in with; /api/v1/session/password: another password."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response
from pydantic import Field

from api.access.auth import Access, AccessPorts, SessionCaller
from api.access.ports import Accounts
from api.access.principal import Principal
from api.consistency.freshness import Fresh
from api.consistency.ownership import checked_id
from api.consistency.ports import CommandPorts, Commands
from api.consistency.upgrading import check_signing
from api.http.answers import iso, json_answer, openapi_body
from api.http.bodies import ApiBody, BodyReader
from api.http.errors import ApiError, unauthorised
from api.http.headers import POSITION_HEADER
from api.signin.ending import end_session
from api.signin.passwords import hash_for, password_now, set_password, slow_down
from api.signin.ports import Signing
from api.signin.saying import born, say
from api.signin.starting import put_cookie, start_session
from infra.clock import now_us
from infra.passwords.hashing import HashingFull
from infra.passwords.rules import prepared
from schemas.account import SessionsEnded
from topics.catalogue import ACCOUNT_EVENTS

router = APIRouter(prefix="/api/v1", tags=["session"])
MAX_BODY_BYTES = 16 * 1024


class NewPassword(ApiBody):
    """`current`: the password so far; who has none sends none."""

    current: str | None = Field(default=None, max_length=1000)
    password: str = Field(max_length=1000)


@router.get("/sessions")
async def list_sessions(caller: SessionCaller, fresh: Fresh, signing: Signing) -> Response:
    """The caller's sessions that are open: by password, invitation or an issuer. A browser that was signed in with a
    key is not among them: it ends with its key."""
    await fresh.catch_up_lists(caller.user_id, ACCOUNT_EVENTS)
    rows = await signing.reads.sessions(caller.user_id)
    at_us = now_us()
    listed = [
        {
            "id": row.session_id,
            "method": row.method,
            "issuer": None if row.login is None else row.login.issuer,
            "createdAt": iso(row.created_at_us),
            "expiresAt": iso(row.expires_at_us),
            "current": row.session_sha256 == caller.key_sha256,
        }
        for row in rows
        if row.ended_at_us is None and row.expires_at_us > at_us
    ]
    return json_answer({"data": listed})


@router.delete("/sessions/{session_id}", status_code=204)
async def delete_session(
    request: Request,
    session_id: str,
    caller: SessionCaller,
    fresh: Fresh,
    access: Access,
    signing: Signing,
    commands: Commands,
) -> Response:
    """From now on it opens nothing, and its open streams end."""
    checked_id("session", session_id)
    await fresh.catch_up_lists(caller.user_id, ACCOUNT_EVENTS)
    row = await signing.reads.session_of_user(caller.user_id, session_id)
    if row is None:
        raise fresh.missing("session")
    token = await end_session(request, access, commands, caller.user_id, session_id, row.session_sha256)
    return Response(status_code=204, headers={POSITION_HEADER: str(token)})


@router.post("/session/password", status_code=204, openapi_extra=openapi_body(NewPassword))
async def change_password(
    request: Request,
    caller: SessionCaller,
    bodies: BodyReader,
    fresh: Fresh,
    access: Access,
    accounts: Accounts,
    signing: Signing,
    commands: Commands,
) -> Response:
    """Another password. Every session so far is over, but for the one that asks."""
    body = await bodies.read(request, NewPassword, max_bytes=MAX_BODY_BYTES)
    check_signing("password")
    if caller.is_restricted or accounts.budgets.limits_key(caller.account, caller.key_id):
        # A password opens all that the user may, for good.
        raise ApiError(
            403,
            "A key with scopes, an end, limits or a budget sets no password, nor does an issuer's token. Sign in in "
            "a browser.",
            code="insufficient_permissions",
            error_type="permission_error",
        )
    before = await password_now(signing, fresh, caller.user_id)
    user = await signing.reads.user(caller.user_id)
    name = user.name if user is not None else ""
    await _check_current(signing, caller, before, body.current, request)
    kept = await hash_for(signing, body.password, name)
    if await password_now(signing, fresh, caller.user_id) != before:
        raise unauthorised("Another password was set meanwhile.", code="wrong_password")
    await set_password(request, commands, caller.user_id, kept)
    await end_all(request, access, commands, caller.user_id)
    answer = Response(status_code=204)
    if caller.form == "session":
        cookie, _, expires_at_s = await start_session(
            request, access, commands, user_id=caller.user_id, method="password", session_s=signing.session_s
        )
        put_cookie(request, answer, cookie, expires_at_s)
    return answer


async def _check_current(
    signing: Signing, caller: Principal, kept: str | None, current: str | None, request: Request
) -> None:
    """Raises ApiError 401 for another password than the user has, 429."""
    if kept is None:
        return
    address = request.client.host if request.client else ""
    await slow_down(signing, caller.user_id, address)
    try:
        verdict = await signing.passwords.verdict(kept, prepared(current or ""))
    except HashingFull:
        raise ApiError(503, "Too many passwords are being checked. Please retry.", code="overloaded") from None
    if not verdict.fits:
        raise unauthorised("The current password is wrong.", code="wrong_password")
    await signing.tries.forgive(caller.user_id, address)


async def end_all(request: Request, access: AccessPorts, commands: CommandPorts, user_id: str) -> None:
    """Every session of the user so far is over. Raises ApiError 503."""
    event = SessionsEnded(born(request, user_id, "SessionsEnded"), user_id)
    access.session_ends.ended(user_id, await say(request, commands, user_id, event))
