"""What users are and may: the log and the projections joined, and what ends when something is taken from them."""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import replace

import pytest

from api.access.key_cache import KeyCache
from api.access.people import MAX_USERS, People
from api.access.principal import Principal
from api.streaming.readers import Credential, Readers
from infra.cassandra.errors import StoreUnavailable
from projections.identities.standing import UserStanding
from schemas import ids
from schemas.account import ApiKeyCreated
from schemas.codec import encode
from schemas.envelope import Envelope
from schemas.identity import ApiKeyChanged, KeyLimits, MembershipChanged, OrganisationCreated, UserChanged
from schemas.registry import registered_schemas
from tests.unit.api.memory_log import AT, TOPICS, MemoryLog, MemoryRecord
from tests.unit.api.memory_reads import MemoryReads
from topics.catalogue import ACCOUNT_EVENTS

USER, GUILD, OTHER = ids.user_id("alice"), ids.organisation_id("guild"), ids.organisation_id("other")
DIGEST = "a" * 64
ENVELOPE = Envelope("e", AT, None, "r", "system:test")
CREATED = ApiKeyCreated(
    envelope=ENVELOPE, user_id=USER, key_id="key", key_sha256=DIGEST, label="", hint="aaaa", scopes=None
)


def user(**said: object) -> UserChanged:
    return UserChanged(envelope=ENVELOPE, user_id=USER, **said)  # type: ignore[arg-type]  # what each test says


def member(organisation_id: str, role: str | None = "member") -> MembershipChanged:
    return MembershipChanged(envelope=ENVELOPE, user_id=USER, organisation_id=organisation_id, role=role)


def organisation(organisation_id: str, tier: str = "") -> OrganisationCreated:
    return OrganisationCreated(envelope=ENVELOPE, organisation_id=organisation_id, name="Guild", tier=tier)


class CountingReads(MemoryReads):
    asked = 0
    away = False

    async def standing(self, user_id: str) -> UserStanding:
        self.asked += 1
        if self.away:
            raise StoreUnavailable("away")
        return await super().standing(user_id)


class Scene:
    """`say`: a record stands in the log, and is read by the tail at once; `quietly`: by the projections alone."""

    def __init__(self, operators: tuple[str, ...] = (), ttl_s: float = 30.0) -> None:
        self.log = MemoryLog()
        self.reads = CountingReads(self.log)
        self.readers = Readers(15.0)
        self.people = People(self.reads, TOPICS, self.readers.end_user, operators, ttl_s)
        self.keys = KeyCache(self.reads, self.people, self.readers.revoke)
        self.log.append(ACCOUNT_EVENTS, USER, CREATED)
        self.heard = 1

    def say(self, *records: object) -> None:
        self.quietly(*records)
        self.hear()

    def quietly(self, *records: object) -> None:
        for record in records:
            self.log.append(ACCOUNT_EVENTS, USER, record)

    def hear(self) -> None:
        """The tail catches up."""
        records = self.log.partitions[ACCOUNT_EVENTS, 0][self.heard :]
        self.heard += len(records)
        self.people.on_batch(records)
        self.keys.on_batch(records)

    async def holder(self) -> Principal:
        principal = await self.keys.principal(DIGEST)
        assert principal is not None
        return principal

    def hear_newer(self) -> None:
        """The tail reads a record that only a newer release understands."""
        newer = struct.pack(">bI", 0, max(registered_schemas()) + 1) + b"?"
        self.people.on_batch([MemoryRecord((ACCOUNT_EVENTS, 0, 99), b"", newer)])


async def test_who_nothing_is_said_of_is_a_member_who_pays_for_themselves() -> None:
    principal = await Scene().holder()
    assert (principal.roles, principal.tier, principal.account) == (frozenset({"member"}), "default", USER)
    assert (principal.organisation_id, principal.scopes, principal.suspended) == ("", None, False)


