"""Kept answers, asked of the projections in memory and of the real ones: the same answers."""

from __future__ import annotations

from dataclasses import replace

from projections.commands.queries import CommandRow
from projections.messages.context import ProjectedContext
from projections.order import order_key
from schemas import ids
from schemas.conversation import (
    AppendedMessage,
    ChatMessage,
    ConversationDeleted,
    ConversationMetadataChanged,
    GenerationDeleted,
    GenerationMetadataChanged,
    MessageDeleted,
    MessagesAppended,
    PromptSubmitted,
    Request,
)
from schemas.turns import IMPORTS
from tests.conformance.api_reads import USER, Open, answered, append, envelope, started
from tests.conformance.test_api_parts import ended
from tests.unit.api.memory_log import AT
from tests.unit.api.prompts import prompt

CONVERSATION = ids.conversation_id(USER, "stored")
CHAT = "chat_completions"


def stateless(nth: int, **said: object) -> PromptSubmitted:
    """A stateless command of its own conversation."""
    made = prompt(ids.conversation_id(USER, f"stateless {nth}"), str(nth), after_us=nth)
    request = replace(Request(surface=CHAT, store=True), **said)  # type: ignore[arg-type]  # fields of it
    return replace(made, kind="stateless", content=None, messages=(ChatMessage("user", str(nth)),), request=request)


async def test_a_kept_answer_is_read_whole_by_its_owner(opened: Open) -> None:
    async with opened() as under_test:
        log, reads = under_test.log, under_test.reads
        append(log, started(CONVERSATION))
        said = replace(
            prompt(CONVERSATION, "hi"), request=Request(surface="responses", store=True, metadata='{"a":"b"}')
        )
        cause = append(log, said)
        await under_test.show()
        running = await reads.stored_generation(USER, said.generation_id)
        assert running is not None
        assert (running.command, running.metadata, running.outcomes) == (said, '{"a":"b"}', (None,))
        assert (running.row.asked.surface, running.row.asked.store) == ("responses", True)
        answered(log, said, cause, "Hel", "lo")
        append(log, GenerationMetadataChanged(
            envelope=envelope("m"), conversation_id=CONVERSATION, user_id=USER,
            generation_id=said.generation_id, metadata='{"c":"d"}',
        ))  # fmt: skip
        await under_test.show()
        ended = await reads.stored_generation(USER, said.generation_id)
        assert ended is not None and ended.outcome is not None
        assert (ended.outcome.text, ended.metadata) == ("Hello", '{"c":"d"}')
        assert await reads.stored_generation(ids.user_id("bob"), said.generation_id) is None
        assert await reads.stored_generation(USER, ids.generation_id("unknown")) is None


async def test_what_was_deleted_or_not_to_be_kept_is_not_there(opened: Open) -> None:
    async with opened() as under_test:
        log, reads = under_test.log, under_test.reads
        append(log, started(CONVERSATION))
        one, other = prompt(CONVERSATION, "one"), prompt(CONVERSATION, "other", after_us=1)
        unkept = stateless(1, store=False)
        for command in (one, other, unkept):
            append(log, command)
        append(log, GenerationDeleted(
            envelope=envelope("g"), conversation_id=CONVERSATION, user_id=USER, generation_id=one.generation_id
        ))  # fmt: skip
        await under_test.show()
        assert await reads.stored_generation(USER, one.generation_id) is None
        assert await reads.stored_generation(USER, other.generation_id) is not None
        assert await reads.stored_generation(USER, unkept.generation_id) is None
        append(log, ConversationDeleted(envelope("d"), CONVERSATION, USER))
        await under_test.show()
        assert await reads.stored_generation(USER, other.generation_id) is None


async def test_kept_answers_are_listed_by_surface_model_and_notes(opened: Open) -> None:
    async with opened() as under_test:
        log, reads = under_test.log, under_test.reads
        commands = [stateless(nth, metadata=f'{{"parity":"{nth % 2}"}}') for nth in range(5)]
        later = replace(commands[2].envelope, occurred_at_us=commands[4].envelope.occurred_at_us + 1)
        repeated = replace(commands[2], envelope=later)
        for command in (*commands, stateless(7, surface="responses"), stateless(8, store=False), repeated):
            append(log, command)
        await under_test.show()
        newest = await reads.stored_generations(USER, CHAT, limit=3)
        assert newest is not None
        assert [one.command for one in newest.items] == [commands[nth] for nth in (4, 3, 2)]
        rest = await reads.stored_generations(USER, CHAT, after=newest.next_after, limit=3)
        assert rest is not None
        assert ([one.command for one in rest.items], rest.next_after) == ([commands[1], commands[0]], None)
        oldest = await reads.stored_generations(USER, CHAT, order="asc", metadata={"parity": "1"})
        assert oldest is not None
        assert [one.command for one in oldest.items] == [commands[1], commands[3]]
        assert await reads.stored_generations(USER, CHAT, after=ids.generation_id("unknown")) is None
        other = await reads.stored_generations(USER, CHAT, model="another")
        assert other is not None and other.items == ()


