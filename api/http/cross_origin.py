"""CORS: which web pages of other origins may call the API. Pure.

They call with a key of their own, never by a cookie: no answer allows credentials, and a cookie that comes with such a
call opens nothing. So an allowed page can do no more than any program with the key.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from api.http.headers import BEHIND_HEADER, POSITION_HEADER
from infra.origins import ANY_ORIGIN

PREFIXES = ("/v1/", "/api/v1/")
METHODS = "GET, HEAD, POST, PUT, PATCH, DELETE"
MAX_AGE_S = 600
SENT = (
    "authorization", "content-type", "idempotency-key", "last-event-id", "openai-beta", "openai-organization",
    "openai-project", "x-api-key", "x-request-id", POSITION_HEADER.lower(),
)  # fmt: skip
"""Headers that may be sent, beside those of OpenAI's clients about themselves."""
EXPOSED = (
    "idempotency-key", "idempotent-replayed", "retry-after", "x-ratelimit-limit-requests",
    "x-ratelimit-limit-tokens", "x-ratelimit-remaining-requests", "x-ratelimit-remaining-tokens",
    "x-ratelimit-reset-requests", "x-ratelimit-reset-tokens", "x-request-id", "x-should-retry",
    BEHIND_HEADER.lower(), POSITION_HEADER.lower(),
)  # fmt: skip
"""Headers that scripts may read."""
_OF_CLIENTS = re.compile(r"x-stainless-[a-z0-9-]{1,60}")
_MAX_NAMES = 60
_SHAPE = re.compile(r"[a-z][a-z0-9+.-]{0,30}://[^\s/,]{1,300}")

VARY = "vary"
_CORP = "cross-origin-resource-policy"
_DEFAULT_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class CrossOrigin:
    """The rule of `api.cors_origins`."""

    origins: frozenset[str]

    @classmethod
    def of(cls, origins: Iterable[str]) -> CrossOrigin:
        return cls(frozenset(origins))

    def allows(self, origin: str) -> bool:
        """Whether pages of this origin may call. `null`, which any page can make itself, never is."""
        return origin in self.origins or (ANY_ORIGIN in self.origins and _SHAPE.fullmatch(origin) is not None)

    def answer_headers(self, path: str, origin: str | None) -> dict[str, str]:
        """What an answer from `path` carries for a caller of this origin; none where nothing was set."""
        if not self.origins or not path.startswith(PREFIXES):
            return {}
        if origin is None or not self.allows(origin):
            return {VARY: "Origin"}
        return {
            VARY: "Origin",
            "access-control-allow-origin": origin,
            "access-control-expose-headers": ", ".join(EXPOSED),
            _CORP: "cross-origin",
        }

    def preflight(self, path: str, headers: Mapping[str, str]) -> dict[str, str] | None:
        """What a browser that asks before it calls is answered; None: it is not answered as one that may call."""
        origin = headers.get("origin")
        if "access-control-request-method" not in headers or origin is None or not self.allows(origin):
            return None
        if not path.startswith(PREFIXES):
            return None
        asked = (name.strip().lower() for name in headers.get("access-control-request-headers", "").split(","))
        of_clients = sorted({name for name in asked if _OF_CLIENTS.fullmatch(name)})[:_MAX_NAMES]
        return {
            "access-control-allow-methods": METHODS,
            "access-control-allow-headers": ", ".join((*SENT, *of_clients)),
            "access-control-max-age": str(MAX_AGE_S),
        }

    def calls_across(self, headers: Mapping[str, str]) -> bool:
        """Whether a page of another origin that may call does so: then a cookie says nothing."""
        origin = headers.get("origin")
        if origin is None or not self.allows(origin):
            return False
        site = headers.get("sec-fetch-site")
        return site != "same-origin" if site is not None else not is_of_host(origin, headers.get("host", ""))


def is_of_host(origin: str, host: str) -> bool:
    """Whether an Origin header names the host and port of a Host header; the scheme is up to a proxy before us."""
    try:
        asker, asked = urlsplit(origin), urlsplit(f"//{host}")
        default = _DEFAULT_PORTS.get(asker.scheme)
        if default is None or not asker.hostname or asker.username is not None:
            return False
        return (asker.hostname, asker.port or default) == (asked.hostname, asked.port or default)
    except ValueError:
        return False
