"""Signed session cookies and one-time links. Pure: every call gets the time.

Both name an API key by its hash, which opens nothing by itself, and the time they were made. Nothing of them is stored:
every reader looks the key up, so that a revoked key's cookies and links open nothing from that moment.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from hashlib import sha256

from itsdangerous import BadData, Signer
from itsdangerous.encoding import base64_decode, base64_encode

LINK_S = 3600
"""How long a one-time link is good."""
NONCE_BYTES = 12
CLOCKS_APART_S = 300
"""How far the clock of who made one may be ahead of the reader's."""
_LONGEST = 300
_SESSION = struct.Struct(">32sQ")
_LATER_SESSION = struct.Struct(">32sQQ")
_RECORDED_SESSION = struct.Struct(">32sQQB")
_RECORDED = 1
_LINK = struct.Struct(f">32s{NONCE_BYTES}sQ")


@dataclass(frozen=True, slots=True)
class Session:
    """A browser that was signed in with the key of this hash, until then (seconds since 1970).

    `number` tells how many ends of all of the user's sessions it came after, as api.access.session_ends counts them.
    `recorded`: it was not signed in with a key; the hash is that of a session which stands in the log.
    """

    key_sha256: str
    expires_at_s: int
    number: int = 0
    recorded: bool = False


@dataclass(frozen=True, slots=True)
class Link:
    """A link that signs one browser in with the key of this hash; `nonce` tells it from all others."""

    key_sha256: str
    nonce: str


class Sessions:
    """Cookies and links of one installation, which are those that its secret has signed.

    A cookie is good for `longest_s` seconds. `key_sha256` is 64 hex digits throughout.
    """

    def __init__(self, secret: str, longest_s: int) -> None:
        # A salt for each: a link is never taken for a cookie, nor a cookie for a link.
        self._sessions = Signer(secret, "verbatim.session", key_derivation="hmac", digest_method=sha256)
        self._links = Signer(secret, "verbatim.link", key_derivation="hmac", digest_method=sha256)
        self._longest_s = longest_s

    def cookie(self, key_sha256: str, now_s: int, number: int = 0) -> tuple[str, Session]:
        """The cookie's value, and what it says. Of a user whose sessions never ended it is what every release made."""
        made = bytes.fromhex(key_sha256), now_s
        packed = _LATER_SESSION.pack(*made, number) if number else _SESSION.pack(*made)
        return _sealed(self._sessions, packed), Session(key_sha256, now_s + self._longest_s, number)

    def recorded_cookie(self, session_sha256: str, now_s: int, number: int) -> tuple[str, Session]:
        """As `cookie`, for a session that stands in the log."""
        packed = _RECORDED_SESSION.pack(bytes.fromhex(session_sha256), now_s, number, _RECORDED)
        session = Session(session_sha256, now_s + self._longest_s, number, recorded=True)
        return _sealed(self._sessions, packed), session

    def session(self, cookie: str, now_s: int) -> Session | None:
        """What a cookie says; None for one that is too old or not ours."""
        packed = _unsealed(self._sessions, cookie)
        if packed is not None and len(packed) == _RECORDED_SESSION.size:
            digest, made_at_s, number_, kind = _RECORDED_SESSION.unpack(packed)
            if kind != _RECORDED or not _within(made_at_s, now_s, self._longest_s):
                return None
            return Session(digest.hex(), made_at_s + self._longest_s, number_, recorded=True)
        if packed is None or len(packed) not in (_SESSION.size, _LATER_SESSION.size):
            return None
        key, made_at_s, *number = (_SESSION if len(packed) == _SESSION.size else _LATER_SESSION).unpack(packed)
        if not _within(made_at_s, now_s, self._longest_s):
            return None
        return Session(key.hex(), made_at_s + self._longest_s, *number)

    def link(self, key_sha256: str, nonce: bytes, now_s: int) -> str:
        """A link's text. `nonce`: NONCE_BYTES random bytes."""
        return _sealed(self._links, _LINK.pack(bytes.fromhex(key_sha256), nonce, now_s))

    def opened(self, link: str, now_s: int) -> Link | None:
        """What a link says; None for one that is too old or not ours. Whether it was used, this does not know."""
        packed = _unsealed(self._links, link)
        if packed is None or len(packed) != _LINK.size:
            return None
        key, nonce, made_at_s = _LINK.unpack(packed)
        return Link(key.hex(), nonce.hex()) if _within(made_at_s, now_s, LINK_S) else None


def _within(made_at_s: int, now_s: int, longest_s: int) -> bool:
    return made_at_s - CLOCKS_APART_S <= now_s < made_at_s + longest_s


def _sealed(signer: Signer, packed: bytes) -> str:
    return signer.sign(base64_encode(packed)).decode()


def _unsealed(signer: Signer, text: str) -> bytes | None:
    """What was signed; None unless this signer did."""
    if len(text) > _LONGEST or not text.isascii():
        return None
    try:
        return base64_decode(signer.unsign(text))
    except BadData:
        return None
