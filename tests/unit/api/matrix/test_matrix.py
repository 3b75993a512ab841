"""Every route with every principal by every form of credential; and nobody sees what is another's."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import replace

import httpx
import pytest

from api.access import auth
from api.consistency.own_writes import OwnWrites
from api.log_view import live_log
from api.pulse import routes as pulse
from projections.conversations.queries import ConversationRow
from schemas import ids
from tests.unit.api.matrix.actions import ACTIONS
from tests.unit.api.matrix.cast import SUSPENDED, Knock, Scene, as_they_were, by_key, by_session, knocks, scene
from tests.unit.api.matrix.document import DOCUMENT, with_table
from tests.unit.api.matrix.expected import expected, narrow_scope
from tests.unit.api.matrix.rows import CANARY, ENDLESS, MATRIX, OPEN_CANARY, call, ids_of
from tests.unit.api.memory_reads import MemoryReads

SEES_NAMES = frozenset({"administrator", "auditor"})
"""Who sees what users, organisations and keys are called."""


def is_spent(method: str, path: str, status: int) -> bool:
    """Whether what was named is another thing, or gone, once this was answered so."""
    return method != "GET" and status < 300 and ("{" in path or "/admin/" in path or path.endswith("/password"))


async def prepared(at: Scene) -> dict[str, str]:
    """What the owner has; all of it holds the canary."""
    async with at[0].client(None) as alice, at[0].client(None) as root:
        alice.headers.update(await by_key("alice", None, at))
        root.headers.update(await by_key("root", None, at))
        names = await ids_of(alice)
        await by_session("alice", at)
        sessions = (await alice.get("/api/v1/sessions")).json()["data"]
        link = (await root.post("/api/v1/admin/invitations", json={})).json()
        await root.put("/api/v1/admin/budgets", json={"account": ids.user_id("alice"), "limit": 10**9})
    return {**names, "session_id": sessions[0]["id"], "link_id": link["id"]}


async def knock_at(at: Scene, knock: Knock, method: str, path: str, names: dict[str, str]) -> httpx.Response:
    async with at[0].client(None) as client:
        client.headers.update(await knock.headers(at))
        return await call(client, method, path, names)


Statuses = Mapping[str, Mapping[str, int]]
"""By who knocks and by their form of credential."""


async def knocked(method: str, path: str) -> tuple[Statuses, Statuses]:
    """What everybody got of a route, and what they were to get. Fails where somebody saw what is the owner's."""
    row, action = MATRIX[method, path], ACTIONS[method, path]
    found: dict[str, dict[str, int]] = defaultdict(dict)
    at, names = scene(), dict[str, str]()
    for knock in [*knocks(narrow_scope(action)), *SUSPENDED]:
        if (method, path) in ENDLESS and expected(row, action, knock.who) < 300:
            continue
        if not names:
            as_they_were(at)
            names = await prepared(at)
        answer = await knock_at(at, knock, method, path, names)
        found[knock.who][knock.form] = answer.status_code
        assert answer.headers["x-request-id"]
        if knock.who not in ("owner", "wrong scope"):
            assert CANARY not in answer.text, f"{knock.who} by {knock.form}"
            assert OPEN_CANARY not in answer.text or knock.who in SEES_NAMES, f"{knock.who} by {knock.form}"
        if knock.who == "suspended" or is_spent(method, path, answer.status_code):
            names = {}
    wanted = {who: {form: expected(row, action, who, form) for form in forms} for who, forms in found.items()}
    return found, wanted


@pytest.mark.parametrize(("method", "path"), sorted(MATRIX))
async def test_everybody_knocks(method: str, path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live_log, "START_S", 0.01)
    # Nothing runs here that would give it something to show.
    monkeypatch.setattr(pulse, "WITHIN_S", 0.01)
    found, wanted = await knocked(method, path)
    assert found == wanted


async def test_a_gate_that_lets_everybody_in_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(auth, "may_at_all", lambda principal, action: True)
    found, wanted = await knocked("GET", "/api/v1/admin/users")
    assert {who for who in wanted if found[who] != wanted[who]} >= {"owner", "same organisation", "other organisation"}


async def test_a_route_that_asks_nobody_whose_it_is_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    class Everybodys(str):
        def __eq__(self, other: object) -> bool:
            return True

        def __ne__(self, other: object) -> bool:
            return False

        __hash__ = str.__hash__

    row = MemoryReads.conversation

    async def everybodys(self: MemoryReads, conversation_id: str) -> ConversationRow | None:
        found = await row(self, conversation_id)
        return None if found is None else replace(found, user_id=Everybodys(found.user_id))

    monkeypatch.setattr(MemoryReads, "conversation", everybodys)
    monkeypatch.setattr(OwnWrites, "find", lambda self, conversation_id: None)
    with pytest.raises(AssertionError, match="same organisation by key"):
        await knocked("GET", "/api/v1/conversations/{conversation_id}/messages")


def test_the_table_of_the_document_is_this_one() -> None:
    text = DOCUMENT.read_text()
    assert text == with_table(text), "run python -m tests.unit.api.matrix.document"
