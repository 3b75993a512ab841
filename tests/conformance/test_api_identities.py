"""What users, organisations and keys are, asked of the projections in memory and of the real ones: the same answers."""

from __future__ import annotations

from typing import Any

import pytest

from projections.accounts.queries import ApiKeyRow, UserRow
from projections.identities.queries import Member, OrganisationRow
from projections.identities.standing import NOTHING_SAID, OrganisationStanding
from schemas import ids
from schemas.account import ApiKeyCreated, ApiKeyRevoked, UserCreated
from schemas.identity import (
    NO_LIMITS,
    ApiKeyChanged,
    KeyLimits,
    MembershipChanged,
    OrganisationChanged,
    OrganisationCreated,
    UserChanged,
)
from tests.conformance.api_reads import ReadsUnderTest, envelope
from tests.unit.api.memory_log import AT
from topics.catalogue import ACCOUNT_EVENTS

pytestmark = pytest.mark.asyncio(loop_scope="module")
LATER_US = AT + 86_400_000_000


def say(under_test: ReadsUnderTest, record_type: Any, after_us: int = 0, **fields: Any) -> None:
    key = fields.get("user_id") or fields["organisation_id"]
    cause = f"{record_type.__name__} {after_us}"
    under_test.log.append(ACCOUNT_EVENTS, key, record_type(envelope=envelope(cause, after_us), **fields))


def belongs(under_test: ReadsUnderTest, user_id: str, organisation_id: str, role: str | None) -> None:
    say(under_test, MembershipChanged, user_id=user_id, organisation_id=organisation_id, role=role)


async def test_what_was_said_last_of_a_user_counts_each_thing_for_itself(under_test: ReadsUnderTest) -> None:
    alice, bob = ids.user_id("alice of standings"), ids.user_id("bob of standings")
    reads = under_test.reads
    assert await reads.standing(alice) == NOTHING_SAID
    assert await reads.user(alice) is None
    say(under_test, UserCreated, user_id=alice, name="alice", email="alice@example.org")
    say(under_test, UserCreated, user_id=bob, name="bob")
    await under_test.show()
    assert await reads.user(alice) == UserRow(alice, "alice", AT, "alice@example.org")
    assert (await reads.standing(alice)).held_roles == ("member",)
    say(under_test, UserChanged, user_id=alice, roles=("auditor", "admin"), tier="plus", suspended=True)
    say(under_test, UserChanged, user_id=alice, name="Alice L.", email="")
    say(under_test, UserChanged, user_id=alice, suspended=False)
    say(under_test, UserChanged, user_id=bob, roles=())
    await under_test.show()
    said = await reads.standing(alice)
    assert (said.held_roles, said.is_suspended) == (("auditor", "admin"), False)
    assert said.tier is not None and said.tier.value == "plus"
    assert await reads.user(alice) == UserRow(alice, "Alice L.", AT, "")
    assert (await reads.standing(bob)).held_roles == (), "all roles were taken: that is something said"
    assert {row.user_id for row in await reads.some_users("", 10)} == {alice, bob}


async def test_a_user_belongs_where_they_were_taken_last_of_those_that_have_them(under_test: ReadsUnderTest) -> None:
    alice = ids.user_id("alice of belonging")
    guild, other = ids.organisation_id("guild of belonging"), ids.organisation_id("other of belonging")
    reads = under_test.reads
    belongs(under_test, alice, guild, "admin")
    belongs(under_test, alice, other, "member")
    await under_test.show()
    assert (await reads.standing(alice)).organisation_id == other
    belongs(under_test, alice, other, None)
    await under_test.show()
    said = await reads.standing(alice)
    assert (said.organisation_id, said.role_in(guild), said.role_in(other)) == (guild, "admin", "")
    belongs(under_test, alice, other, "auditor")
    await under_test.show()
    assert (await reads.standing(alice)).organisation_id == other


async def test_members_come_in_pages_without_those_who_left(under_test: ReadsUnderTest) -> None:
    alice = ids.user_id("alice of members")
    guild, other = ids.organisation_id("guild of members"), ids.organisation_id("other of members")
    people = sorted(ids.user_id(f"member {n}") for n in range(7))
    for user_id in people:
        belongs(under_test, user_id, guild, "member")
    for user_id in (people[1], people[2], people[5]):
        belongs(under_test, user_id, guild, None)
    belongs(under_test, alice, other, "member")
    await under_test.show()
    left = [Member(people[n], "member") for n in (0, 3, 4, 6)]
    assert await under_test.reads.members(guild, "", 10) == left
    first = await under_test.reads.members(guild, "", 2)
    assert first == left[:2]
    assert await under_test.reads.members(guild, first[-1].user_id, 2) == left[2:]
    assert await under_test.reads.members(ids.organisation_id("none"), "", 2) == []


