"""A history of who users are and how they sign in.

Roles, tiers, organisations, keys that may less; passwords, sessions, issuers, one-time links.

`python -m tests.histories.identity` made the log, once, at write level 6.
"""

from __future__ import annotations

from typing import Any

from schemas import ids
from schemas.account import AccountEvent, ApiKeyCreated, ApiKeyRevoked, UserCreated
from schemas.codec import encode
from schemas.envelope import Envelope
from schemas.identity import (
    NO_LIMITS,
    ApiKeyChanged,
    KeyLimits,
    MembershipChanged,
    OrganisationChanged,
    OrganisationCreated,
    UserChanged,
)
from schemas.signing import (
    IdentityLinked,
    IssuerSignedOut,
    Login,
    OneTimeLinkMade,
    OneTimeLinkRevoked,
    OneTimeLinkUsed,
    PasswordSet,
    SessionEnded,
    SessionStarted,
)
from tests.fakes.projection_logs import LogBuilder
from tests.fakes.projection_records import AT
from tests.histories.history import HISTORIES, write_log
from tests.histories.record import write_results
from topics.catalogue import ACCOUNT_EVENTS
from topics.log import RawRecord

NAME = "identity"
ADA, BOB = ids.user_id("ada"), ids.user_id("bob")
GUILD, OTHER = ids.organisation_id("Guild"), ids.organisation_id("Other")
ISSUER = "https://id.example.org"
LATER_US = AT + 90 * 86_400_000_000


class _Telling:
    def __init__(self) -> None:
        self.log = LogBuilder()
        self.keys: list[str] = []

    def says(self, record_type: Any, key: str, **fields: Any) -> None:
        """One more event, a second after the one before."""
        cause = f"{len(self.keys)} {record_type.__name__}"
        at_us = AT + len(self.keys) * 1_000_000
        envelope = Envelope(ids.event_id(cause, "Test"), at_us, None, "request-1", f"user:{ADA}")
        self.keys.append(key)
        record: AccountEvent = record_type(envelope=envelope, **fields)
        self.log.append(ACCOUNT_EVENTS, key, record)

    def raw(self) -> list[RawRecord]:
        return [
            RawRecord(
                placed.topic,
                placed.position.partition,
                placed.position.offset,
                AT // 1000 + n,
                key.encode(),
                encode(placed.record),
            )
            for n, (placed, key) in enumerate(zip(self.log.placed, self.keys, strict=True))
        ]


def _log() -> list[RawRecord]:
    telling = _Telling()
    _users(telling)
    _keys(telling)
    _signing_in(telling)
    _links(telling)
    return telling.raw()


def _users(telling: _Telling) -> None:
    says = telling.says
    says(UserCreated, ADA, user_id=ADA, name="ada", email="ada@example.org")
    says(UserCreated, BOB, user_id=BOB, name="bob")
    says(UserChanged, ADA, user_id=ADA, roles=("admin", "member"), tier="unlimited")
    says(UserChanged, ADA, user_id=ADA, name="Ada L.", email="")
    says(UserChanged, BOB, user_id=BOB, suspended=True)
    says(UserChanged, BOB, user_id=BOB, suspended=False, roles=(), tier="")
    says(OrganisationCreated, GUILD, organisation_id=GUILD, name="Guild", tier="plus")
    says(OrganisationCreated, OTHER, organisation_id=OTHER, name="Other")
    says(OrganisationChanged, GUILD, organisation_id=GUILD, name="The Guild", tier="free")
    for user_id, organisation_id, role in (
        (ADA, GUILD, "admin"),
        (BOB, GUILD, "member"),
        (BOB, OTHER, "auditor"),
        (BOB, GUILD, None),
    ):
        says(MembershipChanged, user_id, user_id=user_id, organisation_id=organisation_id, role=role)


