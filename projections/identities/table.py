"""What users, organisations and keys are and may, as records of level 6 say it; nothing older does.

So these tables hold all of it from their first day, whatever older tables beside them lack: nobody who reads them takes
a suspended user for a good one, or a key with scopes for one without.
"""

from __future__ import annotations

from projections.rows import Table

_GRANT_CELLS = {
    # From ApiKeyCreated with restrictions; the first wins. A key without any stands in accounts' tables alone.
    "label": "text",
    "hint": "text",
    "created_at_us": "bigint",
    "scopes": "text",
    "expires_at_us": "bigint",
    "limits": "text",
    "organisation_id": "text",
    # From ApiKeyRevoked; final.
    "revoked_at_us": "bigint",
    # From ApiKeyChanged, of any key; the last wins.
    "relabelled": "text",
    "relimited": "text",
}

STANDINGS = Table(
    # The last record that says it wins, cell by cell. `roles`: a JSON array.
    name="standings",
    partition_key={"user_id": "text"},
    cells={"roles": "text", "tier": "text", "suspended": "boolean", "name": "text", "email": "text"},
)
MEMBERSHIPS = Table(
    # `role`: empty: no member any more. The last record wins.
    name="memberships",
    partition_key={"user_id": "text"},
    clustering={"organisation_id": "text"},
    cells={"role": "text"},
)
MEMBERS = Table(
    name="members",
    partition_key={"organisation_id": "text"},
    clustering={"user_id": "text"},
    cells={"role": "text"},
)
ORGANISATIONS = Table(
    # `created_at_us`: the first record; else the last wins.
    name="organisations",
    partition_key={"organisation_id": "text"},
    cells={"created_at_us": "bigint", "name": "text", "tier": "text"},
)
GRANTS = Table(
    name="grants",
    partition_key={"key_sha256": "text"},
    cells={"key_id": "text", "user_id": "text", **_GRANT_CELLS},
)
GRANTS_BY_USER = Table(
    name="grants_by_user",
    partition_key={"user_id": "text"},
    clustering={"key_id": "text"},
    cells={"key_sha256": "text", **_GRANT_CELLS},
)
