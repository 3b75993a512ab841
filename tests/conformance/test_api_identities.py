"""What users, organisations and keys are, asked of the projections in memory and of the real ones: the same answers."""

from __future__ import annotations

from typing import Any

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
from tests.conformance.api_reads import USER, Open, ReadsUnderTest, envelope
from tests.unit.api.memory_log import AT
from topics.catalogue import ACCOUNT_EVENTS

BOB = ids.user_id("bob")
GUILD, OTHER = ids.organisation_id("Guild"), ids.organisation_id("Other")
LATER_US = AT + 86_400_000_000


def say(under_test: ReadsUnderTest, record_type: Any, after_us: int = 0, **fields: Any) -> None:
    key = fields.get("user_id") or fields["organisation_id"]
    cause = f"{record_type.__name__} {after_us}"
    under_test.log.append(ACCOUNT_EVENTS, key, record_type(envelope=envelope(cause, after_us), **fields))


def belongs(under_test: ReadsUnderTest, user_id: str, organisation_id: str, role: str | None) -> None:
    say(under_test, MembershipChanged, user_id=user_id, organisation_id=organisation_id, role=role)


async def test_what_was_said_last_of_a_user_counts_each_thing_for_itself(opened: Open) -> None:
    async with opened() as under_test:
        reads = under_test.reads
        assert await reads.standing(USER) == NOTHING_SAID
        assert await reads.user(USER) is None
        say(under_test, UserCreated, user_id=USER, name="alice", email="alice@example.org")
        say(under_test, UserCreated, user_id=BOB, name="bob")
        await under_test.show()
        assert await reads.user(USER) == UserRow(USER, "alice", AT, "alice@example.org")
        assert (await reads.standing(USER)).held_roles == ("member",)
        say(under_test, UserChanged, user_id=USER, roles=("auditor", "admin"), tier="plus", suspended=True)
        say(under_test, UserChanged, user_id=USER, name="Alice L.", email="")
        say(under_test, UserChanged, user_id=USER, suspended=False)
        say(under_test, UserChanged, user_id=BOB, roles=())
        await under_test.show()
        said = await reads.standing(USER)
        assert (said.held_roles, said.is_suspended) == (("auditor", "admin"), False)
        assert said.tier is not None and said.tier.value == "plus"
        assert await reads.user(USER) == UserRow(USER, "Alice L.", AT, "")
        assert (await reads.standing(BOB)).held_roles == (), "all roles were taken: that is something said"
        assert {row.user_id for row in await reads.some_users("", 10)} == {USER, BOB}


async def test_a_user_belongs_where_they_were_taken_last_of_those_that_have_them(opened: Open) -> None:
    async with opened() as under_test:
        reads = under_test.reads
        belongs(under_test, USER, GUILD, "admin")
        belongs(under_test, USER, OTHER, "member")
        await under_test.show()
        assert (await reads.standing(USER)).organisation_id == OTHER
        belongs(under_test, USER, OTHER, None)
        await under_test.show()
        said = await reads.standing(USER)
        assert (said.organisation_id, said.role_in(GUILD), said.role_in(OTHER)) == (GUILD, "admin", "")
        belongs(under_test, USER, OTHER, "auditor")
        await under_test.show()
        assert (await reads.standing(USER)).organisation_id == OTHER


async def test_members_come_in_pages_without_those_who_left(opened: Open) -> None:
    async with opened() as under_test:
        people = sorted(ids.user_id(f"member {n}") for n in range(7))
        for user_id in people:
            belongs(under_test, user_id, GUILD, "member")
        for user_id in (people[1], people[2], people[5]):
            belongs(under_test, user_id, GUILD, None)
        belongs(under_test, USER, OTHER, "member")
        await under_test.show()
        left = [Member(people[n], "member") for n in (0, 3, 4, 6)]
        assert await under_test.reads.members(GUILD, "", 10) == left
        first = await under_test.reads.members(GUILD, "", 2)
        assert first == left[:2]
        assert await under_test.reads.members(GUILD, first[-1].user_id, 2) == left[2:]
        assert await under_test.reads.members(ids.organisation_id("none"), "", 2) == []


async def test_organisations(opened: Open) -> None:
    async with opened() as under_test:
        reads = under_test.reads
        assert await reads.organisation(GUILD) is None
        assert await reads.organisation_standing(GUILD) == OrganisationStanding()
        say(under_test, OrganisationCreated, organisation_id=GUILD, name="Guild", tier="plus")
        say(under_test, OrganisationCreated, 5, organisation_id=OTHER, name="Other")
        say(under_test, OrganisationChanged, 9, organisation_id=GUILD, name="The Guild")
        await under_test.show()
        guild = OrganisationRow(organisation_id=GUILD, name="The Guild", tier="plus", created_at_us=AT)
        other = OrganisationRow(organisation_id=OTHER, name="Other", tier="", created_at_us=AT + 5)
        assert await reads.organisation(GUILD) == guild
        (first,) = await reads.organisations("", 1)
        (second,) = await reads.organisations(first.organisation_id, 5)
        assert {first.organisation_id, second.organisation_id} == {GUILD, OTHER}
        assert {first.name, second.name} == {guild.name, other.name}
        assert await reads.organisations(second.organisation_id, 5) == []
        say(under_test, OrganisationChanged, 10, organisation_id=GUILD, tier="")
        await under_test.show()
        said = (await reads.organisation_standing(GUILD)).tier
        assert said is not None and said.value == "", "the default one, and that was said"


async def test_a_key_is_what_it_was_made_and_changed_to(opened: Open) -> None:
    async with opened() as under_test:
        reads = under_test.reads
        plain: dict[str, Any] = {"user_id": USER, "key_id": "k-plain", "key_sha256": "0a" * 32}
        scoped: dict[str, Any] = {"user_id": USER, "key_id": "k-scoped", "key_sha256": "0b" * 32}
        limits = KeyLimits(requests_per_minute=5, models=("local", "other"))
        restricted = {"scopes": ("read",), "expires_at_us": LATER_US, "limits": limits, "organisation_id": GUILD}
        say(under_test, ApiKeyCreated, **plain, label="laptop", hint="wxyz")
        say(under_test, ApiKeyCreated, 5, **scoped, label="reads", hint="abcd", **restricted)
        await under_test.show()
        one = ApiKeyRow("0a" * 32, "k-plain", USER, "laptop", "wxyz", AT, None)
        two = ApiKeyRow(
            *("0b" * 32, "k-scoped", USER, "reads", "abcd", AT + 5, None),
            scopes=("read",),
            expires_at_us=LATER_US,
            limits=limits,
            organisation_id=GUILD,
        )
        assert await reads.api_key(one.key_sha256) == one
        assert await reads.api_key(two.key_sha256) == two
        assert await reads.keys(USER) == [one, two]
        assert await reads.keys(BOB) == []
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
        assert [(row.key_id, row.revoked_at_us) for row in await reads.keys(USER)] == [
            ("k-plain", AT + 8),
            ("k-scoped", AT + 8),
        ]
