"""What readers get of a user from the real Cassandra: conversations and their lists, keys, the ledger."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from infra.settings import Settings
from projections.cursors import BadCursor
from schemas.account import ApiKeyCreated, ApiKeyRevoked, UserCreated
from schemas.conversation import ConversationDeleted, ConversationRenamed
from schemas.envelope import Position
from tests.fakes.projection_records import AT, DAY_US, envelope, outcome, prompt, rerated, started, turn_of, used
from tests.integration.projected import Projected, name_of_its_own, projected_in

pytestmark = [
    pytest.mark.stack,
    pytest.mark.timeout(300),
    pytest.mark.asyncio(loop_scope="module"),
]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def log(servers: Settings) -> AsyncIterator[Projected]:
    async with projected_in(servers) as projected:
        yield projected


@pytest.fixture
def name() -> str:
    return name_of_its_own()


async def test_nothing_has_an_empty_id(log: Projected) -> None:
    """Cassandra refuses to look for one."""
    assert await log.reads.user("") is None
    assert await log.reads.conversation("") is None
    assert await log.reads.keys("") == []


async def test_a_conversation_is_as_its_events_say(log: Projected, name: str) -> None:
    log.said(started(name, at_us=AT, system="Be brief."))
    await log.show()
    row = await log.reads.conversation(name)
    assert row is not None
    assert (row.user_id, row.title, row.preview, row.system_prompt) == ("ada", None, None, "Be brief.")
    log.said(prompt(name, "a", at_us=AT + 5, content="What is\nan  event log? " + "x" * 200))
    await log.show()
    row = await log.reads.conversation(name)
    assert row is not None
    assert row.title == row.preview == "What is an event log? " + "x" * 97  # the last may have been cut in two
    assert (row.created_at_us, row.updated_at_us, row.model) == (AT, AT + 5, "local")
    log.said(ConversationRenamed(envelope("n"), name, "ada", "Logs"))
    await log.show()
    row = await log.reads.conversation(name)
    assert row is not None
    assert row.title == "Logs"
    assert await log.reads.conversation("nobody") is None


async def test_a_deleted_conversation_is_gone_from_every_read_and_stays_so(log: Projected, name: str) -> None:
    asked = prompt(name, "a", user=name)
    cause = log.said(asked)
    ended = outcome(turn_of(asked, cause))
    log.ended(ended)
    running = prompt(name, "b", user=name, parent=asked.generation_id)
    running_cause = log.said(running)
    log.said(ConversationDeleted(envelope("d"), name, name))
    await log.show()
    late = prompt(name, "late", user=name)
    late_cause = log.said(late)
    log.ended(outcome(turn_of(late, late_cause)))
    await log.show()
    reads = log.reads
    assert await reads.conversation(name) is None
    assert (await reads.conversations(name)).rows == ()
    assert (await reads.messages(name)).rows == ()
    assert await reads.leaf(name) is None
    for command in (asked, running, late):
        assert await reads.message(name, command.message_id) is None
        assert await reads.generation(command.generation_id) is None
        assert await reads.outcome(command.generation_id) is None
    context = await log.history.context(name, asked.generation_id, 10)
    assert context is not None
    assert (context.deleted, context.messages) == (True, ())
    # What still runs is known all the same: somebody has to end it.
    assert await log.history.open_turns(name) == (turn_of(running, running_cause),)


async def test_a_list_is_newest_first_and_pages_without_loss(log: Projected, name: str) -> None:
    user = name
    for n in range(12):
        log.said(started(f"{name}-{n}", user, AT + n * DAY_US // 3))
    # Spoken to again: moves to the front, from an earlier day or from the same one.
    for place, n in enumerate((0, 7, 11)):
        log.said(prompt(f"{name}-{n}", "a", user, AT + 5 * DAY_US + place))
    log.said(ConversationDeleted(envelope("d"), f"{name}-5", user))
    log.said(prompt(f"{name}-other", "a", "somebody-else", AT + 6 * DAY_US))
    log.said(prompt(f"{name}-alone", "a", user, AT + 6 * DAY_US, kind="stateless"))
    await log.show()
    expected = [f"{name}-{n}" for n in (11, 7, 0, 10, 9, 8, 6, 4, 3, 2, 1)]
    for limit in (1, 2, 3, 5, 11, 50):
        seen: list[str] = []
        cursor: str | None = None
        for _ in range(20):
            page = await log.reads.conversations(user, cursor, limit)
            assert len(page.rows) <= limit
            seen += [row.conversation_id for row in page.rows]
            cursor = page.next_cursor
            if cursor is None:
                break
        assert seen == expected
    for bad in ("garbage", "WzEsIDJd", "Wy0xLCAiYSJd"):
        with pytest.raises(BadCursor):
            await log.reads.conversations(user, bad, 10)


async def test_many_conversations_of_one_day_are_paged(log: Projected, name: str) -> None:
    for n in range(120):
        log.said(started(f"{name}-{n:03}", name, AT + n % 7))
    await log.show()
    seen: list[str] = []
    cursor: str | None = None
    while True:
        page = await log.reads.conversations(name, cursor, 50)
        seen += [row.conversation_id for row in page.rows]
        cursor = page.next_cursor
        if cursor is None:
            break
    assert len(seen) == len(set(seen)) == 120


async def test_keys_open_until_they_are_revoked(log: Projected, name: str) -> None:
    digest = name.ljust(64, "0")
    log.account(UserCreated(envelope("u"), name, "Ada"))
    made = ApiKeyCreated(
        envelope=envelope("k"), user_id=name, key_id="key-1", key_sha256=digest, label="laptop", hint="wxyz"
    )
    log.account(made)
    await log.show()
    key = await log.reads.api_key(digest)
    assert key is not None
    assert (key.user_id, key.key_id, key.label, key.hint, key.revoked) == (name, "key-1", "laptop", "wxyz", False)
    assert name in [user.user_id for user in await log.reads.users()]
    log.account(ApiKeyRevoked(envelope("r", AT + 1), name, "key-1", digest))
    log.account(made)
    await log.show()
    assert await log.reads.api_key(digest) is None
    assert [(key.key_id, key.revoked) for key in await log.reads.keys(name)] == [("key-1", True)]


async def test_the_ledger_is_read_by_time_across_months(log: Projected, name: str) -> None:
    days = [0, 1, 20, 45, 400]
    for day in days:
        asked = prompt(f"{name}-{day}", "a", name)
        ended = outcome(turn_of(asked, Position(0, 0, 0)), at_us=AT + day * DAY_US)
        entry = used(ended, Position(0, 0, 0))
        log.recorded(entry)
        log.recorded(entry)
    await log.show()
    rows = await log.reads.usage(name, AT, AT + 401 * DAY_US)
    assert [(row.at_us - AT) // DAY_US for row in rows] == sorted(days, reverse=True)
    assert sum(row.cost_micros for row in rows) == 99 * len(days)
    assert rows[0].usage.prompt_tokens == 12
    some = await log.reads.usage(name, AT + DAY_US, AT + 45 * DAY_US)
    assert [(row.at_us - AT) // DAY_US for row in some] == [20, 1]
    assert await log.reads.usage(name, AT, AT) == []


async def test_a_re_rated_cost_counts_and_the_recorded_one_stays_beside_it(log: Projected, name: str) -> None:
    ended = outcome(turn_of(prompt(f"{name}-1", "a", name), Position(0, 0, 0)))
    only_rerated = outcome(turn_of(prompt(f"{name}-2", "b", name), Position(0, 0, 1)))
    log.recorded(rerated(ended, Position(0, 0, 0), "early"))
    log.recorded(used(ended, Position(0, 0, 0)))
    log.recorded(rerated(only_rerated, Position(0, 0, 1), "early"))
    await log.show()
    (row,) = await log.reads.usage(name, AT, AT + DAY_US)
    assert (row.price_version, row.recorded_price_version, row.recorded_cost_micros) == ("early", "p1", 99)
    later = rerated(ended, Position(0, 0, 0), "late")
    log.recorded(later)
    await log.show()
    (row,) = await log.reads.usage(name, AT, AT + DAY_US)
    assert (row.rerated_by, row.cost_micros, row.recorded_cost_micros) == ("late", later.cost_micros, 99)