def _keys(telling: _Telling) -> None:
    says = telling.says
    plain: dict[str, Any] = {"user_id": ADA, "key_id": "key-plain", "key_sha256": "0a" * 32}
    scoped: dict[str, Any] = {"user_id": ADA, "key_id": "key-scoped", "key_sha256": "0b" * 32}
    gone: dict[str, Any] = {"user_id": BOB, "key_id": "key-gone", "key_sha256": "0c" * 32}
    limits = KeyLimits(requests_per_minute=5, models=("local",))
    says(ApiKeyCreated, ADA, **plain, label="laptop", hint="wxyz")
    says(
        ApiKeyCreated,
        ADA,
        **scoped,
        label="reads",
        hint="abcd",
        scopes=("chat", "read"),
        expires_at_us=LATER_US,
        limits=limits,
        organisation_id=GUILD,
    )
    says(ApiKeyCreated, BOB, **gone, label="", hint="efgh", scopes=())
    says(ApiKeyChanged, ADA, **plain, label="the laptop", limits=KeyLimits(tokens_per_minute=9))
    says(ApiKeyChanged, ADA, **scoped, limits=NO_LIMITS)
    says(ApiKeyRevoked, BOB, **gone)


def _signing_in(telling: _Telling) -> None:
    says = telling.says
    says(PasswordSet, ADA, user_id=ADA, password_hash="$argon2id$v=19$m=19456,t=2,p=1$first$hash")
    says(PasswordSet, ADA, user_id=ADA, password_hash="$argon2id$v=19$m=19456,t=2,p=1$second$hash")
    login = Login(issuer=ISSUER, subject="ada-there", issuer_session="their-1", issued_at_s=1_800_000_000)
    for session, user_id, method, by in (
        ("one", ADA, "password", None),
        ("two", ADA, "issuer", login),
        ("three", BOB, "invitation", None),
    ):
        said: dict[str, Any] = {"user_id": user_id, "session_id": session, "session_sha256": session.ljust(64, "0")}
        says(SessionStarted, user_id, **said, method=method, expires_at_us=LATER_US, login=by)
    says(SessionEnded, ADA, user_id=ADA, session_id="one", session_sha256="one".ljust(64, "0"))
    says(SessionEnded, BOB, user_id=BOB, session_id="never", session_sha256="never".ljust(64, "0"))
    says(IdentityLinked, ADA, user_id=ADA, issuer=ISSUER, subject="ada-there")
    says(IdentityLinked, BOB, user_id=BOB, issuer=ISSUER, subject="ada-there")
    for subject, session, at_s in (("ada-there", "their-1", 1_800_000_500), ("ada-there", "", 1_800_000_400)):
        says(IssuerSignedOut, ISSUER, issuer=ISSUER, subject=subject, issuer_session=session, at_s=at_s)
    says(IssuerSignedOut, ISSUER, issuer=ISSUER, subject="ada-there", issuer_session="", at_s=1_800_000_300)


def _links(telling: _Telling) -> None:
    says = telling.says
    invited: dict[str, Any] = {"name": "eve", "roles": ("member", "reviewer"), "tier": "plus"}
    joined: dict[str, Any] = {"organisation_id": GUILD, "organisation_role": "member"}
    made = {"used": {**invited, **joined}, "taken": invited, "back": {}, "good": {}}
    for link, said in made.items():
        names = {"link_id": link, "token_sha256": link.ljust(64, "0")}
        says(OneTimeLinkMade, link, **names, kind="invitation", expires_at_us=LATER_US, **said)
    reset = {"link_id": "reset", "token_sha256": "reset".ljust(64, "0"), "user_id": BOB}
    says(OneTimeLinkMade, "reset", **reset, kind="reset", expires_at_us=LATER_US)
    for link, record_type in (
        ("used", OneTimeLinkUsed),
        ("used", OneTimeLinkUsed),
        ("taken", OneTimeLinkUsed),
        ("taken", OneTimeLinkRevoked),
        ("back", OneTimeLinkRevoked),
        ("unknown", OneTimeLinkUsed),
    ):
        says(record_type, link, link_id=link, token_sha256=link.ljust(64, "0"))


def main() -> None:
    """Write the log, and what it comes to."""
    write_log(HISTORIES / NAME, _log())
    write_results(HISTORIES / NAME)


if __name__ == "__main__":
    main()
