"""One sign-in through an issuer, from our page to the issuer and back (authorization code with PKCE). Pure.

All that must come back unchanged is in a cookie of the browser that began: signed, for ten minutes and one issuer.
`state`, `nonce` and the PKCE verifier follow from a random number in it and our secret, so they are bound to that
browser, nobody else can make them, and nothing of them is stored here.
"""

from __future__ import annotations

import base64
import hmac
import re
from dataclasses import dataclass
from hashlib import sha256

import orjson
from itsdangerous import BadData, Signer
from itsdangerous.encoding import base64_decode, base64_encode

FLOW_S = 600
DRAWN_BYTES = 24
_LONGEST_COOKIE = 2000
_LONGEST_BACK = 300
_OWN_PATH = re.compile(r"/(?:[A-Za-z0-9_~.-][A-Za-z0-9_~./-]*)?")


@dataclass(frozen=True, slots=True)
class Flow:
    """`drawn`: hex; `back`: the path of our own page to come back to; `invitation`: the text of a one-time link, or
    empty."""

    issuer: str
    drawn: str
    began_at_s: int
    back: str = "/"
    invitation: str = ""


class Flows:
    """The sign-ins of one installation, which are those that its secret has signed."""

    def __init__(self, secret: str) -> None:
        self._signer = Signer(secret, "verbatim.issuer", key_derivation="hmac", digest_method=sha256)
        self._key = sha256(b"verbatim.issuer\x00" + secret.encode()).digest()

    def sealed(self, flow: Flow) -> str:
        """The cookie's value."""
        said = [flow.issuer, flow.drawn, flow.began_at_s, flow.back, flow.invitation]
        return self._signer.sign(base64_encode(orjson.dumps(said))).decode()

    def opened(self, cookie: str, now_s: int) -> Flow | None:
        """What a cookie says; None for one that is too old or not ours."""
        if len(cookie) > _LONGEST_COOKIE or not cookie.isascii():
            return None
        try:
            flow = Flow(*orjson.loads(base64_decode(self._signer.unsign(cookie))))
        except (BadData, ValueError, TypeError):
            return None
        return flow if flow.began_at_s <= now_s + 60 and now_s < flow.began_at_s + FLOW_S else None

    def state(self, flow: Flow) -> str:
        return self._derived("state", flow)

    def nonce(self, flow: Flow) -> str:
        return self._derived("nonce", flow)

    def verifier(self, flow: Flow) -> str:
        """43 characters, as RFC 7636 asks for."""
        return self._derived("verifier", flow)

    def challenge(self, flow: Flow) -> str:
        """The S256 challenge of the verifier."""
        return _text(sha256(self.verifier(flow).encode()).digest())

    def _derived(self, what: str, flow: Flow) -> str:
        said = "\x00".join((what, flow.issuer, flow.drawn, str(flow.began_at_s)))
        return _text(hmac.digest(self._key, said.encode(), "sha256"))


def own_path(asked: str) -> str:
    """`asked` if it is a path of our own page, else the page itself: no address elsewhere is ever gone to."""
    return asked if len(asked) <= _LONGEST_BACK and _OWN_PATH.fullmatch(asked) else "/"


def _text(digest: bytes) -> str:
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
