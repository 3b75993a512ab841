"""Bearer tokens that an issuer of the settings has signed (RFC 9068), beside our own keys.

A token is good until its `exp`, unless its user is suspended or its issuer signs them out; nothing of ours revokes it
before. Its user is whom (issuer, subject) is linked to. Roles are the user's own; where the issuer's settings map
claims to roles, only those of them that the token's claims give as well.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Protocol

from api.access.issuer_ends import IssuerEnds
from api.access.people import People
from api.access.principal import Principal, user_of
from api.access.unknown_keys import UnknownKeys
from api.http.errors import ApiError, unauthorised, unavailable
from infra.clock import monotonic_s, now_us
from infra.issuers.claims import roles_of
from infra.issuers.errors import IssuerUnavailable, TokenRefused
from infra.issuers.issuer import FRESH_S, Issuer
from infra.issuers.tokens import check_claims, issuer_named
from infra.runtime.bounded import Bounded
from schemas.signing import Login

TTL_S = 30.0
CHECKED_S = FRESH_S
"""How long a token is good unchecked: a key that its issuer withdraws opens nothing once its keys are read again."""
ALL_WRONG_PER_MINUTE = 60_000
"""Of all addresses together. Each costs the check of a signature and no read, so many addresses of one attacker keep
nobody else's good tokens out."""
MAX_TOKENS = 10_000
MAX_PEOPLE = 10_000
NOT_BEARERS = frozenset({"logout+jwt", "secevent+jwt", "id_token+jwt"})


class LinkedReads(Protocol):
    async def linked_user(self, issuer: str, subject: str) -> str | None:
        """Whom the issuer calls so; None: nobody here (as far as is seen). Raises StoreUnavailable."""


@dataclass(frozen=True, slots=True)
class Checked:
    """A token that passed every check, and until when it need not be checked again. `roles` None: its issuer's settings
    map none."""

    digest: str
    login: Login
    expires_at_s: int
    roles: frozenset[str] | None
    until_s: float


class BearerTokens:
    """Bounded: tokens that were checked lately are not checked again. `now_us`: the wall clock."""

    def __init__(
        self,
        issuers: Sequence[Issuer],
        reads: LinkedReads,
        people: People,
        issuer_ends: IssuerEnds,
        unknown: UnknownKeys | None = None,
    ) -> None:
        self._issuers = {issuer.settings.issuer: issuer for issuer in issuers if issuer.settings.audiences}
        self._reads = reads
        self._people = people
        self._issuer_ends = issuer_ends
        self._unknown = unknown or UnknownKeys(all_misses_per_minute=ALL_WRONG_PER_MINUTE)
        self._checked: Bounded[str, Checked] = Bounded(MAX_TOKENS)
        self._linked: Bounded[tuple[str, str], tuple[float, str]] = Bounded(MAX_PEOPLE)

    def takes(self, bearer: str) -> bool:
        """Whether this looks like a token, and any issuer's tokens are taken at all."""
        return bool(self._issuers) and bearer.count(".") == 2

    async def principal(self, token: str, address: str = "") -> Principal:
        """Who comes with a token. Raises ApiError 401, which says which check failed; 429 as UnknownKeys; 503."""
        checked = await self._check(token, address)
        now_s = now_us() // 1_000_000
        if checked.expires_at_s <= now_s:
            raise refused(TokenRefused("exp", "The token has expired."))
        if await self._issuer_ends.is_over(checked.login):
            raise refused(TokenRefused("logout", "The token's issuer has signed its user out."))
        standing = await self._people.standing(await self._user_of(checked.login))
        found = user_of(standing, form="jwt")
        return replace(
            found,
            # Requests are counted by person: a new token is no new allowance.
            key_id=sha256(f"{checked.login.issuer}\n{checked.login.subject}".encode()).hexdigest()[:32],
            key_sha256=checked.digest,
            expires_at_us=checked.expires_at_s * 1_000_000,
            roles=found.roles if checked.roles is None else found.roles & checked.roles,
            login=checked.login,
        )

    async def _check(self, token: str, address: str) -> Checked:
        digest = sha256(token.encode("utf-8", "surrogatepass")).hexdigest()
        known = self._checked.get(digest)
        if known is not None and monotonic_s() < known.until_s:
            return known

        async def check() -> Checked | TokenRefused:
            return await self._verified(token, digest)

        failed: list[TokenRefused] = []

        async def found() -> Checked | None:
            answer = await check()
            if isinstance(answer, TokenRefused):
                failed.append(answer)
                return None
            return answer

        # Who sends wrong ones is told to wait, as who tries keys: each costs the check of a signature. One that was
        # good here is checked in any case.
        checked = await (self._unknown.ask(address, found) if known is None else found())
        if checked is None:
            raise refused(failed[0])
        self._checked[digest] = checked
        return checked

    async def _verified(self, token: str, digest: str) -> Checked | TokenRefused:
        try:
            named = issuer_named(token)
            issuer = self._issuers.get(named)
            if issuer is None:
                raise TokenRefused("iss", "The token is from an issuer that is not among those of the settings.")
            heading, claims = await issuer.claims(token, issuer.settings.algorithms)
            if heading.kind in NOT_BEARERS or "events" in claims:
                raise TokenRefused("typ", "The token was not made to be sent with requests.")
            settings = issuer.settings
            check_claims(claims, issuer=named, audiences=settings.audiences, now_s=now_us() // 1_000_000)
        except TokenRefused as error:
            return error
        except IssuerUnavailable as error:
            raise issuer_away(error) from None
        session = claims.get("sid")
        login = Login(
            issuer=named,
            subject=claims["sub"],
            issuer_session=session if isinstance(session, str) and len(session) <= 255 else "",
            issued_at_s=int(claims["iat"]),
        )
        roles = roles_of(claims, settings.roles) if settings.roles else None
        return Checked(digest, login, int(claims["exp"]), roles, monotonic_s() + CHECKED_S)

    async def _user_of(self, login: Login) -> str:
        key = login.issuer, login.subject
        known = self._linked.get(key)
        if known is not None and monotonic_s() < known[0]:
            return known[1]
        user_id = await self._reads.linked_user(*key)
        if user_id is None:
            raise refused(
                TokenRefused("sub", "The token's subject is not a user here. Sign in once in a browser to become one.")
            )
        self._linked[key] = monotonic_s() + TTL_S, user_id
        return user_id


def refused(error: TokenRefused) -> ApiError:
    """401: which check failed, and nothing of the token."""
    answer = unauthorised(f"{error} (check: {error.check})", code="invalid_token")
    answer.headers["WWW-Authenticate"] = 'Bearer error="invalid_token"'
    return answer


def issuer_away(error: IssuerUnavailable) -> ApiError:
    """503: whose word is missing, and why."""
    return unavailable(f"Cannot check this now: {error}. Please retry.", code="issuer_unavailable")
