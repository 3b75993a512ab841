"""What can be wrong with a token, and with its issuer. No message holds a token, a secret or a claim's value."""

from __future__ import annotations


class TokenRefused(Exception):
    """A token that proves nothing. `check`: which check failed, in one word; the message says it in a sentence."""

    def __init__(self, check: str, message: str) -> None:
        super().__init__(message)
        self.check = check


class IssuerUnavailable(Exception):
    """An issuer that does not answer, or not as it must. `issuer`: its name here; `reason`: the end of a sentence."""

    def __init__(self, issuer: str, reason: str) -> None:
        super().__init__(f"the issuer {issuer} {reason}")
        self.issuer = issuer
        self.reason = reason


class CodeRefused(Exception):
    """The issuer did not take a code: it was used, is too old, or was not made for us. `error`: its word for it."""

    def __init__(self, error: str) -> None:
        super().__init__(f"the issuer refused the code: {error}")
        self.error = error
