"""What a user keeps beside their conversations: settings, folders, snippets; their commands under a key; and since when
no browser is signed in any more."""

from __future__ import annotations

from projections.rows import Table

SETTINGS = Table(
    # `value`: JSON; empty: the default. The last record wins.
    name="settings",
    partition_key={"user_id": "text"},
    clustering={"name": "text"},
    cells={"value": "text"},
)
FOLDERS = Table(
    name="folders",
    partition_key={"user_id": "text"},
    clustering={"folder_id": "text"},
    # The first record; the last; final.
    cells={"created_at_us": "bigint", "name": "text", "deleted": "boolean"},
)
SNIPPETS = Table(
    name="snippets",
    partition_key={"user_id": "text"},
    clustering={"snippet_id": "text"},
    # The first record; the last; final.
    cells={"created_at_us": "bigint", "name": "text", "body": "text", "deleted": "boolean"},
)
ACCOUNT_COMMANDS = Table(
    # As `commands` of a conversation: one row per key and kind of command, the first record wins. No content.
    name="account_commands",
    partition_key={"user_id": "text"},
    clustering={"event_id": "text"},
    cells={"request_hash": "text"},
)
SESSION_ENDS = Table(
    # The order key of the last record that ended all sessions of a user.
    name="session_ends",
    partition_key={"user_id": "text"},
    cells={"ended": "bigint"},
)
