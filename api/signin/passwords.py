"""Signing in by name and password, and setting one."""

from __future__ import annotations

from fastapi import Request

from api.access.auth import address_of
from api.consistency.freshness import Freshness
from api.consistency.ports import CommandPorts
from api.http.errors import ApiError, Overloaded, bad_request, behind
from api.signin.ports import SigninPorts
from api.signin.saying import born, say
from api.signin.starting import wrong_password
from infra.passwords.hashing import HashingFull
from infra.passwords.rules import WeakPassword, checked_password, prepared
from schemas import ids
from schemas.envelope import Position
from schemas.signing import PasswordSet
from topics.catalogue import ACCOUNT_EVENTS


async def user_by_password(
    request: Request, signing: SigninPorts, fresh: Freshness, commands: CommandPorts, name: str, password: str
) -> str:
    """Whose name and password these are.

    Raises ApiError 401, the same and as late for a name that nobody has; 429 for who tries too fast; 503.
    """
    user_id, address = ids.user_id(name), address_of(request)
    await slow_down(signing, user_id, address)
    kept = await password_now(signing, fresh, user_id)
    try:
        verdict = await signing.passwords.verdict(kept, prepared(password))
    except HashingFull:
        raise _full() from None
    if not verdict.fits:
        raise wrong_password()
    await signing.tries.forgive(user_id, address)
    if verdict.renewed is not None:
        await _write(request, commands, user_id, verdict.renewed)
    return user_id


async def password_now(signing: SigninPorts, fresh: Freshness, user_id: str) -> str | None:
    """The hash of the user's password, as the log has it now: one that was replaced a moment ago opens nothing.

    None: they have none. Raises ApiError 503 where that cannot be told.
    """
    if not await fresh.up_to_date(user_id, ACCOUNT_EVENTS):
        raise behind()
    return await signing.reads.password_hash(user_id)


async def slow_down(signing: SigninPorts, whom: str, address: str) -> None:
    """Count a try. `whom`: an id, for what somebody is called may be another's name. Raises ApiError
    429 for one that comes too early."""
    wait_s = await signing.tries.begin(whom, address)
    if wait_s > 0:
        shown = max(int(-(-wait_s // 1)), 1)
        raise ApiError(
            429,
            f"Too many tries to sign in failed. Please try again in {shown}s.",
            code="too_many_tries",
            error_type="requests",
            headers={"Retry-After": str(shown)},
        )


async def hash_for(signing: SigninPorts, password: str, name: str, param: str = "password") -> str:
    """The hash of a password that somebody chose. Raises ApiError 400 for a weak one, 503."""
    try:
        return await signing.passwords.hashed(checked_password(password, name))
    except WeakPassword as error:
        raise bad_request(str(error), code="weak_password", param=param) from None
    except HashingFull:
        raise _full() from None


async def set_password(request: Request, commands: CommandPorts, user_id: str, password_hash: str) -> Position:
    """From now on the user signs in with it. Raises ApiError 503."""
    return await _write(request, commands, user_id, password_hash)


async def _write(request: Request, commands: CommandPorts, user_id: str, password_hash: str) -> Position:
    envelope = born(request, user_id, "PasswordSet")
    event = PasswordSet(envelope=envelope, user_id=user_id, password_hash=password_hash)
    return await say(request, commands, user_id, event)


def _full() -> ApiError:
    return Overloaded("too many passwords are being checked")
