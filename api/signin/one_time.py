"""One-time links: invitations and password resets. Pure.

A link's text is 32 random bytes; only its hash is kept. What it is worth now is one of five words, and the first use in
the log is the one that counts.
"""

from __future__ import annotations

import re
from hashlib import sha256
from typing import Literal

from api.http.errors import ApiError
from projections.sign_ins.queries import LinkRow

LINK_PREFIX = "vl_"
_LINK = re.compile(rf"{LINK_PREFIX}[A-Za-z0-9_-]{{43}}")
INVITATION, RESET = "invitation", "reset"
DAYS = {INVITATION: 7, RESET: 1}
"""How long a link is good, unless its maker says otherwise."""
LONGEST_DAYS = 30
DAY_US = 86_400 * 1_000_000
State = Literal["good", "used", "revoked", "expired"]


def hash_of_link(text: str) -> str | None:
    """How a link is kept; None for a text that is no link."""
    return sha256(text.encode()).hexdigest() if _LINK.fullmatch(text) else None


def state_of(link: LinkRow, now_us: int) -> State:
    """What a link is worth at this time."""
    if link.used_by is not None:
        return "used"
    if link.revoked_at_us is not None:
        return "revoked"
    return "expired" if now_us >= link.expires_at_us else "good"


_REASONS = {
    "used": "This link has already been used.",
    "revoked": "This link has been withdrawn.",
    "expired": "This link has expired.",
    "unknown": "This link is unknown here.",
}


def link_refused(state: str) -> ApiError:
    """410 for a link that is good no more, 404 for one that never was; each says why."""
    status = 404 if state == "unknown" else 410
    return ApiError(
        status, f"{_REASONS[state]} Ask an administrator of this installation for another one.", code=f"link_{state}"
    )