async def test_what_is_said_counts_at_once_and_asks_nobody_again() -> None:
    scene = Scene()
    await scene.holder()
    scene.reads.blind = True
    for said, see in (
        (user(roles=("auditor", "member")), lambda it: it.roles == {"auditor", "member"}),
        (user(tier="plus"), lambda it: it.tier == "plus"),
        (user(suspended=True), lambda it: it.suspended),
        (user(suspended=False), lambda it: not it.suspended),
        (member(GUILD, "admin"), lambda it: (it.account, it.organisation_role) == (GUILD, "admin")),
        (member(GUILD, None), lambda it: (it.account, it.organisation_role) == (USER, "")),
    ):
        scene.say(said)
        assert see(await scene.holder()), said
    assert scene.reads.asked == 1


@pytest.mark.parametrize("tail_first", [True, False])
async def test_the_later_counts_whichever_is_ahead(tail_first: bool) -> None:
    scene = Scene(ttl_s=0.0)
    scene.quietly(user(tier="free"))
    if tail_first:
        scene.hear()
    scene.quietly(user(tier="plus", suspended=True))
    if tail_first:
        scene.reads.unseen = UserChanged
        scene.hear()
    assert ((await scene.holder()).tier, (await scene.holder()).suspended) == ("plus", True)
    scene.reads.unseen = None
    scene.hear()
    assert (await scene.holder()).tier == "plus", "what is read late and again changes nothing"


async def test_the_organisation_that_took_them_last_pays_and_its_tier_is_theirs() -> None:
    scene = Scene()
    scene.say(organisation(GUILD, "plus"), organisation(OTHER, "free"), member(GUILD))
    assert ((await scene.holder()).account, (await scene.holder()).tier) == (GUILD, "plus")
    scene.say(member(OTHER))
    assert ((await scene.holder()).account, (await scene.holder()).tier) == (OTHER, "free")
    scene.say(member(OTHER, None))
    assert (await scene.holder()).account == GUILD
    scene.say(user(tier="unlimited"))
    assert (await scene.holder()).tier == "unlimited", "their own goes before"


async def test_a_tier_of_an_organisation_counts_for_those_who_are_known_already() -> None:
    scene = Scene()
    scene.say(organisation(GUILD), member(GUILD))
    assert (await scene.holder()).tier == "default"
    scene.say(organisation(GUILD, "plus"))
    assert (await scene.holder()).tier == "plus"


async def test_a_key_of_an_organisation_is_paid_by_it_and_opens_nothing_without_it() -> None:
    scene = Scene()
    bound = replace(CREATED, key_id="bound", key_sha256="b" * 64, organisation_id=GUILD)
    scene.say(bound, organisation(GUILD), organisation(OTHER), member(GUILD), member(OTHER))
    principal = await scene.keys.principal("b" * 64)
    assert principal is not None and principal.account == GUILD
    scene.say(member(GUILD, None))
    assert await scene.keys.principal("b" * 64) is None
    assert (await scene.holder()).account == OTHER


async def test_scopes_expiry_and_limits_are_the_keys_and_limits_change_at_once() -> None:
    scene = Scene()
    limits = KeyLimits(requests_per_minute=3)
    made = replace(CREATED, key_id="k2", key_sha256="c" * 64, scopes=("chat",), expires_at_us=AT, limits=limits)
    scene.quietly(made)
    principal = await scene.keys.principal("c" * 64)
    assert principal is not None
    assert (principal.scopes, principal.expires_at_us, principal.limits) == (frozenset({"chat"}), AT, limits)
    other = KeyLimits(models=("m",))
    scene.say(ApiKeyChanged(envelope=ENVELOPE, user_id=USER, key_id="k2", key_sha256="c" * 64, limits=other))
    principal = await scene.keys.principal("c" * 64)
    assert principal is not None and principal.limits == other


async def test_operators_of_the_settings_are_admins_whatever_is_said() -> None:
    for named in ("alice", USER):
        scene = Scene(operators=(named,))
        scene.say(user(roles=("member",)))
        assert (await scene.holder()).roles == {"member", "admin"}


async def test_nobody_is_let_in_while_nobody_can_be_asked() -> None:
    scene = Scene()
    scene.reads.away = True
    with pytest.raises(StoreUnavailable):
        await scene.holder()


async def test_a_record_that_is_too_new_has_everybody_asked_again() -> None:
    scene = Scene()
    await scene.holder()
    scene.quietly(user(suspended=True))
    assert not (await scene.holder()).suspended
    scene.hear_newer()
    assert (await scene.holder()).suspended


