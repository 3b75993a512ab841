"""What the api reads, asked of the projections in memory and of the real ones in Cassandra: the same answers."""

from __future__ import annotations

import pytest

from projections.commands.queries import CommandRow
from projections.embeddings.queries import EmbeddingRow
from projections.order import order_key
from schemas import ids
from schemas.account import ApiKeyCreated, ApiKeyRevoked, UserCreated
from schemas.conversation import (
    ConversationDeleted,
    ConversationRenamed,
    ConversationStarted,
    FeedbackGiven,
)
from tests.conformance.api_reads import USER, Open, answered, append, envelope, started
from tests.fakes.projection_records import computed
from tests.unit.api.memory_log import AT
from tests.unit.api.prompts import prompt
from topics.catalogue import ACCOUNT_EVENTS, CONVERSATION_EVENTS, USAGE_RECORDS
from topics.cuts import TopicPartition

ONE, TWO = ids.conversation_id(USER, "1"), ids.conversation_id(USER, "2")


async def test_a_conversation(opened: Open) -> None:
    async with opened() as under_test:
        assert await under_test.reads.conversation(ONE) is None
        append(under_test.log, started(ONE, title="First", model="m", system_prompt="s"))
        await under_test.show()
        row = await under_test.reads.conversation(ONE)
        assert row is not None
        assert (row.user_id, row.title, row.model, row.system_prompt, row.preview) == (USER, "First", "m", "s", None)
        assert row.created_at_us == row.updated_at_us == AT
        append(under_test.log, ConversationRenamed(envelope("r"), ONE, USER, "Second"))
        append(under_test.log, prompt(ONE, "hi", after_us=7))
        await under_test.show()
        row = await under_test.reads.conversation(ONE)
        assert row is not None
        assert (row.title, row.preview, row.updated_at_us) == ("Second", "hi", AT + 7)


async def test_where_a_conversation_begins(opened: Open) -> None:
    async with opened() as under_test:
        log, reads = under_test.log, under_test.reads
        assert await reads.begun_at(ONE) is None
        append(log, started(TWO))
        first = append(log, started(ONE))
        append(log, prompt(ONE, "hi"))
        await under_test.show()
        assert await reads.begun_at(ONE) == first.offset
        append(log, ConversationDeleted(envelope("d"), ONE, USER))
        await under_test.show()
        assert await reads.begun_at(ONE) is None


