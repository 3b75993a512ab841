"""Users and organisations at the command line: what is written, and which mistakes are told."""

from __future__ import annotations

import asyncio
from dataclasses import fields
from pathlib import Path

import pytest
from typer import Typer
from typer.testing import CliRunner

from api.access import may
from api.access.new_keys import LimitsBody
from infra.cli import identities as commands
from infra.cli.key_names import LIMITS, MAX_LIMIT, SCOPES, checked_scopes, end_of, limits_of
from infra.cli.keys_accounts import Accounts
from infra.cli.one_time_links import NewLink, invitation
from infra.cli.terminal import UserError, WrongArgument
from infra.cli.users import app as users
from infra.cli.users_accounts import Identities, Payer
from infra.cli.words import checked_roles
from infra.settings import Settings
from infra.tiers.tier import Tier, Tiers
from projections.identities.queries import Member
from schemas import ids
from schemas.account import ApiKeyCreated
from schemas.codec import set_write_level
from schemas.identity import KeyLimits, MembershipChanged, OrganisationChanged, OrganisationCreated, UserChanged
from schemas.registry import WRITE_LEVEL, versions_of
from schemas.signing import OneTimeLinkMade
from tests.unit.infra.cli.test_keys import InstantAccounts

TIERS = Tiers({name: Tier(name=name) for name in ("default", "free", "plus", "unlimited")})


class Store(InstantAccounts):
    async def members(self, organisation_id: str, after: str, limit: int) -> list[Member]:
        return []


@pytest.fixture
def store() -> Store:
    return Store()


async def test_users_and_organisations_are_made_and_changed(store: Store) -> None:
    made = Identities(store, store, lambda: TIERS)
    ada = await made.create_user("ada", "a@x", ("auditor",), "free")
    await made.change_user("ada", suspended=True)
    await made.change_user(ada, roles=("member", "admin", "member"))
    guild = await made.create_organisation("Guild", "plus")
    await made.change_organisation("Guild", "free")
    await made.change_organisation(guild, "")
    await made.set_member("Guild", "ada", "admin")
    await made.set_member(guild, ada, None)
    changes = [event for event in store.events if isinstance(event, UserChanged)]
    assert [(one.roles, one.tier, one.suspended) for one in changes] == [
        (("auditor",), "free", None),
        (None, None, True),
        (("admin", "member"), None, None),
    ]
    assert len({one.envelope.event_id for one in changes}) == 3
    (organisation,) = [event for event in store.events if isinstance(event, OrganisationCreated)]
    assert (organisation.organisation_id, organisation.tier) == (ids.organisation_id("Guild"), "plus")
    tiers = [(one.organisation_id, one.tier) for one in store.events if isinstance(one, OrganisationChanged)]
    assert tiers == [(guild, "free"), (guild, "")]
    members = [event for event in store.events if isinstance(event, MembershipChanged)]
    assert [(one.user_id, one.organisation_id, one.role) for one in members] == [
        (ada, guild, "admin"),
        (ada, guild, None),
    ]
    ((user, said),) = await made.all_users()
    assert (user.name, said.is_suspended, said.held_roles) == ("ada", True, ("admin", "member"))


async def test_a_budget_is_of_who_pays(store: Store) -> None:
    made = Identities(store, store, lambda: TIERS)
    ada = await made.create_user("ada", "", (), None)
    bob = await made.create_user("bob", "", (), None)
    guild = await made.create_organisation("Guild", "")
    await made.set_member("Guild", "ada", "member")
    assert await made.payer("bob") == Payer(bob)
    assert await made.payer("Guild") == await made.payer(guild) == Payer(guild)
    assert await made.payer("ada") == await made.payer("Guild", "ada") == Payer(guild, ada)
    assert await made.payer(ada) == Payer(ada), "an id is an account as it is"
    for attempt, says in (
        (made.payer("Other"), "no user or organisation is called 'Other'"),
        (made.payer("Guild", "eve"), "no user is called 'eve'"),
        (made.payer("bob", "ada"), "bob is not an organisation, and --user names a member of one"),
    ):
        with pytest.raises(UserError, match=says):
            await attempt


async def test_mistakes_are_told_and_nothing_is_written(store: Store) -> None:
    made = Identities(store, store, lambda: TIERS)
    await made.create_user("ada", "", (), None)
    await made.create_organisation("Guild", "")
    before = len(store.log)
    for attempt, says in (
        (made.create_user("ada", "", (), None), "there is a user called ada already"),
        (made.create_user("a b", "", (), None), "is not a user name"),
        (made.change_user("bob", suspended=True), "no user is called 'bob'"),
        (made.create_organisation("Guild", ""), "there is an organisation called Guild already"),
        (made.set_member("Other", "ada", "member"), "no organisation is called 'Other'"),
        (made.set_member("Guild", "ada", None), "ada is not a member of Guild"),
        (made.change_organisation("Other", "free"), "no organisation is called 'Other'"),
    ):
        with pytest.raises(UserError, match=says):
            await attempt
    assert len(store.log) == before


