"""A browser is signed in: one record, and a cookie that names it."""

from __future__ import annotations

from dataclasses import replace
from hashlib import sha256

from fastapi import Request, Response

from api.access.auth import AccessPorts, author_of, let_in
from api.access.principal import Principal, user_of
from api.access.session_cookies import set_cookie
from api.consistency.commanding import IdempotencyKey, send
from api.consistency.ports import CommandPorts
from api.consistency.upgrading import check_signing
from api.http.errors import ApiError
from infra.clock import now_us
from infra.ids import draw_bytes, draw_id
from schemas.signing import Login, SessionStarted
from topics.catalogue import ACCOUNT_EVENTS


async def start_session(
    request: Request,
    access: AccessPorts,
    commands: CommandPorts,
    *,
    user_id: str,
    method: str,
    session_s: int,
    login: Login | None = None,
    number: int | None = None,
) -> tuple[str, Principal, int]:
    """The value of the cookie, who they are, and until when (seconds since 1970). `number`: of the last end of all
    their sessions before they showed who they are; None: that is now.

    Raises ApiError 403 for somebody who is suspended, 503.
    """
    check_signing("password")
    principal = let_in(user_of(await access.people.standing(user_id)))
    at_us = now_us()
    session_id, digest = draw_id(), sha256(draw_bytes(32)).hexdigest()
    event = SessionStarted(
        envelope=author_of(request, principal).envelope(session_id, "SessionStarted"),
        user_id=user_id,
        session_id=session_id,
        session_sha256=digest,
        method=method,
        expires_at_us=at_us + session_s * 1_000_000,
        login=login,
    )
    # After how many ends of all sessions it comes is asked first: an end meanwhile ends it as well.
    if number is None:
        number = await access.session_ends.last(user_id)
    at = await send(commands.log, ACCOUNT_EVENTS, user_id, event, IdempotencyKey(session_id, False))
    commands.own_writes.wrote_of_user(user_id, ACCOUNT_EVENTS, at)
    access.signed_in.started(event)
    cookie, session = access.sessions.recorded_cookie(digest, at_us // 1_000_000, number)
    return cookie, replace(principal, key_id=session_id, key_sha256=digest), session.expires_at_s


def put_cookie(request: Request, answer: Response, cookie: str, expires_at_s: int) -> None:
    """The browser is signed in from this answer on."""
    set_cookie(request, answer, cookie, expires_at_s - now_us() // 1_000_000)


def wrong_password() -> ApiError:
    """The same for a wrong password and for a name that nobody has."""
    return ApiError(401, "The name or the password is wrong.", code="wrong_password")
