"""What a release that may still run does not know is not asked for until the upgrade is finished."""

from __future__ import annotations

from api.http.errors import unsupported
from schemas.codec import write_level

FORMATS_FROM_LEVEL = 3
"""The write level from which records say what form an answer must have."""
PARTS_FROM_LEVEL = 4
"""The write level from which records hold parts, and what else a request asks for."""
KEPT_FROM_LEVEL = 5
"""The write level from which records say what users keep beside their conversations."""

IDENTITY_FROM_LEVEL = 6
"""The write level from which records say what users and keys may, and who pays for them."""
SIGNED_FROM_LEVEL = 6
"""The write level from which records say how users sign in."""


def check_written(param: str, level: int = PARTS_FROM_LEVEL) -> None:
    """Raises ApiError 400 where records of this level are not written yet. `param`: what needs them."""
    if write_level() < level:
        raise unsupported(param, f"'{param}' is not supported until the upgrade is finished.")


def check_kept(param: str) -> None:
    """`check_written` for what users keep beside their conversations."""
    check_written(param, KEPT_FROM_LEVEL)


def check_identity(param: str) -> None:
    """`check_written` for roles, tiers, organisations, and what keys may. An older record would lose it."""
    check_written(param, IDENTITY_FROM_LEVEL)


def check_signing(param: str) -> None:
    """`check_written` for passwords, sessions, links and issuers."""
    check_written(param, SIGNED_FROM_LEVEL)