async def test_what_a_prompt_follows_is_what_an_engine_is_told(opened: Open) -> None:
    async with opened() as under_test:
        log, reads = under_test.log, under_test.reads
        assert await reads.context(CONVERSATION, None, 10) is None
        append(log, started(CONVERSATION, system_prompt="Rhyme"))
        first = prompt(CONVERSATION, "one")
        ended(log, first, append(log, first), "ab")
        second = replace(prompt(CONVERSATION, "two", after_us=1), parent_message_id=first.generation_id)
        cause = append(log, second)
        await under_test.show()
        assert await reads.context(CONVERSATION, None, 10) == ProjectedContext((), "Rhyme")
        assert await reads.context(CONVERSATION, second.generation_id, 10) is None  # it runs
        assert await reads.context(CONVERSATION, ids.generation_id("unknown"), 10) is None
        ended(log, second, cause, "c")
        await under_test.show()
        whole = (
            ChatMessage("user", "one"),
            ChatMessage("assistant", "ab"),
            ChatMessage("user", "two"),
            ChatMessage("assistant", "c"),
        )
        assert await reads.context(CONVERSATION, second.generation_id, 10) == ProjectedContext(whole, "Rhyme")
        assert await reads.context(CONVERSATION, second.generation_id, 3) == ProjectedContext(whole[1:], "Rhyme")
        assert await reads.context(CONVERSATION, first.generation_id, 10) == ProjectedContext(whole[:2], "Rhyme")
        append(log, GenerationDeleted(
            envelope=envelope("g"), conversation_id=CONVERSATION, user_id=USER, generation_id=first.generation_id
        ))  # fmt: skip
        await under_test.show()
        # An answer that is deleted is shown nowhere, and what follows it was said because of it.
        assert await reads.context(CONVERSATION, second.generation_id, 10) == ProjectedContext(whole, "Rhyme")
        append(log, MessageDeleted(
            envelope=envelope("x"), conversation_id=CONVERSATION, user_id=USER, message_id=first.generation_id
        ))  # fmt: skip
        await under_test.show()
        # The prompt that has no answer now is told with the next one.
        left = (ChatMessage("user", "one\n\ntwo"), *whole[3:])
        assert await reads.context(CONVERSATION, second.generation_id, 10) == ProjectedContext(left, "Rhyme")
        assert await reads.stored_generation(USER, first.generation_id) is None
        append(log, ConversationDeleted(envelope("d"), CONVERSATION, USER))
        await under_test.show()
        assert await reads.context(CONVERSATION, second.generation_id, 10) == ProjectedContext(deleted=True)


async def test_a_command_of_metadata_is_known_whole(opened: Open) -> None:
    async with opened() as under_test:
        append(under_test.log, started(CONVERSATION))
        changed = ConversationMetadataChanged(
            envelope=envelope("m"), conversation_id=CONVERSATION, user_id=USER, metadata='{"a":"b"}', request_hash="h"
        )
        append(under_test.log, changed)
        await under_test.show()
        known = await under_test.reads.command(CONVERSATION, changed.envelope.event_id)
        assert known == CommandRow(USER, "h", comment='{"a":"b"}')


async def test_an_import_is_seen_with_its_last_record_and_needs_a_verdict_until_an_answer_completes(
    opened: Open,
) -> None:
    async with opened() as under_test:
        log, reads = under_test.log, under_test.reads
        name = ids.conversation_id(USER, "imported")
        said = tuple(
            AppendedMessage(message_id=ids.message_id(USER, name, text), message=ChatMessage(role, text), at_us=AT)
            for role, text in (("user", "one"), ("assistant", "two"))
        )
        whole = tuple(each.message for each in said)
        history = replace(envelope("import"), actor=IMPORTS)
        appended = MessagesAppended(
            envelope=history, conversation_id=name, user_id=USER, parent_message_id=None, messages=said
        )
        first = append(log, appended)
        await under_test.show()
        wanted = [said[0].message_id, said[1].message_id, ids.message_id(USER, name, "three")]
        assert set(await reads.placed(name, wanted)) == set(wanted[:2])
        assert await reads.conversation(name) is None
        assert await reads.begun_at(name) is None
        assert name not in [row.conversation_id for row in (await reads.conversations(USER, None, 10)).rows]
        shown = started(name)
        append(log, replace(shown, envelope=replace(shown.envelope, actor=IMPORTS, occurred_at_us=AT + 5)))
        await under_test.show()
        row = await reads.conversation(name)
        assert row is not None
        assert (row.created_at_us, row.updated_at_us) == (history.occurred_at_us, AT + 5)
        assert await reads.begun_at(name) == order_key(first)
        assert name in [row.conversation_id for row in (await reads.conversations(USER, None, 10)).rows]
        found = await reads.context(name, wanted[1], 10)
        assert found is not None
        assert (found.messages, found.unjudged) == (whole, whole)
        asked = replace(prompt(name, "three", after_us=9), parent_message_id=wanted[1])
        ended(log, asked, append(log, asked), "four")
        await under_test.show()
        later = await reads.context(name, asked.generation_id, 10)
        assert later is not None
        assert (later.messages[:2], later.unjudged) == (whole, ())
        assert not await reads.is_deleted(name)
