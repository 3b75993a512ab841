"""account-events of signing in: passwords, sessions, links to issuers, and one-time links.

Keyed by user_id; a one-time link's own records by link_id, and an issuer's sign-outs by whom they sign out. Of every
secret there is a hash alone.
"""

from __future__ import annotations

from dataclasses import dataclass

from schemas.envelope import Envelope


@dataclass(frozen=True, slots=True, kw_only=True)
class PasswordSet:
    """From now on the user signs in with this password. `password_hash`: argon2id, with its parameters."""

    envelope: Envelope
    user_id: str
    password_hash: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """Where an issuer signed somebody in: `subject` is the person there, `issuer_session` their session there (empty:
    it names none), `issued_at_s` the time by the issuer's clock."""

    issuer: str
    subject: str
    issuer_session: str = ""
    issued_at_s: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionStarted:
    """A browser was signed in. `session_sha256`: the hash of a secret that nobody kept; its cookie names it.

    `method`: password, invitation, reset or issuer.
    """

    envelope: Envelope
    user_id: str
    session_id: str
    session_sha256: str
    method: str
    expires_at_us: int
    login: Login | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionEnded:
    """One session is over, for good, and so is what is streamed by it."""

    envelope: Envelope
    user_id: str
    session_id: str
    session_sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class IdentityLinked:
    """Whoever this issuer calls `subject` is this user. The first link of a subject counts."""

    envelope: Envelope
    user_id: str
    issuer: str
    subject: str


@dataclass(frozen=True, slots=True, kw_only=True)
class IssuerSignedOut:
    """An issuer has signed somebody out: of one of its sessions, or (empty) of all that began until `at_s`."""

    envelope: Envelope
    issuer: str
    subject: str
    issuer_session: str
    at_s: int


@dataclass(frozen=True, slots=True, kw_only=True)
class OneTimeLinkMade:
    """A link that lets somebody in once. Key: link_id.

    `kind`: invitation (somebody becomes a user, with these roles, tier and organisation) or reset (the user `user_id`
    chooses a new password). `name`: the only name that an invitation is for; empty: any that is free.
    """

    envelope: Envelope
    link_id: str
    token_sha256: str
    kind: str
    expires_at_us: int
    user_id: str = ""
    name: str = ""
    roles: tuple[str, ...] = ()
    tier: str = ""
    organisation_id: str = ""
    organisation_role: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class OneTimeLinkUsed:
    """Key: link_id. The first one in the log used the link; all others came too late."""

    envelope: Envelope
    link_id: str
    token_sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OneTimeLinkRevoked:
    """Key: link_id. The link lets nobody in any more."""

    envelope: Envelope
    link_id: str
    token_sha256: str


SigningEvent = (
    PasswordSet
    | SessionStarted
    | SessionEnded
    | IdentityLinked
    | IssuerSignedOut
    | OneTimeLinkMade
    | OneTimeLinkUsed
    | OneTimeLinkRevoked
)
