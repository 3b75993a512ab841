"""Users and their API keys; a key is stored only as its hash."""

from __future__ import annotations

from projections.rows import Table

_KEY_CELLS = {
    # From ApiKeyCreated; the first wins.
    "label": "text",
    "hint": "text",
    "created_at_us": "bigint",
    # From ApiKeyRevoked; final.
    "revoked_at_us": "bigint",
}

USERS = Table(
    name="users",
    partition_key={"user_id": "text"},
    cells={"name": "text", "created_at_us": "bigint"},
)
API_KEYS = Table(
    name="api_keys",
    partition_key={"key_sha256": "text"},
    cells={"key_id": "text", "user_id": "text", **_KEY_CELLS},
)
KEYS_BY_USER = Table(
    name="keys_by_user",
    partition_key={"user_id": "text"},
    clustering={"key_id": "text"},
    cells={"key_sha256": "text", **_KEY_CELLS},
)
