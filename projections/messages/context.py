"""What a prompt follows: the chain of messages up to one of them, as an engine is told it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from infra.cassandra.concurrently import run_concurrently
from projections.conversations import queries as conversations
from projections.conversations.queries import ConversationRow
from projections.messages import queries as messages
from projections.messages.chain import Chain
from projections.reading import Tables
from schemas.conversation import ChatMessage
from schemas.envelope import Content

_PAGE_TURNS = 50
_Told = tuple[tuple[ChatMessage, ...], bool, tuple[ChatMessage, ...]]
"""What engines are told, whether it ends with a prompt without an answer, and what of it is unjudged."""


@dataclass(frozen=True, slots=True)
class ProjectedContext:
    """`messages`: the chain to the leaf, oldest first, each complete; of a deleted conversation there are none.
    `unanswered`: the last one is a prompt without an answer. `unjudged`: those of them that no prompt was judged with.
    """

    messages: tuple[ChatMessage, ...] = ()
    system_prompt: Content | None = None
    deleted: bool = False
    unanswered: bool = False
    unjudged: tuple[ChatMessage, ...] = ()


async def context(
    tables: Tables, conversation_id: str, leaf_message_id: str | None, max_messages: int
) -> ProjectedContext | None:
    """The newest `max_messages` of the chain that ends with the leaf (None: no messages).

    None: the conversation or a message of the chain is not there (yet), or an answer in it is still running. What
    a policy refused is no part of it.
    """
    if leaf_message_id is None:
        conversation, deleted = await conversations.standing(tables, conversation_id)
        found: _Told | None = ((), False, ())
    else:
        (conversation, deleted), found = await _both(tables, conversation_id, leaf_message_id, max_messages)
    if deleted:
        return ProjectedContext(deleted=True)
    if conversation is None or found is None:
        return None
    told, unanswered, unjudged = found
    return ProjectedContext(told, conversation.system_prompt, unanswered=unanswered, unjudged=unjudged)


async def walk(tables: Tables, conversation_id: str, leaf_message_id: str, most: int) -> Chain | None:
    """The chain that ends with the leaf, at most `most` messages of it; None: a message of it is not there."""
    chain = Chain(leaf_message_id, most)
    before: int | None = None
    sought: str | None = None
    while True:
        async for turns in messages.older_turns(tables, conversation_id, before, _PAGE_TURNS):
            found = chain.take(turns)
            if chain.finished:
                return chain
            if not found:
                break
        # Not next to the turns before it: a branch from long ago, or not there at all.
        wanted = chain.wanted
        if wanted is None or wanted == sought:
            return None
        order = await messages.order_of(tables, conversation_id, wanted)
        if order is None or (chain.reached is not None and order >= chain.reached):
            return None
        before, sought = order + 1, wanted


async def _both(
    tables: Tables, conversation_id: str, leaf_message_id: str, most: int
) -> tuple[tuple[ConversationRow | None, bool], _Told | None]:
    standing: Any
    chain: Any
    hidden: Any
    standing, chain, hidden = await run_concurrently(
        conversations.standing(tables, conversation_id),
        walk(tables, conversation_id, leaf_message_id, most),
        messages.hidden_in(tables, conversation_id),
    )
    open_or_missing = chain is None or chain.is_open
    return standing, None if open_or_missing else (*chain.told(hidden), chain.unjudged(hidden))
