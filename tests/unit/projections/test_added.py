"""Before the tables of what this release added are made: an upgrade without a stop must not stop what was there."""

from __future__ import annotations

from typing import Any

import pytest

from infra.cassandra.errors import StoreRefused
from projections.conversation_marks.queries import UserMarks, marked, marked_of
from projections.conversations.queries import conversation
from projections.identities import queries as identities
from projections.identities.standing import NOTHING_SAID, OrganisationStanding
from projections.preferences import queries as preferences
from projections.reading import EMPTY_KEY, Tables
from projections.registry import ADDED, names
from projections.sign_ins import queries as sign_ins
from projections.temporaries.queries import begun_on


class OlderStore:
    """A keyspace as the release before left it: there is a pointer for none of what was added."""

    async def prepare(self, cql: str) -> str:
        return cql

    async def execute(self, statement: str, parameters: Any = ()) -> list[tuple[Any, ...]]:
        assert "pointers" in statement or "versions" in statement, statement
        return [(name, 1) for name in names() if name not in ADDED] if "pointers" in statement else []


@pytest.fixture
def tables() -> Tables:
    return Tables(OlderStore(), "ks")  # type: ignore[arg-type]  # it answers what is asked of it


async def test_what_was_added_reads_as_empty(tables: Tables) -> None:
    assert await preferences.settings(tables, "u") == {}
    assert await preferences.folders(tables, "u") == []
    assert await preferences.snippets(tables, "u") == []
    assert await preferences.account_command(tables, "u", "e") is None
    assert await preferences.sessions_ended(tables, "u") is None, "cookies open what they opened"
    assert await UserMarks(tables, "u").of(["c"]) == {}
    assert await marked(tables, "u", "pinned", 10) == []
    assert await marked_of(tables, "u", "archived", ["c"]) == set()
    assert await begun_on(tables, 20_000, "") == ()


async def test_nothing_is_said_of_users_and_keys_before_there_are_tables_of_it(tables: Tables) -> None:
    said, profile = await identities.standing(tables, "u")
    assert (said, profile) == (NOTHING_SAID, identities.Profile(None, None)), "a member, of the default tier"
    assert await identities.memberships(tables, "u") == {}
    assert await identities.members(tables, "o", "", 10) == []
    assert await identities.organisation(tables, "o") is None
    assert await identities.organisations(tables, "", 10) == await identities.organisations(tables, "o", 10) == []
    assert await identities.organisation_standing(tables, "o") == OrganisationStanding()
    assert await identities.grant(tables, "hash") == identities.NO_GRANT, "keys open what they opened"
    assert await identities.grants(tables, "u") == {}


async def test_nobody_was_signed_in_before_there_are_tables_of_it(tables: Tables) -> None:
    assert await sign_ins.password_hash(tables, "u") is None
    assert await sign_ins.signed_in(tables, "hash") is None
    assert await sign_ins.sessions(tables, "u") == []
    assert await sign_ins.linked_user(tables, "i", "s") is None
    assert await sign_ins.signed_out_at(tables, "i", "sub:s") is None
    assert await sign_ins.one_time_link(tables, "hash") is None
    assert await sign_ins.one_time_links(tables, 0) == []


async def test_what_was_never_made_is_refused_all_the_same(tables: Tables, monkeypatch: pytest.MonkeyPatch) -> None:
    async def none(*_: Any) -> list[tuple[Any, ...]]:
        return []

    monkeypatch.setattr(OlderStore, "execute", none)
    with pytest.raises(StoreRefused, match="run the migration"):
        await conversation(tables, "c")


class RefusingStore(OlderStore):
    """As Cassandra: no empty key is looked for, and a table that is gone is none."""

    async def execute(self, statement: str, parameters: Any = ()) -> list[tuple[Any, ...]]:
        if "pointers" in statement or "versions" in statement:
            return await super().execute(statement, parameters)
        raise StoreRefused(EMPTY_KEY if tuple(parameters) == ("",) else "unconfigured table")


async def test_an_empty_key_is_not_there_and_another_refusal_is_one() -> None:
    tables = Tables(RefusingStore(), "ks")  # type: ignore[arg-type]  # it answers what is asked of it
    assert await conversation(tables, "") is None
    for parameters in (["c"], ["", "of a cursor"]):
        with pytest.raises(StoreRefused, match="unconfigured"):
            await tables.select("conversations", "SELECT a FROM {conversations} WHERE b = ? AND c > ?", parameters)