async def test_words_that_there_are_not_are_told_with_those_that_there_are(store: Store) -> None:
    made = Identities(store, store, lambda: TIERS)
    await made.create_user("ada", "", (), None)
    await made.create_organisation("Guild", "")
    before = len(store.log)
    roles = "'king' is not a role: use admin, auditor, member, reviewer"
    tiers = "'gold' is not a tier: use default, free, plus, unlimited"
    for attempt, says in (
        (made.create_user("bob", "", ("king",), None), roles),
        (made.change_user("ada", roles=("member", "king")), roles),
        (made.set_member("Guild", "ada", "king"), roles),
        (made.create_user("bob", "", (), "gold"), tiers),
        (made.change_user("ada", tier="gold"), tiers),
        (made.create_organisation("Other", "gold"), tiers),
        (made.change_organisation("Guild", "gold"), tiers),
    ):
        with pytest.raises(WrongArgument, match=says):
            await attempt
    with pytest.raises(WrongArgument, match=roles):
        checked_roles(("king",))
    assert len(store.log) == before


@pytest.mark.parametrize(
    ("group", "arguments"),
    [
        (users, ["invite", "--role", "king"]),
        (users, ["invite", "--org", "Guild", "--org-role", "king"]),
        (users, ["create", "bob", "--role", "king"]),
        (users, ["role", "ada", "king"]),
        (commands.organisations, ["add", "Guild", "ada", "--role", "king"]),
    ],
)
def test_an_unknown_role_is_exit_code_2_whatever_runs(group: Typer, arguments: list[str]) -> None:
    ended = CliRunner().invoke(group, arguments)
    assert (ended.exit_code, ended.stdout) == (2, "")
    assert ended.stderr == "verbatim: 'king' is not a role: use admin, auditor, member, reviewer\n"


def test_a_role_in_an_organisation_needs_one() -> None:
    ended = CliRunner().invoke(users, ["invite", "--org-role", "admin"])
    assert (ended.exit_code, ended.stdout) == (2, "")
    assert ended.stderr == "verbatim: --org-role needs --org\n"