async def test_organisations(under_test: ReadsUnderTest) -> None:
    guild, other = ids.organisation_id("guild of organisations"), ids.organisation_id("other of organisations")
    reads = under_test.reads
    assert await reads.organisation(guild) is None
    assert await reads.organisation_standing(guild) == OrganisationStanding()
    say(under_test, OrganisationCreated, organisation_id=guild, name="Guild", tier="plus")
    say(under_test, OrganisationCreated, 5, organisation_id=other, name="Other")
    say(under_test, OrganisationChanged, 9, organisation_id=guild, name="The Guild")
    await under_test.show()
    row = OrganisationRow(organisation_id=guild, name="The Guild", tier="plus", created_at_us=AT)
    other_row = OrganisationRow(organisation_id=other, name="Other", tier="", created_at_us=AT + 5)
    assert await reads.organisation(guild) == row
    assert await reads.organisation(other) == other_row
    (first,) = await reads.organisations("", 1)
    (second,) = await reads.organisations(first.organisation_id, 5)
    assert {first.organisation_id, second.organisation_id} == {guild, other}
    assert {first.name, second.name} == {row.name, other_row.name}
    assert await reads.organisations(second.organisation_id, 5) == []
    say(under_test, OrganisationChanged, 10, organisation_id=guild, tier="")
    await under_test.show()
    said = (await reads.organisation_standing(guild)).tier
    assert said is not None and said.value == "", "the default one, and that was said"


async def test_a_key_is_what_it_was_made_and_changed_to(under_test: ReadsUnderTest) -> None:
    alice, bob = ids.user_id("alice of keys"), ids.user_id("bob of keys")
    guild = ids.organisation_id("guild of keys")
    reads = under_test.reads
    plain: dict[str, Any] = {"user_id": alice, "key_id": "k-plain", "key_sha256": "0a" * 32}
    scoped: dict[str, Any] = {"user_id": alice, "key_id": "k-scoped", "key_sha256": "0b" * 32}
    limits = KeyLimits(requests_per_minute=5, models=("local", "other"))
    restricted = {"scopes": ("read",), "expires_at_us": LATER_US, "limits": limits, "organisation_id": guild}
    say(under_test, ApiKeyCreated, **plain, label="laptop", hint="wxyz")
    say(under_test, ApiKeyCreated, 5, **scoped, label="reads", hint="abcd", **restricted)
    await under_test.show()
    one = ApiKeyRow("0a" * 32, "k-plain", alice, "laptop", "wxyz", AT, None)
    two = ApiKeyRow(
        *("0b" * 32, "k-scoped", alice, "reads", "abcd", AT + 5, None),
        scopes=("read",),
        expires_at_us=LATER_US,
        limits=limits,
        organisation_id=guild,
    )
    assert await reads.api_key(one.key_sha256) == one
    assert await reads.api_key(two.key_sha256) == two
    assert await reads.keys(alice) == [one, two]
    assert await reads.keys(bob) == []
    say(under_test, ApiKeyChanged, 6, **plain, label="the laptop", limits=KeyLimits(tokens_per_minute=9))
    say(under_test, ApiKeyChanged, 7, **scoped, limits=NO_LIMITS)
    await under_test.show()
    changed = await reads.api_key(one.key_sha256)
    assert changed is not None
    assert (changed.label, changed.limits) == ("the laptop", KeyLimits(tokens_per_minute=9))
    freed = await reads.api_key(two.key_sha256)
    assert freed is not None
    assert (freed.label, freed.limits, freed.scopes) == ("reads", NO_LIMITS, ("read",))
    say(under_test, ApiKeyRevoked, 8, **plain)
    say(under_test, ApiKeyRevoked, 8, **scoped)
    await under_test.show()
    assert await reads.api_key(one.key_sha256) is await reads.api_key(two.key_sha256) is None
    assert [(row.key_id, row.revoked_at_us) for row in await reads.keys(alice)] == [
        ("k-plain", AT + 8),
        ("k-scoped", AT + 8),
    ]
