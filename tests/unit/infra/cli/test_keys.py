from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

import infra.cli.keys
from infra.cli.key_names import checked_label, checked_user
from infra.cli.keys_accounts import Accounts, NewKey, NotVisibleYet, sha256_of
from infra.cli.one_time_links import invitation, password_reset
from infra.cli.terminal import UserError
from projections.accounts.queries import ApiKeyRow, UserRow
from projections.identities.queries import OrganisationRow
from projections.identities.standing import NOTHING_SAID, UserStanding, joined_users, user_said
from projections.sign_ins.queries import LinkRow
from schemas import ids
from schemas.account import AccountEvent, ApiKeyCreated, ApiKeyRevoked, UserCreated
from schemas.envelope import Position
from schemas.identity import OrganisationCreated, UserChanged
from schemas.signing import OneTimeLinkMade
from topics.catalogue import ACCOUNT_EVENTS
from topics.topic import Topic


@dataclass
class InstantAccounts:
    """A log and its projection in one: an event is visible once `lag` more reads have been made."""

    lag: int = 0
    log: list[tuple[str, str, AccountEvent]] = field(default_factory=list)
    reads: int = 0

    async def send(self, topic: Topic[AccountEvent], key: str, record: AccountEvent) -> Position:
        self.log.append((topic, key, record))
        self.reads = 0
        return Position(0, 0, len(self.log) - 1)

    @property
    def events(self) -> list[AccountEvent]:
        return [event for _, _, event in self.log]

    async def one_time_link(self, token_sha256: str) -> LinkRow | None:
        made = [event for event in self._visible() if isinstance(event, OneTimeLinkMade)]
        event = next((event for event in made if event.token_sha256 == token_sha256), None)
        if event is None:
            return None
        return LinkRow(
            event.token_sha256,
            event.link_id,
            event.kind,
            event.user_id,
            event.name,
            event.roles,
            event.tier,
            event.organisation_id,
            event.organisation_role,
            event.envelope.actor,
            event.envelope.occurred_at_us,
            event.expires_at_us,
        )

    def _visible(self) -> list[AccountEvent]:
        self.reads += 1
        return self.events if self.reads > self.lag else self.events[:-1]

    def _keys(self) -> dict[str, ApiKeyRow]:
        rows: dict[str, ApiKeyRow] = {}
        for event in self._visible():
            if isinstance(event, ApiKeyCreated):
                at_us = event.envelope.occurred_at_us
                rows[event.key_sha256] = ApiKeyRow(
                    event.key_sha256, event.key_id, event.user_id, event.label, event.hint, at_us, None
                )
            elif isinstance(event, ApiKeyRevoked):
                rows[event.key_sha256] = replace(rows[event.key_sha256], revoked_at_us=event.envelope.occurred_at_us)
        return rows

    async def api_key(self, key_sha256: str) -> ApiKeyRow | None:
        row = self._keys().get(key_sha256)
        return None if row is None or row.revoked else row

    async def keys(self, user_id: str) -> list[ApiKeyRow]:
        return [row for row in self._keys().values() if row.user_id == user_id]

    async def users(self) -> list[UserRow]:
        events = [event for event in self._visible() if isinstance(event, UserCreated)]
        return [UserRow(event.user_id, event.name, event.envelope.occurred_at_us) for event in events]

    async def user(self, user_id: str) -> UserRow | None:
        return next((row for row in await self.users() if row.user_id == user_id), None)

    async def standing(self, user_id: str) -> UserStanding:
        found = NOTHING_SAID
        for number, event in enumerate(self._visible()):
            said = user_said(event, Position(0, 0, number))
            if said is not None and getattr(event, "user_id", None) == user_id:
                found = joined_users(found, said)
        return found

    async def organisation(self, organisation_id: str) -> OrganisationRow | None:
        return next((row for row in await self.organisations("", 100) if row.organisation_id == organisation_id), None)

    async def organisations(self, after: str, limit: int) -> list[OrganisationRow]:
        made = [event for event in self._visible() if isinstance(event, OrganisationCreated)]
        rows = [
            OrganisationRow(organisation_id=event.organisation_id, name=event.name, tier=event.tier, created_at_us=1)
            for event in made
        ]
        return [row for row in sorted(rows, key=lambda row: row.organisation_id) if row.organisation_id > after][:limit]


