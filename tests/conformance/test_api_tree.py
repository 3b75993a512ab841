"""Branches, ratings and texts, asked of the projections in memory and of the real ones: the same answers."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any, Literal

import pytest

from projections.conversation_lists.queries import cursor_after
from projections.messages.branch_queries import BranchPage
from schemas import ids
from schemas.conversation import (
    ConversationDeleted,
    FeedbackGiven,
    PromptSubmitted,
    RegenerateRequested,
)
from schemas.envelope import Position
from schemas.turns import Command
from tests import records
from tests.conformance.api_reads import USER, Open, append, envelope, started
from tests.conformance.test_api_reads import ONE, TWO
from tests.fakes.naive_branch import naive_branch
from tests.unit.api.memory_log import Attempt, MemoryLog, turn_of
from tests.unit.api.prompts import prompt
from topics.catalogue import GENERATION_OUTCOMES, TOKEN_CHUNKS
from topics.generation_fold import GenerationFold
from topics.outcomes import outcome_of

pytestmark = pytest.mark.timeout(180)


def regenerate(conversation: str, key: str, prompt_id: str) -> RegenerateRequested:
    keyed = records.keyed(USER, conversation, key)
    return records.regenerate(
        **keyed,
        envelope=envelope(keyed["message_id"]),
        prompt_message_id=prompt_id,
        model="verbatim-local",
        tail=Position(0, 0, 0),
        idempotency_key=key,
        deadline_at_us=2**50,
    )


def answered(log: MemoryLog, command: PromptSubmitted, cause: Position, text: str) -> None:
    """The command's outcome; its chunks are in a log of their own."""
    chunks = MemoryLog()
    Attempt(chunks, turn_of(command, cause)).start().chunk(text).end()
    fold = GenerationFold()
    for record, at in chunks.all_of(TOKEN_CHUNKS):
        fold.apply(record, at)
    log.append(GENERATION_OUTCOMES, command.conversation_id, outcome_of(fold))


def tree(log: MemoryLog, conversation: str, turns: int, seed: int) -> None:
    """Straight pieces, branches, answers given anew, new beginnings, repeated commands, and answers still running."""
    chance = random.Random(seed)
    commands: list[Command] = []
    append(log, started(conversation))
    for number in range(turns):
        kind = chance.random()
        asked: Command
        if kind < 0.1 and commands:
            # Its parent may have been filled in anew.
            again = chance.choice(commands)
            append(log, replace(again, envelope=envelope(f"again {number}")))
            continue
        if kind < 0.2 and commands:
            of = chance.choice([command for command in commands if isinstance(command, PromptSubmitted)])
            asked = regenerate(conversation, f"r{number}", of.message_id)
        elif kind < 0.25:
            asked = prompt(conversation, f"root {number}")
        else:
            parent = chance.choice(commands) if commands and kind < 0.4 else (commands[-1] if commands else None)
            asked = prompt(conversation, f"said {number}", parent=parent.generation_id if parent else None)
        commands.append(asked)
        cause = append(log, asked)
        if isinstance(asked, PromptSubmitted) and chance.random() < 0.9:
            answered(log, asked, cause, f"answer {number}")


def shown(page: BranchPage | None) -> Any:
    if page is None:
        return None
    return [(m.row.message_id, m.siblings) for m in page.messages], page.leaf, page.next_before


async def test_branches_are_those_of_the_whole_tree(opened: Open) -> None:
    async with opened() as under_test:
        tree(under_test.log, ONE, 120, seed=6)
        await under_test.show()
        reads = under_test.reads
        rows = (await reads.messages(ONE, None, 1000)).rows
        messages = [(row.message_id, row.parent_message_id) for row in rows]
        assert len(messages) > 150
        by_id = {row.message_id: row for row in rows}
        chance = random.Random(7)
        names = [message_id for message_id, _ in messages]
        for _ in range(60):
            some = [None, None, *chance.sample(names, 2)]
            leaf, through, before = chance.choice(some), chance.choice(some), chance.choice(some)
            through = None if leaf is not None else through
            limit = chance.choice((1, 2, 7, 60))
            found = await reads.branch(ONE, leaf=leaf, through=through, before=before, limit=limit)
            expected = naive_branch(messages, leaf, through, before, limit)
            assert shown(found) == (
                None if expected is None else (list(expected.messages), expected.leaf, expected.next_before)
            )
            for message in () if found is None else found.messages:
                assert message.row == by_id[message.row.message_id]


