"""The public keys of an issuer (RFC 7517), and which of them a token is checked with. Pure.

A token's header names a key and an algorithm; neither is believed. The algorithm must be one that the settings pin,
the key one of the issuer's that is made for it. What else a header may bring along (a key, an address of keys) is not
looked at.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from joserfc.errors import JoseError
from joserfc.jwk import ECKey, RSAKey
from joserfc.util import urlsafe_b64decode

MAX_KEYS = 100
SHORTEST_RSA_BITS = 2048
LONGEST_RSA_BITS = 8192
"""A check by a longer one takes too long."""
_LONGEST_NUMBER = LONGEST_RSA_BITS // 6 + 4
_LONGEST_EXPONENT = 12
_CURVES = {"ES256": "P-256", "ES384": "P-384", "ES512": "P-521"}

PublicKey = RSAKey | ECKey


@dataclass(frozen=True, slots=True)
class IssuerKey:
    """One key. `algorithm`: the only one that it is for; empty: any that fits it."""

    kid: str
    algorithm: str
    key: PublicKey

    def fits(self, algorithm: str) -> bool:
        """Whether the algorithm works with such a key, and the issuer says nothing else."""
        if self.algorithm not in ("", algorithm):
            return False
        if algorithm[:2] in ("RS", "PS"):
            return isinstance(self.key, RSAKey)
        return isinstance(self.key, ECKey) and self.key.curve_name == _CURVES.get(algorithm)


def keys_of(document: Mapping[str, Any]) -> tuple[IssuerKey, ...]:
    """The keys of a document that can check signatures; others are passed over, secrets too. Raises ValueError."""
    listed = document.get("keys")
    if not isinstance(listed, list):
        raise ValueError("its keys are not a list")
    if len(listed) > MAX_KEYS:
        raise ValueError(f"it lists more than {MAX_KEYS} keys")
    return tuple(key for key in map(_key_of, listed) if key is not None)


def chosen(keys: Iterable[IssuerKey], kid: str | None, algorithm: str) -> IssuerKey | None:
    """The key of this name that fits; of no name, the only one that fits. None: there is no such key."""
    fitting = [key for key in keys if key.fits(algorithm) and kid in (None, key.kid)]
    return fitting[0] if len(fitting) == 1 else None


def _key_of(listed: object) -> IssuerKey | None:
    if not isinstance(listed, dict) or listed.get("kty") not in ("RSA", "EC"):
        return None
    kid, algorithm, use = listed.get("kid", ""), listed.get("alg", ""), listed.get("use", "sig")
    if not isinstance(kid, str) or not isinstance(algorithm, str) or use != "sig":
        return None
    # Only what makes the public key: a private part that an issuer shows by mistake is not read.
    public = {name: listed[name] for name in ("kty", "n", "e", "crv", "x", "y") if name in listed}
    if any(not isinstance(value, str) or len(value) > _LONGEST_NUMBER for value in public.values()):
        return None
    try:
        if listed["kty"] == "RSA":
            bits = int.from_bytes(urlsafe_b64decode(public["n"].encode())).bit_length()
            if len(public["e"]) > _LONGEST_EXPONENT or not SHORTEST_RSA_BITS <= bits <= LONGEST_RSA_BITS:
                return None
            return IssuerKey(kid, algorithm, RSAKey.import_key(public))
        key = ECKey.import_key(public)
        return IssuerKey(kid, algorithm, key) if key.public_key.key_size else None  # the point is on its curve
    except (JoseError, ValueError, TypeError, KeyError):
        return None