def accounts(store: InstantAccounts, visible_within_s: float = 20.0) -> Accounts:
    return Accounts(store, store, visible_within_s)


async def test_a_key_is_stored_as_its_hash_and_works_when_it_is_returned() -> None:
    store = InstantAccounts(lag=2)
    key = await accounts(store).create_key("ada", "laptop")
    made, created = store.events
    assert isinstance(made, UserCreated)
    assert isinstance(created, ApiKeyCreated)
    assert made.user_id == created.user_id == ids.user_id("ada")
    assert key.secret.startswith("vk_")
    assert len(key.secret) == 46
    assert created.key_sha256 == hashlib.sha256(key.secret.encode()).hexdigest()
    assert created.hint == key.secret[-4:]
    assert all(key.secret not in repr(event) for event in store.events)
    assert {(topic, key) for topic, key, _ in store.log} == {("account-events", ids.user_id("ada"))}
    assert await accounts(store).is_valid(key.secret)


async def test_a_user_is_made_once() -> None:
    store = InstantAccounts()
    first = await accounts(store).create_key("ada", "")
    second = await accounts(store).create_key("ada", "")
    assert [type(event) for event in store.events] == [UserCreated, ApiKeyCreated, ApiKeyCreated]
    assert first.secret != second.secret
    assert [key.key_id for _, key in await accounts(store).all_keys()] == [first.key_id, second.key_id]


async def test_a_key_that_is_not_visible_in_time_is_still_told() -> None:
    store, told = InstantAccounts(lag=10**6), list[NewKey]()
    with pytest.raises(NotVisibleYet, match="is in the log, but the projections do not show it"):
        await accounts(store, 0.1).create_key("ada", "", told.append)
    assert len(told) == 1


async def test_a_revoked_key_opens_nothing() -> None:
    store = InstantAccounts(lag=1)
    key = await accounts(store).create_key("ada", "")
    store.lag = 0
    user, row, now = await accounts(store).revoke(key.key_id[:8])
    assert (user.name, row.key_id, now) == ("ada", key.key_id, True)
    assert not await accounts(store).is_valid(key.secret)
    assert (await accounts(store).revoke(key.key_id))[2] is False
    assert sum(isinstance(event, ApiKeyRevoked) for event in store.events) == 1


async def test_a_link_is_made_for_a_key_that_opens() -> None:
    store = InstantAccounts()
    first = await accounts(store).create_key("ada", "")
    other = await accounts(store).create_key("bob", "")
    assert await accounts(store).key_for_link(None, first.secret) == sha256_of(first.secret)
    assert await accounts(store).key_for_link(other.key_id[:8], first.secret) == sha256_of(other.secret)
    for key in (first, other):
        await accounts(store).revoke(key.key_id)
    with pytest.raises(UserError, match=r"the first key is revoked: name another one \(see \./verbatim key list"):
        await accounts(store).key_for_link(None, first.secret)
    with pytest.raises(UserError, match="of user bob is revoked"):
        await accounts(store).key_for_link(other.key_id, first.secret)
    with pytest.raises(UserError, match="no key has the id"):
        await accounts(store).key_for_link("nope", first.secret)


async def test_unknown_and_ambiguous_ids_are_told() -> None:
    store = InstantAccounts()
    await accounts(store).create_key("ada", "")
    with pytest.raises(UserError, match=r"no key has the id 'nope': \./verbatim key list shows them"):
        await accounts(store).revoke("nope")
    with pytest.raises(UserError, match="no key has the id"):
        await accounts(store).revoke("")
    for topic, key, event in list(store.log):
        if isinstance(event, ApiKeyCreated):
            store.log.append((topic, key, replace(event, key_id=event.key_id[:-1] + "z", key_sha256="other")))
    with pytest.raises(UserError, match="2 keys have ids that begin with"):
        await accounts(store).revoke((await accounts(store).all_keys())[0][1].key_id[:8])


