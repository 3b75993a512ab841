"""Passwords, sessions, issuers and one-time links, of projections in memory and of real ones: the same answers."""

from __future__ import annotations

from typing import Any

import pytest

from projections.sign_ins.queries import LinkRow, SessionRow
from schemas import ids
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
from tests.conformance.api_reads import ReadsUnderTest, envelope
from tests.unit.api.memory_log import AT
from topics.catalogue import ACCOUNT_EVENTS

ISSUER = "https://id.example.org"
pytestmark = pytest.mark.asyncio(loop_scope="module")
LATER_US = AT + 86_400_000_000


def say(under_test: ReadsUnderTest, record_type: Any, key: str, after_us: int = 0, **fields: Any) -> str:
    """Its event id."""
    said = envelope(f"{record_type.__name__} {key} {after_us}", after_us)
    under_test.log.append(ACCOUNT_EVENTS, key, record_type(envelope=said, **fields))
    return said.event_id


async def test_the_password_of_now(under_test: ReadsUnderTest) -> None:
    alice, bob = ids.user_id("alice of passwords"), ids.user_id("bob of passwords")
    assert await under_test.reads.password_hash(alice) is None
    for after_us, kept in enumerate(("$argon2id$first", "$argon2id$second")):
        say(under_test, PasswordSet, alice, after_us, user_id=alice, password_hash=kept)
    await under_test.show()
    assert await under_test.reads.password_hash(alice) == "$argon2id$second"
    assert await under_test.reads.password_hash(bob) is None


async def test_sessions_begin_and_end(under_test: ReadsUnderTest) -> None:
    alice, bob = ids.user_id("alice of sessions"), ids.user_id("bob of sessions")
    reads = under_test.reads
    login = Login(issuer=ISSUER, subject="alice", issuer_session="theirs", issued_at_s=1_800_000_000)
    rows = [
        SessionRow(f"{name}-hash", name, user_id, method, AT + n, LATER_US, login=by)
        for n, (name, user_id, method, by) in enumerate(
            (("one", alice, "password", None), ("two", alice, "issuer", login), ("three", bob, "reset", None))
        )
    ]
    for n, row in enumerate(rows):
        names = {"user_id": row.user_id, "session_id": row.session_id, "session_sha256": row.session_sha256}
        said: dict[str, Any] = {**names, "method": row.method, "expires_at_us": LATER_US, "login": row.login}
        say(under_test, SessionStarted, row.user_id, n, **said)
    await under_test.show()
    assert await reads.signed_in("one-hash") == rows[0]
    assert await reads.signed_in("two-hash") == rows[1]
    assert await reads.signed_in("none") is None
    assert await reads.sessions(alice) == rows[:2]
    assert await reads.sessions(bob) == rows[2:]
    say(under_test, SessionEnded, alice, 9, user_id=alice, session_id="one", session_sha256="one-hash")
    say(under_test, SessionEnded, bob, 9, user_id=bob, session_id="never", session_sha256="never-hash")
    await under_test.show()
    over = await reads.signed_in("one-hash")
    assert over is not None
    assert over.ended_at_us == AT + 9
    assert await reads.signed_in("never-hash") is None, "of one that never began only the end is known"
    assert [row.ended_at_us for row in await reads.sessions(alice)] == [AT + 9, None]
    assert await reads.sessions(bob) == rows[2:]


async def test_whom_an_issuer_means_is_who_was_linked_first(under_test: ReadsUnderTest) -> None:
    alice = ids.user_id("alice of linked")
    assert await under_test.reads.linked_user(ISSUER, "alice") is None
    # Of one user, so in one partition: the order is the log's.
    for n, subject in enumerate(("alice", "alice", "other")):
        say(under_test, IdentityLinked, alice, n, user_id=alice, issuer=ISSUER, subject=subject)
    await under_test.show()
    assert await under_test.reads.linked_user(ISSUER, "alice") == alice
    assert await under_test.reads.linked_user(ISSUER, "other") == alice
    assert await under_test.reads.linked_user("https://other.example.org", "alice") is None


async def test_an_issuers_sign_outs_by_its_own_time(under_test: ReadsUnderTest) -> None:
    reads = under_test.reads
    assert await reads.signed_out_at(ISSUER, "sub:alice") is None
    for n, (session, at_s) in enumerate((("theirs", 500), ("", 400), ("", 300))):
        said: dict[str, Any] = {"issuer": ISSUER, "subject": "alice", "issuer_session": session, "at_s": at_s}
        say(under_test, IssuerSignedOut, ISSUER, n, **said)
    await under_test.show()
    found = [await reads.signed_out_at(ISSUER, name) for name in ("sid:theirs", "any:alice", "sub:alice", "sub:bob")]
    assert found == [500, 500, 400, None], "one that comes late takes nothing back"


async def test_one_time_links(under_test: ReadsUnderTest) -> None:
    bob = ids.user_id("bob of links")
    reads = under_test.reads
    invited: dict[str, Any] = {"name": "eve", "roles": ("member", "reviewer"), "tier": "plus"}
    invited |= {"organisation_id": ids.organisation_id("Guild"), "organisation_role": "member"}
    made: list[tuple[str, dict[str, Any]]] = [
        ("used", {"kind": "invitation", **invited}),
        ("back", {"kind": "invitation"}),
        ("good", {"kind": "reset", "user_id": bob}),
    ]
    for n, (link, said) in enumerate(made):
        names = {"link_id": link, "token_sha256": f"{link}-hash", "expires_at_us": LATER_US}
        say(under_test, OneTimeLinkMade, link, n, **names, **said)
    await under_test.show()
    used = LinkRow(
        *("used-hash", "used", "invitation", "", "eve", ("member", "reviewer"), "plus"),
        *(invited["organisation_id"], "member", "user:alice", AT, LATER_US),
    )
    assert await reads.one_time_link("used-hash") == used
    assert await reads.one_time_link("unknown") is None
    assert [row.link_id for row in await reads.one_time_links(AT)] == ["good", "back", "used"]
    first, _ = (say(under_test, OneTimeLinkUsed, "used", n, link_id="used", token_sha256="used-hash") for n in (5, 6))
    say(under_test, OneTimeLinkRevoked, "back", 7, link_id="back", token_sha256="back-hash")
    await under_test.show()
    rows = {row.link_id: row for row in await reads.one_time_links(AT)}
    assert (rows["used"].used_by, rows["used"].revoked_at_us) == (first, None), "the first use in the log"
    assert (rows["back"].used_by, rows["back"].revoked_at_us) == (None, AT + 7)
    assert (rows["good"].user_id, rows["good"].used_by, rows["good"].revoked_at_us) == (bob, None, None)
