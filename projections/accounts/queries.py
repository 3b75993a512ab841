"""What readers ask about accounts."""

from __future__ import annotations

from dataclasses import dataclass

from projections.reading import Tables
from schemas.identity import NO_LIMITS, KeyLimits

_NAME = "accounts"
_KEY = (
    "SELECT key_sha256, key_id, user_id, label, hint, created_at_us, revoked_at_us FROM {api_keys} WHERE key_sha256 = ?"
)
_KEYS = (
    "SELECT key_sha256, key_id, user_id, label, hint, created_at_us, revoked_at_us FROM {keys_by_user}"
    " WHERE user_id = ?"
)
_USERS = "SELECT user_id, name, created_at_us FROM {users}"
_FIRST_USERS = "SELECT user_id, name, created_at_us FROM {users} LIMIT ?"
_NEXT_USERS = "SELECT user_id, name, created_at_us FROM {users} WHERE token(user_id) > token(?) LIMIT ?"
_USER_MADE = "SELECT WRITETIME(created_at_us) FROM {users} WHERE user_id = ?"
_USER = "SELECT user_id, name, created_at_us FROM {users} WHERE user_id = ?"


@dataclass(frozen=True, slots=True)
class ApiKeyRow:
    """An API key; `hint` is its end, the key itself is nowhere. `revoked_at_us` None: it is valid.

    `scopes` None: all that its user may. `organisation_id`: who pays; empty: whoever pays for its user.
    """

    key_sha256: str
    key_id: str
    user_id: str
    label: str
    hint: str
    created_at_us: int
    revoked_at_us: int | None
    scopes: tuple[str, ...] | None = None
    expires_at_us: int | None = None
    limits: KeyLimits = NO_LIMITS
    organisation_id: str = ""

    @property
    def revoked(self) -> bool:
        return self.revoked_at_us is not None


@dataclass(frozen=True, slots=True)
class UserRow:
    user_id: str
    name: str
    created_at_us: int
    email: str = ""


async def api_key(tables: Tables, key_sha256: str) -> ApiKeyRow | None:
    """The key of this hash if it is valid; None if there is none, or it has been revoked."""
    values = await tables.one(_NAME, _KEY, (key_sha256,))
    if values is None:
        return None
    row = ApiKeyRow(*values)
    # Its creation may be seen after its revocation: without it there is no user either.
    return None if row.revoked or values[2] is None else row


async def keys(tables: Tables, user_id: str) -> list[ApiKeyRow]:
    """All keys of a user, also revoked ones, oldest first."""
    rows = [ApiKeyRow(*values) for values in await tables.select(_NAME, _KEYS, (user_id,)) if values[0] is not None]
    return sorted(rows, key=lambda row: (row.created_at_us, row.key_id))


async def users(tables: Tables) -> list[UserRow]:
    """All users, oldest first. Reads the whole table: for operators."""
    rows = [UserRow(*values) for values in await tables.select(_NAME, _USERS, ())]
    return sorted(rows, key=lambda row: (row.created_at_us, row.user_id))


async def some_users(tables: Tables, after: str, limit: int) -> list[UserRow]:
    """At most `limit` users behind one, in an order of the store's own. `after` empty: from the first."""
    cql, parameters = (_NEXT_USERS, (after, limit)) if after else (_FIRST_USERS, (limit,))
    return [UserRow(*values) for values in await tables.select(_NAME, cql, parameters)]


async def user(tables: Tables, user_id: str) -> UserRow | None:
    """The user, or None."""
    values = await tables.one(_NAME, _USER, (user_id,))
    return None if values is None else UserRow(*values)


async def user_made_at(tables: Tables, user_id: str) -> int | None:
    """`first_wins` of the record that made the user; None: none did (yet)."""
    values = await tables.one(_NAME, _USER_MADE, (user_id,))
    return None if values is None else values[0]