@pytest.mark.parametrize("name", ["a", "ada", "Ada.Lovelace", "ada@example.org", "a-b_c+d", "9", "x" * 64])
def test_names(name: str) -> None:
    assert checked_user(name) == name


@pytest.mark.parametrize("name", ["", " ", "-a", ".a", "a b", "a\n", "ä", "a/b", "x" * 65, "\x1b[2J"])
def test_bad_names_are_told(name: str) -> None:
    with pytest.raises(UserError, match="is not a user name"):
        checked_user(name)


@pytest.mark.parametrize("label", ["a\nb", "\x1b", "x" * 65])
def test_bad_labels_are_told(label: str) -> None:
    with pytest.raises(UserError, match="a label has at most 64 characters"):
        checked_label(label)


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["create"], "no stack is running in"),
        (["create", "--user", "a b"], "is not a user name"),
        (["list"], "no stack is running in"),
        (["revoke", "x"], "no stack is running in"),
        (["link"], "no stack is running in"),
    ],
)
def test_mistakes_are_one_line_and_exit_code_1(
    arguments: list[str], line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("VERBATIM_CONFIG", "VERBATIM_KAFKA__BOOTSTRAP", "VERBATIM_CASSANDRA__CONTACT_POINTS"):
        monkeypatch.delenv(name, raising=False)
    result = CliRunner().invoke(infra.cli.keys.app, [*arguments, "--state", str(tmp_path)])
    assert result.exit_code == 1
    assert result.stdout == ""
    assert len(result.stderr.splitlines()) == 1
    assert line in result.stderr


def test_the_list_shows_no_hash_and_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    store = InstantAccounts()

    def connected(state: Path | None, run: Callable[[Accounts], Awaitable[object]]) -> object:
        async def both() -> object:
            if not store.log:
                await accounts(store).create_key("ada", "laptop")
            return await run(accounts(store))

        return asyncio.run(both())

    monkeypatch.setattr(infra.cli.keys, "with_accounts", connected)
    shown = CliRunner().invoke(infra.cli.keys.app, ["list"])
    assert shown.exit_code == 0
    assert "ada" in shown.stdout
    assert "laptop" in shown.stdout
    assert "valid" in shown.stdout
    assert not any(event.key_sha256 in shown.stdout for event in store.events if isinstance(event, ApiKeyCreated))


async def test_the_first_user_is_an_administrator_without_limits_until_somebody_says_otherwise() -> None:
    store = InstantAccounts()
    await accounts(store).create_key("admin", "first")
    for _ in range(2):
        await accounts(store).make_first("admin")
    (made,) = [event for event in store.events if isinstance(event, UserChanged)]
    assert (made.roles, made.tier) == (("admin", "member"), "unlimited")
    envelope = replace(made.envelope, event_id="later")
    await store.send(ACCOUNT_EVENTS, made.user_id, UserChanged(envelope=envelope, user_id=made.user_id, tier="free"))
    await accounts(store).make_first("admin")
    assert (await store.standing(made.user_id)).tier is not None
    assert len([event for event in store.events if isinstance(event, UserChanged)]) == 2


async def test_a_one_time_link_is_shown_once_it_is_good_and_kept_as_its_hash() -> None:
    rows = InstantAccounts(lag=2)
    accounts = Accounts(rows, rows)
    await accounts.create_key("alice", "")
    for link in (invitation("bob", ("admin",), "free", 3), password_reset(await accounts.user_named("alice"), None)):
        text = await accounts.make_link(link)
        assert text.startswith("vl_")
        assert text not in repr(rows.events)
        assert link.event.token_sha256 == sha256_of(text)
    assert [type(event).__name__ for event in rows.events][-2:] == ["OneTimeLinkMade", "OneTimeLinkMade"]
    with pytest.raises(UserError, match="no user is called 'nobody'"):
        await accounts.user_named("nobody")