async def test_an_invitation_is_into_an_organisation_by_its_name(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    made = Identities(store, store, lambda: TIERS)
    guild = await made.create_organisation("Guild", "")
    assert await made.organisation_named("Guild") == await made.organisation_named(guild) == guild
    with pytest.raises(UserError, match="no organisation is called 'Other'"):
        await made.organisation_named("Other")
    links: list[OneTimeLinkMade] = []

    class Sent:
        async def make_link(self, link: NewLink) -> str:
            links.append(link.event)
            return link.text

    monkeypatch.setattr("infra.cli.stack_file.connected_settings", lambda state: Settings())
    monkeypatch.setattr("infra.cli.identities.with_identities", lambda state, run: guild)
    monkeypatch.setattr("infra.cli.users.with_accounts", lambda state, run: asyncio.run(run(Sent())))
    monkeypatch.setattr("infra.cli.users._print", lambda text, kind, state: None)

    def invite(*arguments: str) -> None:
        ended = CliRunner().invoke(users, ["invite", *arguments])
        assert ended.exit_code == 0, ended.output

    await asyncio.to_thread(invite, "--org", "Guild", "--org-role", "reviewer")
    await asyncio.to_thread(invite, "--org", "Guild")
    await asyncio.to_thread(invite)
    assert [(each.organisation_id, each.organisation_role) for each in links] == [
        (guild, "reviewer"),
        (guild, ""),
        ("", ""),
    ]


def test_a_tier_that_there_is_not_is_told_before_the_log_is_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = Settings(state=tmp_path)
    monkeypatch.setattr("infra.cli.stack_file.connected_settings", lambda state: settings)
    ended = CliRunner().invoke(users, ["invite", "--tier", "gold"])
    assert (ended.exit_code, ended.stderr) == (
        2,
        "verbatim: 'gold' is not a tier: use default, unlimited, free, plus\n",
    )


async def test_who_has_an_id_goes_before_who_is_called_so(store: Store) -> None:
    """Else whoever signs up under another's id would be given what is meant for them."""
    made = Identities(store, store, lambda: TIERS)
    ada = await made.create_user("ada", "", (), None)
    thief = await made.create_user(ada, "", (), None)
    await made.change_user(ada, roles=("admin",))
    (change,) = [event for event in store.events if isinstance(event, UserChanged)]
    assert change.user_id == ada != thief
    guild = await made.create_organisation("Guild", "")
    other = await made.create_organisation(guild, "")
    await made.set_member(guild, ada, "member")
    (joined,) = [event for event in store.events if isinstance(event, MembershipChanged)]
    assert joined.organisation_id == guild != other


async def test_nothing_is_written_that_an_older_release_may_not_read(store: Store) -> None:
    await Accounts(store, store).create_key("ada", "")
    set_write_level(versions_of(UserChanged)[0].writes - 1)
    try:
        with pytest.raises(UserError, match="upgrade finish"):
            await Identities(store, store, lambda: TIERS).change_user("ada", suspended=True)
        await Accounts(store, store).make_first("ada")
        before, made = len(store.log), Identities(store, store, lambda: TIERS)
        for attempt in (
            made.create_user("bob", "", ("admin",), None),
            made.create_user("bob", "", (), "free"),
            made.create_user("bob", "bob@x", (), None),
            Accounts(store, store).make_link(invitation("bob", (), "", None)),
        ):
            with pytest.raises(UserError, match="upgrade finish"):
                await attempt
        assert len(store.log) == before, "a user is made whole or not at all"
        await made.create_user("bob", "", (), None)
    finally:
        set_write_level(WRITE_LEVEL)
    assert not [event for event in store.events if isinstance(event, UserChanged)]


@pytest.mark.parametrize("group", [users, commands.organisations])
def test_each_command_says_what_it_does(group: object) -> None:
    shown = CliRunner().invoke(group, ["--help"])  # type: ignore[arg-type]  # a Typer each
    assert shown.exit_code == 0
    assert "list" in shown.stdout


async def test_a_key_has_scopes_and_an_end(store: Store) -> None:
    await Accounts(store, store).create_key("ada", "", scopes=("read", "chat"), expires_at_us=7)
    (made,) = [event for event in store.events if isinstance(event, ApiKeyCreated)]
    assert (made.scopes, made.expires_at_us) == (("chat", "read"), 7)
    await Accounts(store, store).create_key("ada", "")
    assert store.events[-1].scopes is None  # type: ignore[union-attr]  # the key that was just made


@pytest.mark.parametrize(
    ("text", "end_us"),
    [("90d", 90 * 86_400_000_000), ("12h", 43_200_000_000), ("1970-01-02T00:00:00Z", 86_400_000_000)],
)
def test_ends_as_people_write_them(text: str, end_us: int) -> None:
    assert end_of(text, 0) == end_us


@pytest.mark.parametrize("text", ["", "0d", "tomorrow", "2027-01-31", "1960-01-01T00:00:00Z", "-1d"])
def test_other_ends_are_refused(text: str) -> None:
    with pytest.raises(UserError, match="is not an end"):
        end_of(text, 0)


def test_other_scopes_are_refused() -> None:
    assert set(SCOPES) == may.SCOPES
    with pytest.raises(UserError, match="'root' is not a scope: use admin, chat"):
        checked_scopes(["chat", "root"])


def test_limits_as_people_write_them() -> None:
    assert {field.name for field in fields(KeyLimits)} == set(LIMITS)
    assert LimitsBody(requests_per_minute=MAX_LIMIT).requests_per_minute == MAX_LIMIT
    assert limits_of(["tokens_per_minute=500", "models=one, two"]) == {
        "tokens_per_minute": 500,
        "models": ("one", "two"),
    }
    assert limits_of([]) == {}


@pytest.mark.parametrize(
    ("said", "says"),
    [
        (["speed=9"], "'speed=9' is not a limit: write NAME=VALUE with one of concurrent_streams"),
        (["tokens_per_minute"], "tokens_per_minute is ''"),
        (["tokens_per_minute=0"], "use a whole number from 1 to 1000000000"),
        (["tokens_per_minute=-1"], "a whole number"),
        (["tokens_per_minute=1e9"], "a whole number"),
        (["tokens_per_minute=99999999999"], "a whole number"),
        (["models="], "models is a list of 1 to 100 names"),
        (["models=a,,b"], "models is a list"),
        (["requests_per_minute=1", "requests_per_minute=2"], "requests_per_minute is limited twice"),
    ],
)
def test_other_limits_are_refused(said: list[str], says: str) -> None:
    with pytest.raises(UserError, match=says):
        limits_of(said)


async def test_a_key_has_its_limits(store: Store) -> None:
    limits = limits_of(["concurrent_streams=2", "models=one"])
    await Accounts(store, store).create_key("ada", "", limits=limits)
    (made,) = [event for event in store.events if isinstance(event, ApiKeyCreated)]
    assert made.limits == KeyLimits(concurrent_streams=2, models=("one",))


async def test_what_users_and_organisations_are_called(store: Store) -> None:
    made = Identities(store, store, lambda: TIERS)
    ada, guild = await made.create_user("ada", "", (), None), await made.create_organisation("Guild", "")
    assert await made.names() == {ada: "ada", guild: "Guild"}
