"""Summaries of compacted conversations, sealed: clients carry them, and nobody but this installation reads them."""

from __future__ import annotations

import hmac
from base64 import urlsafe_b64encode
from binascii import Error as BinasciiError
from binascii import a2b_base64

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from api.http.errors import bad_request
from schemas.conversation import ChatMessage

MAX_SEALED = 8_000_000
"""Characters."""
_VERSION = b"\x01"
_NONCE_BYTES = 12
_STANDARD = str.maketrans("-_", "+/")
_BEFORE = "This is a summary of the conversation so far:\n\n"


class Seal:
    """Seals and opens with a key that derives from the installation's secret. What one user was given, only that user
    can give back."""

    def __init__(self, secret: str) -> None:
        # A purpose of its own: what is sealed here is no cookie, and no cookie's signature opens it.
        self._cipher = AESGCM(hmac.digest(secret.encode(), b"verbatim.compaction", "sha256"))
        self._nonces = hmac.digest(secret.encode(), b"verbatim.compaction.nonce", "sha256")

    def sealed(self, user_id: str, summary: str) -> str:
        """A summary, sealed for its user. The same one gives the same text, and no two share a nonce."""
        text, bound_to = summary.encode(), _VERSION + user_id.encode()
        nonce = hmac.digest(self._nonces, bound_to + b"\n" + text, "sha256")[:_NONCE_BYTES]
        return urlsafe_b64encode(_VERSION + nonce + self._cipher.encrypt(nonce, text, bound_to)).decode()

    def opened(self, user_id: str, sealed: str, where: str) -> ChatMessage:
        """The summary as a message of a context. Raises ApiError 400 for what was not sealed here, for this user."""
        summary = self._opened(user_id, sealed)
        if summary is None:
            raise bad_request(
                f"Invalid value for '{where}': it was not made by this server for this user.", param=where
            )
        return ChatMessage("user", _BEFORE + summary)

    def _opened(self, user_id: str, sealed: str) -> str | None:
        if len(sealed) > MAX_SEALED or not sealed.isascii():
            return None
        try:
            packed = a2b_base64(sealed.translate(_STANDARD).encode(), strict_mode=True)
        except BinasciiError:
            return None
        version, nonce, text = packed[:1], packed[1 : 1 + _NONCE_BYTES], packed[1 + _NONCE_BYTES :]
        if version != _VERSION or len(nonce) != _NONCE_BYTES:
            return None
        try:
            return self._cipher.decrypt(nonce, text, version + user_id.encode()).decode()
        except InvalidTag:
            return None
