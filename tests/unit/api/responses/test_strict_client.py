"""OpenAI's client, which checks every body against its own types: conversations, items, counts, compaction."""

from __future__ import annotations

from tests.unit.api.sdk import sdk
from tests.unit.api.world import World

MODEL = "verbatim-local"


async def test_conversations_and_their_items(world: World) -> None:
    async with sdk(world) as client:
        conversation = await client.conversations.create(
            metadata={"a": "b"}, items=[{"type": "message", "role": "user", "content": "one"}]
        )
        assert (await client.conversations.retrieve(conversation.id)).metadata == {"a": "b"}
        changed = await client.conversations.update(conversation.id, metadata={"c": "d"})
        assert changed.metadata == {"c": "d"}
        added = await client.conversations.items.create(
            conversation.id,
            items=[
                {"type": "message", "role": "assistant", "content": "two"},
                {"type": "function_call", "call_id": "c1", "name": "look", "arguments": "{}"},
                {"type": "function_call_output", "call_id": "c1", "output": "sunny"},
            ],
        )
        assert [item.type for item in added.data] == ["message", "function_call", "function_call_output"]
        await client.responses.create(model=MODEL, input="three", conversation=conversation.id)
        listed = [item async for item in client.conversations.items.list(conversation.id, limit=2, order="asc")]
        types = ["message", "message", "function_call", "function_call_output", "message", "message"]
        assert [item.type for item in listed] == types
        first = listed[0]
        assert first.id is not None
        got = await client.conversations.items.retrieve(first.id, conversation_id=conversation.id)
        assert got == first
        left = await client.conversations.items.delete(first.id, conversation_id=conversation.id)
        assert left.id == conversation.id
        assert (await client.conversations.delete(conversation.id)).deleted


async def test_counts_and_compaction(world: World) -> None:
    async with sdk(world) as client:
        counted = await client.responses.input_tokens.count(model=MODEL, input="Hello")
        assert counted.input_tokens > 0
        compacted = await client.responses.compact(model=MODEL, input="Remember: slate")
        assert compacted.output[0].type == "compaction"
        said = [item.model_dump(exclude_none=True) for item in compacted.output]
        await client.responses.create(model=MODEL, input=[*said, {"role": "user", "content": "And?"}])  # type: ignore[list-item]  # as it came
