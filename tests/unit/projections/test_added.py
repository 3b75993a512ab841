"""Before the tables of what this release added are made: an upgrade without a stop must not stop what was there."""

from __future__ import annotations

from typing import Any

import pytest

from infra.cassandra.errors import StoreRefused
from projections.conversation_marks.queries import UserMarks, marked, marked_of
from projections.conversations.queries import conversation
from projections.preferences import queries as preferences
from projections.reading import Tables
from projections.registry import ADDED, names
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


async def test_what_was_never_made_is_refused_all_the_same(tables: Tables, monkeypatch: pytest.MonkeyPatch) -> None:
    async def none(*_: Any) -> list[tuple[Any, ...]]:
        return []

    monkeypatch.setattr(OlderStore, "execute", none)
    with pytest.raises(StoreRefused, match="run the migration"):
        await conversation(tables, "c")
