"""What readers get of messages, outcomes and their history from the real Cassandra."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
import pytest_asyncio

from infra.settings import Settings
from projections.cursors import BadCursor
from projections.messages.context import ProjectedContext
from schemas.conversation import Attachment, ConversationDeleted, PromptSubmitted
from schemas.envelope import Sealed
from schemas.generation import Failure
from streams.conversation.passing import DAY_US
from streams.conversation.ports import FirstTurn
from tests.fakes.projection_records import (
    PRICE,
    entitled,
    envelope,
    outcome,
    prompt,
    regenerate,
    started,
    title,
    turn_of,
)
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


@pytest.mark.parametrize("how", ["completed", "failed", "cancelled", "refused"])
async def test_an_outcome_is_read_as_it_was_written(log: Projected, name: str, how: str) -> None:
    for kind, text in (("chat", "\0 strange ß 👩‍👩‍👧"), ("stateless", ""), ("chat", Sealed("k", b"1", b"2"))):
        asked = prompt(f"{name}-{kind}-{type(text).__name__}", "a", kind=kind)
        turn = turn_of(asked, log.said(asked))
        await log.show()
        assert await log.reads.outcome(asked.generation_id) is None
        generation = await log.reads.generation(asked.generation_id)
        assert generation is not None
        assert generation.turn(PRICE) == turn
        assert generation.deadline_at_us == asked.deadline_at_us
        ended = outcome(turn, how, text)
        log.ended(ended)
        # The recorder may say it again.
        log.ended(ended)
        await log.show()
        assert await log.reads.outcome(asked.generation_id) == ended


async def test_messages_come_in_order_with_how_they_ended(log: Projected, name: str) -> None:
    attachment = Attachment("f1", "notes.txt", "text/plain", 12, "ab" * 32)
    first = prompt(name, "a", attachments=(attachment,))
    log.ended(outcome(turn_of(first, log.said(first)), text="Hello."))
    second = prompt(name, "b", parent=first.generation_id, content="More")
    log.ended(outcome(turn_of(second, log.said(second)), "failed", text="half"))
    again = regenerate(name, "c", second.message_id)
    log.said(again)
    await log.show()
    page = await log.reads.messages(name)
    assert [(m.message_id, m.role, m.parent_message_id, m.content, m.status) for m in page.rows] == [
        (first.message_id, "user", None, "What is an event log?", "completed"),
        (first.generation_id, "assistant", first.message_id, "Hello.", "completed"),
        (second.message_id, "user", first.generation_id, "More", "completed"),
        (second.generation_id, "assistant", second.message_id, "half", "failed"),
        (again.generation_id, "assistant", second.message_id, "", "running"),
    ]
    assert page.next_cursor is None
    assert page.rows[0].attachments == (attachment,)
    assert page.rows[1].finish_reason == "stop"
    assert page.rows[1].usage is not None
    assert page.rows[1].cost_micros == 99
    assert page.rows[3].failure == Failure("engine_error", "The model did not answer.", True)
    leaf = await log.reads.leaf(name)
    assert leaf == page.rows[4]
    for row in page.rows:
        assert await log.reads.message(name, row.message_id) == row
    assert await log.reads.message("another", first.message_id) is None


async def test_a_repeated_command_shows_once(log: Projected, name: str) -> None:
    asked = prompt(name, "a")
    cause = log.said(asked)
    log.ended(outcome(turn_of(asked, cause)))
    # The retry came after the answer, and its parent was filled in anew.
    log.said(replace(asked, parent_message_id=asked.generation_id))
    await log.show()
    rows = (await log.reads.messages(name)).rows
    assert [(m.message_id, m.status) for m in rows] == [
        (asked.message_id, "completed"),
        (asked.generation_id, "completed"),
    ]
    assert await log.reads.leaf(name) == rows[1]
    context = await log.history.context(name, asked.generation_id, 10)
    assert context is not None
    assert len(context.messages) == 2
    assert await log.reads.open_generations(name) == []


async def test_pages_of_messages_are_cut_anywhere_and_lose_nothing(log: Projected, name: str) -> None:
    commands = [prompt(name, f"{n}", content=f"prompt {n}") for n in range(7)]
    for command in commands:
        log.said(command)
    log.said(commands[3])
    await log.show()
    expected = [key for command in commands for key in (command.message_id, command.generation_id)]
    for limit in (1, 2, 3, 5, 14, 100):
        seen: list[str] = []
        cursor: str | None = None
        for _ in range(20):
            page = await log.reads.messages(name, cursor, limit)
            assert len(page.rows) <= limit
            seen += [row.message_id for row in page.rows]
            cursor = page.next_cursor
            if cursor is None:
                break
        assert seen == expected
    for cursor in ("garbage", "WzEsICJub2JvZHkiXQ"):
        with pytest.raises(BadCursor):
            await log.reads.messages(name, cursor, 10)


async def test_a_long_conversation_is_read_in_pages_and_by_its_chain(log: Projected, name: str) -> None:
    parent: str | None = None
    for n in range(2500):
        asked = prompt(name, f"{n}", parent=parent, content=f"prompt {n}")
        log.ended(outcome(turn_of(asked, log.said(asked)), text=f"answer {n}"))
        parent = asked.generation_id
    await log.show()
    seen, cursor = 0, None
    while True:
        page = await log.reads.messages(name, cursor, 1000)
        seen += len(page.rows)
        cursor = page.next_cursor
        if cursor is None:
            break
    assert seen == 5000
    assert parent is not None
    whole = await log.history.context(name, parent, 5000)
    assert whole is not None
    assert len(whole.messages) == 5000
    assert whole.messages[0].content == "prompt 0"
    some = await log.history.context(name, parent, 40)
    assert some is not None
    assert len(some.messages) == 40
    assert [m.content for m in some.messages[-2:]] == ["prompt 2499", "answer 2499"]
    old = log.placed[-5000].record
    assert isinstance(old, PromptSubmitted)
    branch = prompt(name, "branch", parent=old.generation_id)
    log.ended(outcome(turn_of(branch, log.said(branch)), text="from long ago"))
    await log.show()
    branched = await log.history.context(name, branch.generation_id, 100)
    assert branched is not None
    assert [m.content for m in branched.messages] == [
        "prompt 0",
        "answer 0",
        "What is an event log?",
        "from long ago",
    ]


async def test_history_is_whole_or_not_given(log: Projected, name: str) -> None:
    first = prompt(name, "a")
    cause = log.said(first)
    await log.show()
    history = log.history
    assert await history.context(name, first.generation_id, 10) is None
    log.ended(outcome(turn_of(first, cause)))
    await log.show()
    assert await history.context(name, first.generation_id, 10) is not None
    orphan = prompt(name, "b", parent="not-there")
    log.ended(outcome(turn_of(orphan, log.said(orphan))))
    await log.show()
    assert await history.context(name, orphan.generation_id, 10) is None
    assert await history.context("no-conversation", "x", 10) is None
    assert await history.context("no-conversation", None, 10) is None
    assert await history.context(name, None, 10) == ProjectedContext()
    # Another answer is wanted to a prompt whose first one is still running, or was refused.
    asked = prompt(name, "c", parent=first.generation_id, content="Again?")
    cause = log.said(asked)
    await log.show()
    for _ in range(2):
        context = await history.context(name, asked.message_id, 10)
        assert context is not None
        assert [m.content for m in context.messages] == ["What is an event log?", "A sequence.", "Again?"]
        log.ended(outcome(turn_of(asked, cause), "refused"))
        await log.show()


async def test_open_turns_wait_for_the_end_they_are_asked_about(log: Projected, name: str) -> None:
    asked = prompt(name, "a")
    turn = turn_of(asked, log.said(asked))
    log.said(ConversationDeleted(envelope("d"), name, "ada"))
    async with asyncio.TaskGroup() as group:
        asking = group.create_task(log.history.open_turns(name))
        await log.show()
    assert asking.result() == (turn,)


async def test_how_a_conversation_stands_for_its_title(log: Projected, name: str) -> None:
    title_id = title(name).generation_id

    async def standing(prompt_id: str) -> FirstTurn | None:
        return await log.history.first_turn(name, prompt_id, title_id)

    assert await standing("none") is None
    first = prompt(name, "a")
    turn = turn_of(first, log.said(first))
    await log.show()
    assert await standing(first.message_id) == FirstTurn(prompt="What is an event log?")
    log.ended(outcome(turn, text="Hello."))
    second = prompt(name, "b", parent=first.generation_id, content="More")
    log.said(second)
    await log.show()
    assert await standing(first.message_id) == FirstTurn(prompt="What is an event log?")
    assert await standing(second.message_id) == FirstTurn(prompt="More", answered=True)
    asked = title(name)
    turn = turn_of(asked, log.said(asked))
    await log.show()
    assert await standing(first.message_id) == FirstTurn(title_asked=True)
    # It runs, is no message, and has ended once its outcome is there.
    assert sorted(row.kind for row in await log.reads.open_generations(name)) == ["chat", "title"]
    log.ended(outcome(turn, text="Event logs"))
    log.said(entitled(name, "Event logs"))
    await log.show()
    assert [row.kind for row in await log.reads.open_generations(name)] == ["chat"]
    assert [m.message_id for m in (await log.reads.messages(name)).rows] == [
        first.message_id, first.generation_id, second.message_id, second.generation_id,
    ]  # fmt: skip
    assert "Event logs" not in [text for _, text in (await log.reads.texts(name, None, 50)).texts]
    row = await log.reads.conversation(name)
    assert row is not None
    assert (row.title, row.named) == ("Event logs", False)


async def test_a_conversation_that_was_named_or_deleted_wants_no_title(log: Projected, name: str) -> None:
    first = prompt(name, "a")
    log.said(started(name, title="Mine"))
    log.said(first)
    log.said(entitled(name, "Made"))
    await log.show()
    title_id = title(name).generation_id
    found = await log.history.first_turn(name, first.message_id, title_id)
    assert found == FirstTurn(prompt="What is an event log?", named=True)
    row = await log.reads.conversation(name)
    assert row is not None
    assert row.title == "Mine"
    log.said(ConversationDeleted(envelope(f"{name} end"), name, "ada"))
    await log.show()
    assert await log.history.first_turn(name, first.message_id, title_id) == FirstTurn(deleted=True)


async def test_temporary_conversations_are_found_by_their_day_until_they_are_deleted(log: Projected, name: str) -> None:
    at_us = 20_500 * DAY_US + 5
    names = [f"{name}-{n}" for n in range(3)]
    for conversation in names:
        log.said(replace(started(conversation, at_us=at_us), temporary=True))
    log.said(started(f"{name}-kept", at_us=at_us))
    asked = prompt(names[1], "a", at_us=at_us + 1_000)
    log.said(asked)
    log.said(regenerate(names[1], "b", asked.message_id, at_us=at_us + 2_000))
    await log.show()
    day = at_us // DAY_US
    found = [conversation for conversation in await log.history.temporaries_begun(day, "") if conversation in names]
    assert found == names
    assert names[0] not in await log.history.temporaries_begun(day, names[0])
    assert await log.history.temporaries_begun(day + 1, "") == ()
    unused, used = [await log.history.temporary(conversation) for conversation in names[:2]]
    assert unused is not None and used is not None
    assert (unused.used_at_us, used.used_at_us, used.user_id) == (at_us, at_us + 2_000, "ada")
    assert await log.history.temporary(f"{name}-kept") is None
    first = await log.history.first_turn(names[1], asked.message_id, title(names[1]).generation_id)
    assert first is not None and first.temporary
    log.said(ConversationDeleted(envelope(f"{name} end"), names[1], "ada"))
    await log.show()
    assert await log.history.temporary(names[1]) is None