async def test_damaged_records_are_passed_over() -> None:
    scene = Scene()
    scene.people.on_batch([MemoryRecord((ACCOUNT_EVENTS, 0, 5), b"", b"garbage")])
    assert (await scene.holder()).roles == {"member"}


Case = tuple[tuple[object, ...], object, set[str]]
LOSSES: dict[str, Case] = {
    "suspension ends all": ((), user(suspended=True), {"plain", "privileged", "paid"}),
    "who reads no answers any more, reads none on": ((), user(roles=("auditor",)), {"plain", "privileged", "paid"}),
    "a role that nobody knows allows nothing": ((), user(roles=("owner",)), {"plain", "privileged", "paid"}),
    "no role at all": ((), user(roles=()), {"plain", "privileged", "paid"}),
    "a role that is gone ends what only it allowed": (
        (user(roles=("member", "admin")),),
        user(roles=("member",)),
        {"privileged"},
    ),
    "an organisation that lets them go ends what it paid for": (
        (member(GUILD),),
        member(GUILD, None),
        {"paid", "privileged"},
    ),
    "another role in it ends what only the old one allowed": (
        (member(GUILD, "admin"),),
        member(GUILD, "member"),
        {"privileged"},
    ),
    "more roles end nothing": ((), user(roles=("member", "admin")), set()),
    "another tier ends nothing": ((), user(tier="free"), set()),
    "an organisation that takes them ends nothing": ((), member(GUILD), set()),
    "who is restored loses nothing": ((user(suspended=True),), user(suspended=False), set()),
}


@pytest.mark.parametrize("is_known", [True, False])
@pytest.mark.parametrize("case", LOSSES)
async def test_streams_end_with_what_allowed_them(case: str, is_known: bool) -> None:
    before, lost, ended = LOSSES[case]
    scene = Scene()
    scene.say(*before)
    if is_known:
        await scene.holder()
    readers = {
        "plain": scene.readers.enter(Credential(DIGEST, USER, revision=9)),
        "privileged": scene.readers.enter(Credential(DIGEST, USER, revision=9, privileged=True)),
        "paid": scene.readers.enter(Credential(DIGEST, USER, revision=9, organisation_id=GUILD)),
        "of another": scene.readers.enter(Credential("b" * 64, "bob", revision=9, organisation_id=GUILD)),
    }
    scene.say(lost)
    gone = {name for name, reader in readers.items() if reader.gone == "revoked"}
    # Of whom nothing is known here, what may have ended does.
    assert gone == ended or (not is_known and ended <= gone <= {"privileged"} | ended)


async def test_a_stream_that_is_about_to_begin_when_something_is_lost_does_not() -> None:
    scene = Scene()
    late = (await scene.holder()).credential
    scene.say(user(suspended=True))
    assert scene.readers.enter(late).gone == "revoked"
    scene.say(user(suspended=False))
    assert scene.readers.enter(late).gone == "revoked"
    assert scene.readers.enter((await scene.holder()).credential).gone is None


async def test_what_the_projections_tell_first_ends_streams_too() -> None:
    scene = Scene(ttl_s=0.0)
    reader = scene.readers.enter((await scene.holder()).credential)
    scene.quietly(user(suspended=True))
    assert (await scene.holder()).suspended
    assert reader.gone == "revoked"


def test_a_stream_ends_when_its_key_expires() -> None:
    readers = Readers(15.0)
    reader = readers.enter(Credential(DIGEST, USER, expires_at_us=AT))
    readers.tick(0.0, AT - 1)
    assert reader.gone is None
    readers.tick(0.0, AT)
    assert reader.gone == "expired"


async def test_what_is_known_is_bounded() -> None:
    scene = Scene()
    for number in range(MAX_USERS + 10):
        await scene.people.standing(f"user {number}")
    assert len(scene.people._known) == MAX_USERS


def test_every_record_of_identity_survives_the_log() -> None:
    kinds: tuple[Callable[[], object], ...] = (lambda: user(roles=("x",)), lambda: member(GUILD))
    for make in kinds:
        assert ACCOUNT_EVENTS.decode(encode(make())) == make()
