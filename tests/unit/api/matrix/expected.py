"""What the matrix says that each principal gets of a route. Pure."""

from __future__ import annotations

from tests.unit.api.matrix.rows import Row

OUT = {"anonymous": 401, "revoked": 401, "expired": 401, "suspended": 403}
OF_EVERY_KEY = frozenset({"self.read"})
"""Actions that need no scope."""
OF_AUDITORS = frozenset({"self.read", "keys.manage", "sessions.end", "usage.read"})
"""What auditors may with their own, as everybody; they ask no model and have no conversations."""
NARROW = "usage"
"""The scope of a key that is for something else; NARROW_ELSE: where an action needs that one."""
NARROW_ELSE = "read"


def expected(row: Row, action: str, who: str, form: str = "key") -> int:
    """The status. A principal that is in none of the tables gets what another user gets."""
    status = _of_a_key(row, action, who)
    return row.by_token if form == "token" and row.by_token is not None and status < 300 else status


def _of_a_key(row: Row, action: str, who: str) -> int:
    if who in OUT:
        return OUT[who]
    if who in row.by:
        return row.by[who]
    if who == "owner":
        return row.own
    if who == "wrong scope":
        # A route that is not there for the owner is not there for a key of theirs either.
        return row.own if action in OF_EVERY_KEY or is_administration(row) else 403
    if who == "auditor" and action not in OF_AUDITORS:
        return 404
    return row.other


def is_administration(row: Row) -> bool:
    """Whether the route is not there for whoever is nothing but a user."""
    return row.own == 404 and not row.there


def narrow_scope(action: str) -> str:
    """A scope that is not the action's."""
    return NARROW_ELSE if action == "usage.read" else NARROW
