"""account-events -> users, api_keys, keys_by_user. Pure."""

from __future__ import annotations

from projections.accounts.table import API_KEYS, KEYS_BY_USER, USERS
from projections.order import first_wins
from projections.rows import Put, RowChange
from schemas.account import AccountEvent, ApiKeyCreated, ApiKeyRevoked, UserCreated
from schemas.envelope import Position


def fold(record: AccountEvent, position: Position) -> tuple[RowChange, ...]:
    """What a record changes. Revoking is final, whatever comes after it, and in whichever order it is seen."""
    first, at_us = first_wins(position), record.envelope.occurred_at_us
    match record:
        case UserCreated(user_id=user_id, name=name):
            return (Put(USERS, (user_id,), {"name": name, "created_at_us": at_us}, first),)
        case ApiKeyCreated() if record.is_restricted:
            return ()  # it stands in the tables of identities: a reader that knows no restrictions must not open it
        case ApiKeyCreated(user_id=user_id, key_id=key_id, key_sha256=digest, label=label, hint=hint):
            cells = {"label": label, "hint": hint, "created_at_us": at_us}
            return (
                Put(API_KEYS, (digest,), {"key_id": key_id, "user_id": user_id, **cells}, first),
                Put(KEYS_BY_USER, (user_id, key_id), {"key_sha256": digest, **cells}, first),
            )
        case ApiKeyRevoked(user_id=user_id, key_id=key_id, key_sha256=digest):
            revoked = {"revoked_at_us": at_us}
            return Put(API_KEYS, (digest,), revoked, first), Put(KEYS_BY_USER, (user_id, key_id), revoked, first)
        case _:
            return ()
