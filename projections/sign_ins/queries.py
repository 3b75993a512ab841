"""What readers ask about passwords, sessions, issuers and one-time links."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass

from infra.cassandra.session import Row
from projections.reading import Tables
from schemas.signing import Login

_NAME = "sign_ins"
MAX_LINKS = 500
"""One-time links that are listed at once."""
MAX_READ = 50_000
"""Of all that ever were."""
MAX_SESSIONS = 5000
"""Of one user, those that are over among them, that are read at once."""
_HASH = "SELECT password_hash FROM {passwords} WHERE user_id = ?"
_SESSION_CELLS = (
    "session_sha256, session_id, user_id, method, created_at_us, expires_at_us, ended_at_us,"
    " issuer, subject, issuer_session, issued_at_s"
)
_SESSION = f"SELECT {_SESSION_CELLS} FROM {{signed_in}} WHERE session_sha256 = ?"  # noqa: S608 - our own names
_SESSIONS = f"SELECT {_SESSION_CELLS} FROM {{signed_in_by_user}} WHERE user_id = ? LIMIT {MAX_SESSIONS}"  # noqa: S608 - our own names
_SESSION_OF_USER = f"SELECT {_SESSION_CELLS} FROM {{signed_in_by_user}} WHERE user_id = ? AND session_id = ?"  # noqa: S608 - our own names
_LINKED = "SELECT user_id FROM {linked} WHERE issuer = ? AND subject = ?"
_SIGNED_OUT = "SELECT at_s FROM {signed_out} WHERE issuer = ? AND whom = ?"
_LINK_CELLS = (
    "token_sha256, link_id, kind, user_id, name, roles, tier, organisation_id, organisation_role, made_by,"
    " created_at_us, expires_at_us, used_by, revoked_at_us"
)
_LINK = f"SELECT {_LINK_CELLS} FROM {{one_time_links}} WHERE token_sha256 = ?"  # noqa: S608 - our own names
_LINKS = f"SELECT {_LINK_CELLS} FROM {{one_time_links}} LIMIT {MAX_READ}"  # noqa: S608 - our own names


@dataclass(frozen=True, slots=True)
class SessionRow:
    """A browser that was signed in. `ended_at_us` None: nothing ended it yet."""

    session_sha256: str
    session_id: str
    user_id: str
    method: str
    created_at_us: int
    expires_at_us: int
    ended_at_us: int | None = None
    login: Login | None = None


@dataclass(frozen=True, slots=True)
class LinkRow:
    """A one-time link. `used_by`: the event that used it; None: none did."""

    token_sha256: str
    link_id: str
    kind: str
    user_id: str
    name: str
    roles: tuple[str, ...]
    tier: str
    organisation_id: str
    organisation_role: str
    made_by: str
    created_at_us: int
    expires_at_us: int
    used_by: str | None = None
    revoked_at_us: int | None = None


async def password_hash(tables: Tables, user_id: str) -> str | None:
    """The hash of the user's password; None: they have none."""
    values = await tables.one(_NAME, _HASH, (user_id,))
    return None if values is None else values[0]


async def signed_in(tables: Tables, session_sha256: str) -> SessionRow | None:
    """The session with this hash, also one that is over; None if there is none (yet)."""
    values = await tables.one(_NAME, _SESSION, (session_sha256,))
    return None if values is None else session_of(values)


async def session_of_user(tables: Tables, user_id: str, session_id: str) -> SessionRow | None:
    """The user's session with this id, also one that is over; None if there is none (yet)."""
    values = await tables.one(_NAME, _SESSION_OF_USER, (user_id, session_id))
    return None if values is None else session_of(values)


async def sessions(tables: Tables, user_id: str) -> list[SessionRow]:
    """A user's sessions, oldest first, also those that are over; MAX_SESSIONS at most."""
    rows = [session_of(values) for values in await tables.select(_NAME, _SESSIONS, (user_id,))]
    return sorted((row for row in rows if row is not None), key=lambda row: (row.created_at_us, row.session_id))


async def linked_user(tables: Tables, issuer: str, subject: str) -> str | None:
    """Whom the issuer calls so; None: nobody here."""
    values = await tables.one(_NAME, _LINKED, (issuer, subject))
    return None if values is None else values[0]


async def signed_out_at(tables: Tables, issuer: str, name: str) -> int | None:
    """Until when (by the issuer's clock) it ended what is kept under this name (`whom`, `any_of`)."""
    values = await tables.one(_NAME, _SIGNED_OUT, (issuer, name))
    return None if values is None else values[0]


async def one_time_link(tables: Tables, token_sha256: str) -> LinkRow | None:
    """The link with this hash, used or not; None if there is none (yet)."""
    values = await tables.one(_NAME, _LINK, (token_sha256,))
    return None if values is None else link_of(values)


async def one_time_links(tables: Tables, at_us: int) -> list[LinkRow]:
    """At most MAX_LINKS links, newest first. For administrators."""
    rows = [link_of(values) for values in await tables.select(_NAME, _LINKS, ())]
    return listed((row for row in rows if row is not None), at_us)


def listed(rows: Iterable[LinkRow], at_us: int) -> list[LinkRow]:
    """MAX_LINKS of these at most, newest first. Those that are good at this time go before all others. Pure."""

    def age(row: LinkRow) -> tuple[int, str]:
        return -row.created_at_us, row.link_id

    def is_over(row: LinkRow) -> bool:
        return row.used_by is not None or row.revoked_at_us is not None or row.expires_at_us <= at_us

    return sorted(sorted(rows, key=lambda row: (is_over(row), *age(row)))[:MAX_LINKS], key=age)


def session_of(values: Row) -> SessionRow | None:
    """The session in a row; None where only its end has been seen."""
    digest, session_id, user_id, method, created_at_us, expires_at_us, ended_at_us, *issued = values
    if None in (digest, session_id, user_id, method, created_at_us, expires_at_us):
        return None
    issuer, subject, issuer_session, issued_at_s = issued
    login = None
    if issuer is not None:
        login = Login(
            issuer=issuer, subject=subject or "", issuer_session=issuer_session or "", issued_at_s=issued_at_s or 0
        )
    return SessionRow(digest, session_id, user_id, method, created_at_us, expires_at_us, ended_at_us, login)


def link_of(values: Row) -> LinkRow | None:
    """The link in a row; None where only its use has been seen."""
    digest, link_id, kind, user_id, name, roles, *rest = values
    if link_id is None:
        return None
    return LinkRow(digest, link_id, kind, user_id, name, tuple(json.loads(roles)), *rest)
