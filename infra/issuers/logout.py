"""Back-channel logout tokens (OpenID Connect Back-Channel Logout 1.0), and ID tokens. Pure."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from hashlib import new
from hmac import compare_digest
from typing import Any

from infra.issuers.errors import TokenRefused
from infra.issuers.tokens import Heading, check_claims
from schemas.signing import Login

LOGOUT_EVENT = "http://schemas.openid.net/event/backchannel-logout"
OLDEST_LOGOUT_S = 300
_LONGEST = 255
_TYPES = ("", "jwt", "logout+jwt")


def checked_logout(heading: Heading, claims: Mapping[str, Any], issuer: str, client_id: str, now_s: int) -> str:
    """The token's jti, if it signs somebody out: whom, its `sub` and `sid` say. Raises TokenRefused."""
    if heading.kind not in _TYPES:
        raise TokenRefused("typ", "The token is not a logout token.")
    required = ("iss", "aud", "iat", "jti", "events")
    if not isinstance(claims.get("events"), dict) or not isinstance(claims["events"].get(LOGOUT_EVENT), dict):
        raise TokenRefused("events", "The token does not name the event of a back-channel logout.")
    if "nonce" in claims:
        raise TokenRefused("nonce", "A logout token has no nonce.")
    ends = ("exp",) if "exp" in claims else ()
    check_claims(claims, issuer=issuer, audiences=(client_id,), now_s=now_s, required=(*required, *ends))
    if claims["iat"] < now_s - OLDEST_LOGOUT_S:
        raise TokenRefused("iat", f"The logout token is older than {OLDEST_LOGOUT_S} s.")
    subject, session, jti = claims.get("sub", ""), claims.get("sid", ""), claims["jti"]
    if not all(isinstance(text, str) and len(text) <= _LONGEST for text in (subject, session, jti)):
        raise TokenRefused("sub", f"sub, sid and jti must be texts of at most {_LONGEST} characters.")
    if not subject and not session:
        raise TokenRefused("sub", "The logout token names neither sub nor sid.")
    return str(jti)


def checked_login(
    heading: Heading,
    claims: Mapping[str, Any],
    *,
    issuer: str,
    client_id: str,
    nonce: str,
    access_token: object,
    now_s: int,
) -> Login:
    """Where an ID token says that somebody was signed in. Raises TokenRefused."""
    if heading.kind not in ("", "jwt") or "events" in claims:
        raise TokenRefused("typ", "The token is not an ID token.")
    check_claims(claims, issuer=issuer, audiences=(client_id,), now_s=now_s)
    several = isinstance(claims["aud"], list) and len(claims["aud"]) > 1
    if claims.get("azp", None if several else client_id) != client_id:
        raise TokenRefused("azp", "The ID token was made for another client.")
    given = claims.get("nonce")
    if not isinstance(given, str) or not compare_digest(given.encode(), nonce.encode()):
        raise TokenRefused("nonce", "The ID token belongs to another sign-in.")
    expected = claims.get("at_hash")
    if expected is not None and isinstance(access_token, str) and expected != _half(access_token, heading.algorithm):
        raise TokenRefused("at_hash", "The ID token belongs to another access token.")
    session = claims.get("sid", "")
    if not isinstance(session, str) or len(session) > _LONGEST:
        raise TokenRefused("sid", f"The ID token's sid is not a text of at most {_LONGEST} characters.")
    return Login(issuer=issuer, subject=claims["sub"], issuer_session=session, issued_at_s=int(claims["iat"]))


def _half(access_token: str, algorithm: str) -> str:
    digest = new(f"sha{algorithm[2:]}", access_token.encode()).digest()
    return base64.urlsafe_b64encode(digest[: len(digest) // 2]).rstrip(b"=").decode()