async def test_where_turns_stand_newest_first(opened: Open) -> None:
    async with opened() as under_test:
        log, reads = under_test.log, under_test.reads
        append(log, started(ONE))
        await under_test.show()
        assert list(await reads.turn_places(ONE, None, 5)) == []
        prompts = [prompt(ONE, str(number), after_us=number * 1_000_000) for number in range(4)]
        causes = []
        for said in prompts:
            append(log, prompt(TWO, "another's"))
            causes.append(append(log, said))
        answered(log, prompts[1], causes[1], "a")
        await under_test.show()
        found = list(await reads.turn_places(ONE, None, 3))
        assert [turn.generation_id for turn in found] == [said.generation_id for said in reversed(prompts[1:])]
        assert [turn.cause for turn in found] == [order_key(cause) for cause in reversed(causes[1:])]
        assert [turn.tail for turn in found] == [said.tail for said in reversed(prompts[1:])]
        assert [turn.asked_at_us // 1000 for turn in found] == [AT // 1000 + number * 1000 for number in (3, 2, 1)]
        assert [turn.ended_at_us is None for turn in found] == [True, True, False]
        older = list(await reads.turn_places(ONE, found[-1].cause, 3))
        assert [turn.generation_id for turn in older] == [prompts[0].generation_id]


async def test_messages_and_their_states(opened: Open) -> None:
    async with opened() as under_test:
        log, reads = under_test.log, under_test.reads
        append(log, started(ONE))
        await under_test.show()
        assert await reads.leaf(ONE) is None
        first = prompt(ONE, "one")
        cause = append(log, first)
        await under_test.show()
        running = await reads.leaf(ONE)
        assert running is not None
        assert (running.message_id, running.status) == (first.generation_id, "running")
        assert await reads.outcome(first.generation_id) is None
        answered(log, first, cause, "a", "b")
        second = prompt(ONE, "two", parent=first.generation_id)
        append(log, second)
        await under_test.show()
        page = await reads.messages(ONE, None, 100)
        assert [(row.role, row.content, row.status) for row in page.rows] == [
            ("user", "one", "completed"),
            ("assistant", "ab", "completed"),
            ("user", "two", "completed"),
            ("assistant", "", "running"),
        ]
        assert [row.parent_message_id for row in page.rows] == [
            None,
            first.message_id,
            first.generation_id,
            second.message_id,
        ]
        reply = await reads.message(ONE, first.generation_id)
        assert reply is not None
        assert (reply.finish_reason, reply.usage, reply.failure) == ("stop", page.rows[1].usage, None)
        assert await reads.message(TWO, first.generation_id) is None
        outcome = await reads.outcome(first.generation_id)
        assert outcome is not None
        assert (outcome.text, len(outcome.chunks), outcome.turn.cause) == ("ab", 2, cause)


async def test_pages_of_messages(opened: Open) -> None:
    async with opened() as under_test:
        append(under_test.log, started(ONE))
        for number in range(3):
            append(under_test.log, prompt(ONE, str(number)))
        await under_test.show()
        seen: list[str] = []
        cursor: str | None = None
        while True:
            page = await under_test.reads.messages(ONE, cursor, 2)
            seen += [row.message_id for row in page.rows]
            cursor = page.next_cursor
            if cursor is None:
                break
        assert len(seen) == len(set(seen)) == 6
        with pytest.raises(ValueError, match="cursor"):
            await under_test.reads.messages(ONE, "?", 2)


async def test_the_first_command_of_a_generation_counts(opened: Open) -> None:
    async with opened() as under_test:
        append(under_test.log, started(ONE))
        command = prompt(ONE, "x")
        cause = append(under_test.log, command)
        append(under_test.log, command)
        await under_test.show()
        row = await under_test.reads.generation(command.generation_id)
        assert row is not None
        assert (row.cause, row.request_hash, row.user_id, row.tail) == (cause, "hash", USER, command.tail)
        assert [message.role for message in (await under_test.reads.messages(ONE, None, 9)).rows] == [
            "user",
            "assistant",
        ]


async def test_lists_are_newest_first(opened: Open) -> None:
    async with opened() as under_test:
        append(under_test.log, started(ONE))
        append(under_test.log, started(TWO, 1))
        append(under_test.log, prompt(ONE, "hi", after_us=5))
        await under_test.show()
        first = await under_test.reads.conversations(USER, None, 1)
        assert [row.conversation_id for row in first.rows] == [ONE]
        assert first.next_cursor is not None
        rest = await under_test.reads.conversations(USER, first.next_cursor, 5)
        assert [row.conversation_id for row in rest.rows] == [TWO]
        assert rest.next_cursor is None
        assert (await under_test.reads.conversations("nobody", None, 5)).rows == ()
        with pytest.raises(ValueError, match="cursor"):
            await under_test.reads.conversations(USER, "?", 1)


async def test_a_deleted_conversation_is_gone(opened: Open) -> None:
    async with opened() as under_test:
        append(under_test.log, started(ONE))
        command = prompt(ONE, "x")
        append(under_test.log, command)
        append(under_test.log, ConversationDeleted(envelope("d"), ONE, USER))
        await under_test.show()
        assert await under_test.reads.conversation(ONE) is None
        assert await under_test.reads.generation(command.generation_id) is None
        assert await under_test.reads.leaf(ONE) is None
        assert (await under_test.reads.messages(ONE, None, 9)).rows == ()
        assert (await under_test.reads.conversations(USER, None, 9)).rows == ()


async def test_users_have_names(opened: Open) -> None:
    async with opened() as under_test:
        assert await under_test.reads.user(USER) is None
        under_test.log.append(ACCOUNT_EVENTS, USER, UserCreated(envelope("u"), USER, "alice"))
        await under_test.show()
        row = await under_test.reads.user(USER)
        assert row is not None
        assert (row.user_id, row.name) == (USER, "alice")


async def test_keys(opened: Open) -> None:
    async with opened() as under_test:
        log, reads = under_test.log, under_test.reads
        for number in (1, 2):
            key_id, digest = ids.user_id(f"key {number}"), f"{number}" * 64
            created = ApiKeyCreated(
                envelope=envelope(key_id, number),
                user_id=USER,
                key_id=key_id,
                key_sha256=digest,
                label=f"l{number}",
                hint="abcd",
            )
            log.append(ACCOUNT_EVENTS, USER, created)
        log.append(ACCOUNT_EVENTS, USER, ApiKeyRevoked(envelope("x"), USER, ids.user_id("key 2"), "2" * 64))
        await under_test.show()
        row = await reads.api_key("1" * 64)
        assert row is not None
        assert (row.user_id, row.key_sha256, row.label, row.hint, row.revoked) == (USER, "1" * 64, "l1", "abcd", False)
        assert await reads.api_key("2" * 64) is None
        assert await reads.api_key("3" * 64) is None
        assert [(row.label, row.revoked) for row in await reads.keys(USER)] == [("l1", False), ("l2", True)]


async def test_waiting_for_what_is_there(opened: Open) -> None:
    async with opened() as under_test:
        append(under_test.log, started(ONE))
        command = prompt(ONE, "x")
        cause = append(under_test.log, command)
        answered(under_test.log, command, cause, "a")
        await under_test.show()
        offsets: dict[TopicPartition, int] = {(CONVERSATION_EVENTS, cause.partition): cause.offset}
        assert await under_test.reads.wait_for(offsets, [command.generation_id], 5.0)
        assert await under_test.reads.wait_for(offsets, [], 5.0, conversation_id=ONE)


async def test_the_first_command_of_a_key_counts(opened: Open) -> None:
    async with opened() as under_test:
        begun, renamed, rated = envelope("begun"), envelope("renamed", 1), envelope("rated", 2)
        append(
            under_test.log,
            ConversationStarted(
                envelope=begun,
                conversation_id=ONE,
                user_id=USER,
                title="T",
                model=None,
                system_prompt=None,
                request_hash="h1",
            ),
        )
        append(
            under_test.log,
            ConversationStarted(
                envelope=begun,
                conversation_id=ONE,
                user_id=USER,
                title="U",
                model=None,
                system_prompt=None,
                request_hash="h2",
            ),
        )
        append(under_test.log, ConversationRenamed(renamed, ONE, USER, "A", "h3"))
        append(under_test.log, ConversationRenamed(renamed, ONE, USER, "B", "h4"))
        append(
            under_test.log,
            FeedbackGiven(
                envelope=rated,
                conversation_id=ONE,
                user_id=USER,
                message_id="m",
                rating="up",
                comment=None,
                request_hash="h5",
            ),
        )
        append(under_test.log, ConversationRenamed(envelope("without a key", 3), ONE, USER, "C"))
        await under_test.show()
        command = under_test.reads.command
        assert await command(ONE, begun.event_id) == CommandRow(USER, "h1")
        assert await command(ONE, renamed.event_id) == CommandRow(USER, "h3", "A")
        assert await command(ONE, rated.event_id) == CommandRow(USER, "h5", None, "up")
        assert await command(ONE, envelope("without a key").event_id) is None
        assert await command(TWO, begun.event_id) is None


async def test_of_a_deleted_conversation_its_deletion_alone_is_known(opened: Open) -> None:
    async with opened() as under_test:
        begun, deleted = envelope("begun"), envelope("deleted", 1)
        append(
            under_test.log,
            ConversationStarted(
                envelope=begun,
                conversation_id=ONE,
                user_id=USER,
                title="T",
                model=None,
                system_prompt=None,
                request_hash="h1",
            ),
        )
        append(under_test.log, ConversationDeleted(deleted, ONE, USER, "h2"))
        await under_test.show()
        assert await under_test.reads.command(ONE, deleted.event_id) == CommandRow(USER, "h2")
        assert await under_test.reads.command(ONE, begun.event_id) is None


async def test_the_first_record_of_a_request_for_embeddings_counts(opened: Open) -> None:
    async with opened() as under_test:
        first = computed(USER, "key", AT + 10, "hash")
        # Its clock is behind: the log's order counts.
        second = computed(USER, "key", AT, "another", texts=9)
        other = computed(USER, "another key", AT + 20)
        for record in (first, second, other):
            at = under_test.log.append(USAGE_RECORDS, USER, record)
        await under_test.show()
        reads = under_test.reads
        assert await reads.wait_for({(USAGE_RECORDS, at.partition): at.offset}, (), 5.0)
        row = await reads.embedding(first.embedding_id)
        assert row == EmbeddingRow(USER, "hash", AT + 10, first.model, first.usage)
        assert (await reads.embedding(other.embedding_id)) is not None
        assert await reads.embedding("nothing") is None