async def test_a_repeated_command_is_no_newest_message(opened: Open) -> None:
    async with opened() as under_test:
        log, reads = under_test.log, under_test.reads
        append(log, started(ONE))
        first = prompt(ONE, "one")
        answered(log, first, append(log, first), "a")
        second = prompt(ONE, "two", parent=first.generation_id)
        append(log, second)
        append(log, replace(first, parent_message_id=second.generation_id))
        await under_test.show()
        page = await reads.branch(ONE)
        assert page is not None
        assert [message.row.content for message in page.messages] == ["one", "a", "two", ""]
        assert page.leaf == second.generation_id


async def test_a_conversation_without_messages_and_names_of_nothing(opened: Open) -> None:
    async with opened() as under_test:
        append(under_test.log, started(ONE))
        elsewhere = prompt(TWO, "x")
        append(under_test.log, elsewhere)
        await under_test.show()
        assert await under_test.reads.branch(ONE) == BranchPage((), None, None)
        assert await under_test.reads.branch(ONE, leaf=elsewhere.generation_id) is None
        assert await under_test.reads.branch(ONE, through="x") is None
        assert await under_test.reads.branch(ONE, before="x") is None


async def test_ratings(opened: Open) -> None:
    async with opened() as under_test:
        log, reads = under_test.log, under_test.reads
        append(log, started(ONE))
        asked = [prompt(ONE, str(number)) for number in range(3)]
        for command in asked:
            append(log, command)
        given_in_turn: list[tuple[int, Literal["up", "down", "none"]]] = [
            (0, "up"),
            (1, "down"),
            (1, "up"),
            (2, "up"),
            (2, "none"),
            (0, "down"),
        ]
        for number, (to, rating) in enumerate(given_in_turn):
            given = FeedbackGiven(
                envelope=envelope(f"f{number}"),
                conversation_id=ONE,
                user_id=USER,
                message_id=asked[to].generation_id,
                rating=rating,
                comment="why",
            )
            append(log, given)
        await under_test.show()
        answers = [command.generation_id for command in asked]
        assert await reads.ratings(ONE, answers) == {answers[0]: "down", answers[1]: "up"}
        assert await reads.ratings(ONE, answers[1:]) == {answers[1]: "up"}
        assert await reads.ratings(ONE, []) == {}
        assert await reads.ratings(TWO, answers) == {}
        append(log, ConversationDeleted(envelope("d"), ONE, USER))
        await under_test.show()
        assert await reads.ratings(ONE, answers) == {}


async def test_texts_come_newest_first_in_pages(opened: Open) -> None:
    """Without what a model thought; prompts are as they were written."""
    async with opened() as under_test:
        log, reads = under_test.log, under_test.reads
        append(log, started(ONE))
        asked = [prompt(ONE, f"<think></think>prompt {number}") for number in range(5)]
        for number, command in enumerate(asked[:4]):
            answered(log, command, append(log, command), f"<think>Hm {number}.</think>\n\nanswer {number}")
        append(log, asked[0])
        append(log, asked[4])
        await under_test.show()
        seen: list[tuple[str, Any]] = []
        before: int | None = None
        for _ in range(9):
            page = await reads.texts(ONE, before, 2)
            assert page.turns <= 2
            seen += page.texts
            before = page.next_before
            if before is None:
                break
        expected = [(asked[4].message_id, "<think></think>prompt 4")]
        for number in (3, 2, 1, 0):
            expected.append((asked[number].generation_id, f"answer {number}"))
            expected.append((asked[number].message_id, f"<think></think>prompt {number}"))
        assert seen == expected
        assert (await reads.texts(TWO, None, 5)).texts == ()


async def test_a_list_goes_on_after_any_of_its_rows(opened: Open) -> None:
    async with opened() as under_test:
        names = [ids.conversation_id(USER, str(number)) for number in range(5)]
        for number, name in enumerate(names):
            append(under_test.log, started(name, number))
        await under_test.show()
        page = await under_test.reads.conversations(USER, None, 5)
        assert [row.conversation_id for row in page.rows] == names[::-1]
        for number, row in enumerate(page.rows):
            rest = await under_test.reads.conversations(USER, cursor_after(row), 5)
            assert rest.rows == page.rows[number + 1 :]
