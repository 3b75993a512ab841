"""One issuer: what it says of itself and its keys, kept for a while and asked for as rarely as can be.

However many ask, one request runs. A token that names an unknown key makes the keys be asked for again, but not more
often than every MIN_BETWEEN_S: a flood of such tokens costs the issuer nothing. While the issuer is away, keys that
were seen lately go on being good for KEPT_S.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping
from typing import Any, Generic, TypeVar
from urllib.parse import quote_plus

from infra.clock import monotonic_s
from infra.issuers.discovery import Provider, discovery_url, provider_of
from infra.issuers.errors import CodeRefused, IssuerUnavailable, TokenRefused
from infra.issuers.fetching import Web
from infra.issuers.keys import IssuerKey, chosen, keys_of
from infra.issuers.tokens import Heading, heading_of, verified
from infra.settings.issuers import IssuerSettings

FRESH_S = 600.0
KEPT_S = 3600.0
MIN_BETWEEN_S = 30.0
PAUSE_S = 5.0
"""After a failure nobody asks for so long: who comes meanwhile hears of the failure at once."""
_LONGEST_ERROR = 60

T = TypeVar("T")


class Kept(Generic[T]):
    """Something of an issuer's that is asked for when it is old. `now_s`: a clock that never jumps."""

    def __init__(self, load: Callable[[], Awaitable[T]], now_s: Callable[[], float]) -> None:
        self._load = load
        self._now_s = now_s
        self._value: T | None = None
        self._loaded_at_s = 0.0
        self._failed: tuple[float, IssuerUnavailable] | None = None
        self._lock = asyncio.Lock()

    async def get(self) -> T:
        """Raises IssuerUnavailable where it was never seen, or too long ago."""
        if self._value is not None and self._now_s() - self._loaded_at_s < FRESH_S:
            return self._value
        return await self._renewed(self._loaded_at_s)

    async def again(self) -> T:
        """As the issuer has it now, unless it was asked a moment ago. Raises IssuerUnavailable."""
        if self._value is not None and self._now_s() - self._loaded_at_s < MIN_BETWEEN_S:
            return self._value
        return await self._renewed(self._loaded_at_s)

    async def _renewed(self, seen_at_s: float) -> T:
        async with self._lock:
            if self._value is not None and self._loaded_at_s != seen_at_s:
                return self._value  # another one has just asked
            if self._failed is None or self._now_s() - self._failed[0] >= PAUSE_S:
                try:
                    self._value = await self._load()
                except IssuerUnavailable as error:
                    self._failed = self._now_s(), error
                else:
                    self._loaded_at_s, self._failed = self._now_s(), None
                    return self._value
            if self._value is not None and self._now_s() - self._loaded_at_s < KEPT_S:
                return self._value
            raise IssuerUnavailable(self._failed[1].issuer, self._failed[1].reason)


class Issuer:
    """An issuer of the settings. Every method raises IssuerUnavailable."""

    def __init__(self, settings: IssuerSettings, web: Web, now_s: Callable[[], float] = monotonic_s) -> None:
        self.settings = settings
        self._web = web
        self._provider: Kept[Provider] = Kept(self._load_provider, now_s)
        self._keys: Kept[tuple[IssuerKey, ...]] = Kept(self._load_keys, now_s)

    async def provider(self) -> Provider:
        return await self._provider.get()

    async def claims(self, token: str, algorithms: Collection[str]) -> tuple[Heading, dict[str, Any]]:
        """The head and the claims of a token that this issuer has signed; none of the claims is checked.

        Raises TokenRefused.
        """
        heading = heading_of(token, algorithms)
        key = chosen(await self._keys.get(), heading.kid, heading.algorithm)
        if key is None:
            key = chosen(await self._keys.again(), heading.kid, heading.algorithm)
        if key is None:
            raise TokenRefused("kid", "The token's key is not one of its issuer's.")
        return heading, verified(token, heading, key)

    async def redeemed(self, code: str, redirect_uri: str, verifier: str) -> Mapping[str, Any]:
        """The tokens that the issuer gives for a code. Raises CodeRefused."""
        provider, settings = await self.provider(), self.settings
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": redirect_uri,
            "code_verifier": verifier,
        }
        secret = settings.client_secret.get_secret_value()
        basic = None
        if secret and provider.basic:
            basic = quote_plus(settings.client_id), quote_plus(secret)  # RFC 6749, 2.3.1
        else:
            form |= {"client_id": settings.client_id} | ({"client_secret": secret} if secret else {})
        answer = await self._web.post(settings.name, provider.token_endpoint, form, basic)
        if answer.status == 200:
            return answer.body
        error = answer.body.get("error")
        if answer.status in (400, 401) and isinstance(error, str):
            raise CodeRefused("".join(c for c in error if c.isalnum() or c == "_")[:_LONGEST_ERROR])
        raise IssuerUnavailable(settings.name, f"answered with status {answer.status} instead of tokens")

    async def _load_provider(self) -> Provider:
        settings = self.settings
        answer = await self._web.get(settings.name, discovery_url(settings.issuer))
        if answer.status != 200:
            raise IssuerUnavailable(settings.name, f"answered with status {answer.status} instead of its description")
        return provider_of(settings.name, settings.issuer, answer.body)

    async def _load_keys(self) -> tuple[IssuerKey, ...]:
        name = self.settings.name
        answer = await self._web.get(name, (await self.provider()).jwks_uri)
        if answer.status != 200:
            raise IssuerUnavailable(name, f"answered with status {answer.status} instead of its keys")
        try:
            return keys_of(answer.body)
        except ValueError as error:
            raise IssuerUnavailable(name, f"lists keys that cannot be used: {error}") from None
