"""Prompts and answers of parts, appended messages and what was deleted, asked of the projections in memory and of the
real ones: the same answers."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Literal

import pytest

from projections.messages.rows import MessageRow
from schemas.conversation import (
    AppendedMessage,
    ChatMessage,
    ConversationDeleted,
    ConversationMetadataChanged,
    GenerationDeleted,
    MessageDeleted,
    MessagesAppended,
)
from schemas.envelope import Position
from schemas.outcome import Outcome
from schemas.parts import AnswerPart, ContentPart
from schemas.turns import UserCommand
from tests.conformance.api_reads import USER, Open, ReadsUnderTest, append, envelope, started
from tests.conformance.test_api_reads import ONE
from tests.conformance.test_api_tree import regenerate
from tests.fakes.projection_records import outcome, turn_of
from tests.unit.api.memory_log import MemoryLog
from tests.unit.api.memory_reads import MemoryReads
from tests.unit.api.prompts import prompt
from topics.catalogue import GENERATION_OUTCOMES

pytestmark = pytest.mark.timeout(180)

PICTURE = ContentPart("image", sha256="ab" * 32, media_type="image/png", size_bytes=70)
CALLED = (
    AnswerPart("reasoning", 3, 1),
    AnswerPart("text", 5, 1),
    AnswerPart("tool_call", 2, 1, "call-1", "look"),
)


def ended(log: MemoryLog, command: UserCommand, cause: Position, text: str, parts: bool = False) -> Outcome:
    """The command's answer; with `parts` three letters of it are reasoning, five are text and two are a call's."""
    end = outcome(turn_of(command, cause), text=text)
    end = replace(end, parts=CALLED) if parts else end
    log.append(GENERATION_OUTCOMES, command.conversation_id, end)
    return end


def messages_of(n: int) -> tuple[ChatMessage, ...]:
    """A prompt of parts, and one that brings a result of a call."""
    if n % 2:
        return (ChatMessage("user", "", None, (ContentPart("text", f"see {n}"), PICTURE)),)
    result = ChatMessage("tool", "", None, (ContentPart("tool_result", f"found {n}", "call-1"),))
    return (result, ChatMessage("user", f"and {n}", "ada"))


def appended(n: int, parent: str | None, texts: Sequence[str]) -> MessagesAppended:
    return MessagesAppended(
        envelope=envelope(f"append {n}", n),
        conversation_id=ONE,
        user_id=USER,
        parent_message_id=parent,
        messages=tuple(
            AppendedMessage(
                message_id=f"written-{n}-{k}",
                message=ChatMessage("assistant" if k % 2 else "user", text),
                at_us=n,
                model="elsewhere" if k % 2 else "",
            )
            for k, text in enumerate(texts)
        ),
    )


def hidden(message_id: str, answer: bool) -> GenerationDeleted | MessageDeleted:
    common: dict[str, Any] = {"envelope": envelope(f"hide {message_id}"), "conversation_id": ONE, "user_id": USER}
    if answer:
        return GenerationDeleted(**common, generation_id=message_id)
    return MessageDeleted(**common, message_id=message_id)


def tree(log: MemoryLog, steps: int, seed: int) -> None:
    """Branches of plain prompts, prompts of parts, answers given anew, appended messages, and deletions among them."""
    chance = random.Random(seed)
    said: list[str] = []
    prompts: list[str] = []
    append(log, started(ONE))
    for n in range(steps):
        parent = None if not said or chance.random() < 0.05 else (said[-1] if chance.random() < 0.7 else None)
        parent = chance.choice(said) if parent is None and said and chance.random() < 0.8 else parent
        kind = chance.random()
        if kind < 0.15:
            record = appended(n, parent, [f"by hand {n} {k}" for k in range(chance.randint(1, 3))])
            append(log, record)
            said += [one.message_id for one in record.messages]
            continue
        if kind < 0.3 and said:
            append(log, hidden(chance.choice(said), chance.random() < 0.5))
            continue
        asked: UserCommand
        if kind < 0.4 and prompts:
            asked = regenerate(ONE, f"r{n}", chance.choice(prompts))
        else:
            asked = prompt(ONE, f"said {n}", parent=parent)
            if chance.random() < 0.5:
                asked = replace(asked, content=None, messages=messages_of(n))
            prompts.append(asked.message_id)
        cause = append(log, asked)
        if chance.random() < 0.9:
            ended(log, asked, cause, f"answer {n} of some length", chance.random() < 0.4)
        if asked.message_id == prompts[-1] and chance.random() < 0.2:
            said.append(asked.message_id)
        said.append(asked.generation_id)


def alike(rows: Sequence[MessageRow]) -> list[MessageRow]:
    """Where in the log a row stands is the store's own."""
    return [replace(row, order=0, ended_at_us=None) for row in rows]


