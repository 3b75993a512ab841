"""Checks of signed tokens (RFC 7519, RFC 8725). Pure: every call gets keys and time."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from joserfc import jwt
from joserfc.errors import (
    BadSignatureError,
    ExpiredTokenError,
    InvalidClaimError,
    JoseError,
    MissingClaimError,
)
from joserfc.jws import JWSRegistry
from joserfc.util import urlsafe_b64decode

from infra.issuers.errors import TokenRefused
from infra.issuers.keys import IssuerKey

MAX_TOKEN_BYTES = 16 * 1024
MAX_KID = 200
LEEWAY_S = 60
"""How far an issuer's clock may be ahead of ours. The end of a token is taken as it is."""
REQUIRED = ("iss", "aud", "sub", "exp", "iat")
_HEADER_LIMIT = 2048
LATEST_S = 1 << 40


@dataclass(frozen=True, slots=True)
class Heading:
    """What a token says of its signature; it is checked against the settings and the issuer's keys, never believed."""

    algorithm: str
    kid: str | None
    kind: str


def heading_of(token: str, algorithms: Collection[str]) -> Heading:
    """The head of a token. Raises TokenRefused: format, size, alg, kid."""
    if len(token) > MAX_TOKEN_BYTES:
        raise TokenRefused("size", f"The token has more than {MAX_TOKEN_BYTES} bytes.")
    parts = token.split(".")
    if len(parts) != 3 or not token.isascii() or len(parts[0]) > _HEADER_LIMIT:
        raise _unreadable()
    head = _object(parts[0])
    algorithm, kid, kind = head.get("alg"), head.get("kid"), head.get("typ", "")
    if not isinstance(algorithm, str) or algorithm not in algorithms:
        raise TokenRefused("alg", "The token is not signed by an algorithm that is allowed for its issuer.")
    if kid is not None and not (isinstance(kid, str) and 0 < len(kid) <= MAX_KID and kid.isprintable()):
        raise TokenRefused("kid", f"The token's kid is not a text of 1 to {MAX_KID} characters.")
    if "crit" in head:
        raise TokenRefused("crit", "The token's header names extensions (crit), of which none is supported.")
    return Heading(algorithm, kid, kind.lower() if isinstance(kind, str) else "")


def issuer_named(token: str) -> str:
    """Which issuer a token says it is from, unchecked: to choose whose keys check it. Raises TokenRefused."""
    if len(token) > MAX_TOKEN_BYTES:
        raise TokenRefused("size", f"The token has more than {MAX_TOKEN_BYTES} bytes.")
    parts = token.split(".")
    if len(parts) != 3:
        raise _unreadable()
    issuer = _object(parts[1]).get("iss")
    if not isinstance(issuer, str):
        raise TokenRefused("iss", "The token does not name its issuer.")
    return issuer


def verified(token: str, heading: Heading, key: IssuerKey) -> dict[str, Any]:
    """The claims of a token that this key has signed. Raises TokenRefused: signature, format."""
    registry = JWSRegistry(algorithms=[heading.algorithm], strict_check_header=False)
    registry.max_header_length = _HEADER_LIMIT
    try:
        claims = jwt.decode(token, key.key, algorithms=[heading.algorithm], registry=registry).claims
        json.dumps(claims, ensure_ascii=False).encode()  # halves of characters are no text that could be kept
        return claims
    except BadSignatureError:
        raise TokenRefused("signature", "The token's signature is wrong.") from None
    except (JoseError, ValueError, TypeError, RecursionError):
        raise _unreadable() from None


def check_claims(
    claims: Mapping[str, Any],
    *,
    issuer: str,
    audiences: Sequence[str],
    now_s: int,
    required: Collection[str] = REQUIRED,
) -> None:
    """Raises TokenRefused, which names the first claim that is missing or wrong."""
    options: dict[str, jwt.ClaimsOption] = {name: {"essential": True} for name in required}
    options["iss"] = {"essential": True, "value": issuer}
    options["aud"] = {"essential": True, "values": list(audiences)}
    try:
        jwt.JWTClaimsRegistry(now=now_s, leeway=LEEWAY_S, **options).validate(dict(claims))
    except MissingClaimError as error:
        missing = error.claim.partition(",")[0]
        raise TokenRefused(missing, f"The token lacks the claim {missing}.") from None
    except ExpiredTokenError:
        raise _expired() from None
    except InvalidClaimError as error:
        name = error.claim
        raise TokenRefused(name, _WRONG.get(name, f"The token's claim {name} is wrong.")) from None
    end, begin = claims.get("exp"), claims.get("iat")
    if isinstance(end, int | float) and end <= now_s:
        raise _expired()
    if any(isinstance(time, int | float) and not 0 <= time < LATEST_S for time in (end, begin)):
        raise TokenRefused("exp", "The token's times are not times.")
    subject = claims.get("sub")
    if isinstance(subject, str) and len(subject) > 255:
        raise TokenRefused("sub", "The token's sub has more than 255 characters.")


_WRONG = {
    "iss": "The token is from another issuer.",
    "aud": "The token is for another audience.",
    "nbf": "The token is not valid yet.",
    "iat": "The token was made in the future, or does not say when it was made.",
    "exp": "The token does not say when it ends.",
}


def _expired() -> TokenRefused:
    return TokenRefused("exp", "The token has expired.")


def _unreadable() -> TokenRefused:
    return TokenRefused("format", "The token is not a signed JSON Web Token.")


def _object(part: str) -> dict[str, Any]:
    try:
        found = json.loads(urlsafe_b64decode(part.encode()))
    except (ValueError, TypeError, RecursionError):
        raise _unreadable() from None
    if not isinstance(found, dict):
        raise _unreadable()
    return found
