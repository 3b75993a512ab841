"""Passwords, sessions, links to issuers, and one-time links; of every secret its hash."""

from __future__ import annotations

from projections.rows import Table

_SESSION_CELLS = {
    # From SessionStarted; the first wins.
    "method": "text",
    "created_at_us": "bigint",
    "expires_at_us": "bigint",
    "issuer": "text",
    "subject": "text",
    "issuer_session": "text",
    "issued_at_s": "bigint",
    # From SessionEnded; final.
    "ended_at_us": "bigint",
}

PASSWORDS = Table(
    name="passwords",
    partition_key={"user_id": "text"},
    cells={"password_hash": "text", "set_at_us": "bigint"},
)
SIGNED_IN = Table(
    name="signed_in",
    partition_key={"session_sha256": "text"},
    cells={"session_id": "text", "user_id": "text", **_SESSION_CELLS},
)
SIGNED_IN_BY_USER = Table(
    name="signed_in_by_user",
    partition_key={"user_id": "text"},
    clustering={"session_id": "text"},
    cells={"session_sha256": "text", **_SESSION_CELLS},
)
LINKED = Table(
    name="linked",
    partition_key={"issuer": "text", "subject": "text"},
    cells={"user_id": "text"},
)
SIGNED_OUT = Table(
    name="signed_out",
    # `whom`: sub: and the subject, or sid: and the session there.
    partition_key={"issuer": "text", "whom": "text"},
    cells={"at_s": "bigint"},
)
ONE_TIME_LINKS = Table(
    name="one_time_links",
    partition_key={"token_sha256": "text"},
    cells={
        "link_id": "text",
        "kind": "text",
        "user_id": "text",
        "name": "text",
        "roles": "text",
        "tier": "text",
        "organisation_id": "text",
        "organisation_role": "text",
        "made_by": "text",
        "created_at_us": "bigint",
        "expires_at_us": "bigint",
        # From OneTimeLinkUsed and OneTimeLinkRevoked; the first wins.
        "used_by": "text",
        "revoked_at_us": "bigint",
    },
)