async def test_what_is_read_is_what_the_whole_log_says(opened: Open) -> None:
    async with opened() as under_test:
        tree(under_test.log, 120, seed=16)
        await under_test.show()
        reads, plain = under_test.reads, MemoryReads(under_test.log)
        whole = await plain.message_list(ONE, limit=1000)
        assert whole is not None
        assert len(whole.rows) > 120
        orders: tuple[Literal["asc", "desc"], ...] = ("asc", "desc")
        for order in orders:
            expected = whole.rows if order == "asc" else whole.rows[::-1]
            assert await listed(under_test, order, 7) == alike(expected)
        assert await paged(under_test, 9) == alike(whole.rows)
        names = [row.message_id for row in whole.rows]
        chance = random.Random(4)
        for _ in range(40):
            some = [None, *chance.sample(names, 2)]
            leaf, before = chance.choice(some), chance.choice(some)
            found = await reads.branch(ONE, leaf=leaf, before=before, limit=chance.choice((2, 11)))
            limit = 2 if found is None else max(len(found.messages), 2)
            naive = await plain.branch(ONE, leaf=leaf, before=before, limit=limit)
            assert (found is None) == (naive is None)
            if found is not None and naive is not None and len(found.messages) == len(naive.messages):
                assert alike([m.row for m in found.messages]) == alike([m.row for m in naive.messages])
                assert [m.siblings for m in found.messages] == [m.siblings for m in naive.messages]
        texts = await reads.texts(ONE, None, 1000)
        assert dict(texts.texts) == {row.message_id: row.content for row in whole.rows if row.status != "running"}
        for name in chance.sample(names, 10):
            message = await reads.message(ONE, name)
            assert message is not None
            assert alike([message]) == alike([row for row in whole.rows if row.message_id == name])


async def listed(under_test: ReadsUnderTest, order: Literal["asc", "desc"], limit: int) -> list[MessageRow]:
    """All messages, page by page."""
    rows: list[MessageRow] = []
    after: str | None = None
    while True:
        page = await under_test.reads.message_list(ONE, after, order, limit)
        assert page is not None
        assert len(page.rows) <= limit
        rows += page.rows
        if not page.has_more:
            return alike(rows)
        after = page.rows[-1].message_id


async def paged(under_test: ReadsUnderTest, limit: int) -> list[MessageRow]:
    rows: list[MessageRow] = []
    cursor: str | None = None
    while True:
        page = await under_test.reads.messages(ONE, cursor, limit)
        rows += page.rows
        if page.next_cursor is None:
            return alike(rows)
        cursor = page.next_cursor


async def test_what_is_deleted_is_shown_nowhere_and_what_follows_it_stays(opened: Open) -> None:
    async with opened() as under_test:
        log, reads = under_test.log, under_test.reads
        append(log, started(ONE))
        first = prompt(ONE, "one")
        ended(log, first, append(log, first), "a")
        second = prompt(ONE, "two", parent=first.generation_id)
        ended(log, second, append(log, second), "b")
        append(log, hidden(first.generation_id, answer=True))
        append(log, hidden(second.message_id, answer=False))
        await under_test.show()
        page = await reads.branch(ONE)
        assert page is not None
        assert [m.row.content for m in page.messages] == ["one", "b"]
        assert [row.content for row in (await reads.messages(ONE, None, 10)).rows] == ["one", "b"]
        assert await reads.branch(ONE, leaf=first.generation_id) is None
        assert await reads.message(ONE, second.message_id) is None
        assert await reads.generation(first.generation_id) is None
        assert await reads.generation(second.generation_id) is not None
        assert await reads.message_list(ONE, first.generation_id) is None
        append(log, hidden(second.generation_id, answer=True))
        await under_test.show()
        page, leaf = await reads.branch(ONE), await reads.leaf(ONE)
        assert page is not None and leaf is not None
        assert page.leaf == leaf.message_id == first.message_id


async def test_metadata_of_a_conversation_is_what_was_said_last(opened: Open) -> None:
    async with opened() as under_test:
        log, reads = under_test.log, under_test.reads
        append(log, started(ONE, metadata='{"a":"1"}'))
        await under_test.show()
        row = await reads.conversation(ONE)
        assert row is not None and row.metadata == '{"a":"1"}'
        changed = ConversationMetadataChanged(
            envelope=envelope("m"), conversation_id=ONE, user_id=USER, metadata="{}", request_hash="h"
        )
        append(log, changed)
        await under_test.show()
        row, command = await reads.conversation(ONE), await reads.command(ONE, changed.envelope.event_id)
        assert row is not None and row.metadata == "{}"
        assert command is not None and command.request_hash == "h"


async def test_a_conversation_of_appended_messages_shows_what_its_user_wrote(opened: Open) -> None:
    async with opened() as under_test:
        log, reads = under_test.log, under_test.reads
        append(log, started(ONE))
        append(log, appended(5, None, ["from elsewhere", "an answer"]))
        await under_test.show()
        row, leaf = await reads.conversation(ONE), await reads.leaf(ONE)
        assert row is not None and leaf is not None
        assert row.preview == "from elsewhere"
        assert (leaf.message_id, leaf.role, leaf.model) == ("written-5-1", "assistant", "elsewhere")
        append(log, ConversationDeleted(envelope("d"), ONE, USER))
        await under_test.show()
        assert (await reads.messages(ONE, None, 10)).rows == ()
