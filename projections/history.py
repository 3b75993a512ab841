"""What the conversation agent reads from the projections: earlier messages, and running generations."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from typing import Any

from infra.cassandra.concurrently import run_concurrently
from infra.clock import monotonic_s
from infra.models.catalogue import ModelCatalogue
from infra.models.prices import price_of
from projections.conversations import queries as conversations
from projections.conversations.queries import ConversationRow
from projections.facade import Projections
from projections.generations import queries as generations
from projections.messages import queries as messages
from projections.messages.chain import Chain
from projections.order import turn_key
from schemas import ids
from schemas.conversation import ChatMessage
from schemas.envelope import Content
from schemas.generation import Turn
from schemas.messages import shown_content
from streams.conversation.ports import FirstTurn

_PAGE_TURNS = 50
_END_WITHIN_S = 3.0
_PAUSE_S = 0.02
_FIRST_MESSAGES = 4
"""So many before a prompt tell whether it is the first that is answered."""


@dataclass(frozen=True, slots=True)
class ProjectedContext:
    """`messages`: the chain to the leaf, oldest first, each complete; of a deleted conversation there are none."""

    messages: tuple[ChatMessage, ...] = ()
    system_prompt: Content | None = None
    deleted: bool = False


class ProjectedHistory:
    """The conversation agent's HistoryPort over the projections."""

    def __init__(self, projections: Projections, models: ModelCatalogue) -> None:
        self._projections = projections
        self._tables = projections.tables
        self._models = models

    async def context(
        self, conversation_id: str, leaf_message_id: str | None, max_messages: int
    ) -> ProjectedContext | None:
        """The newest `max_messages` of the chain that ends with the leaf (None: no messages).

        None: the conversation or a message of the chain is not there (yet), or an answer in it is still running. What
        a policy refused is no part of it. Raises StoreUnavailable, StoreRefused.
        """
        if leaf_message_id is None:
            conversation, deleted = await conversations.standing(self._tables, conversation_id)
            messages: tuple[ChatMessage, ...] | None = ()
        else:
            (conversation, deleted), messages = await self._both(conversation_id, leaf_message_id, max_messages)
        if deleted:
            return ProjectedContext(deleted=True)
        if conversation is None or messages is None:
            return None
        return ProjectedContext(messages, conversation.system_prompt)

    async def first_turn(
        self, conversation_id: str, prompt_message_id: str, title_generation_id: str
    ) -> FirstTurn | None:
        """How the conversation stands at a prompt, for its title.

        None: the conversation or the prompt is not there (yet). Raises StoreUnavailable, StoreRefused.
        """
        if await generations.generation(self._tables, title_generation_id) is not None:
            return FirstTurn(title_asked=True)
        conversation, deleted = await conversations.standing(self._tables, conversation_id)
        if deleted:
            return FirstTurn(deleted=True)
        chain = None if conversation is None else await self._walk(conversation_id, prompt_message_id, _FIRST_MESSAGES)
        if conversation is None or chain is None or not chain.messages:
            return None
        *earlier, prompt = chain.messages
        answered = chain.is_open or any(message.role == "assistant" for message in earlier)
        return FirstTurn(prompt=shown_content((prompt,)), named=conversation.named, answered=answered)

    async def open_turns(self, conversation_id: str) -> tuple[Turn, ...]:
        """Turns asked for and without an outcome, also of a conversation that has been deleted.

        The caller has seen the conversation's end: earlier commands are waited for, bounded.
        """
        until_s = monotonic_s() + _END_WITHIN_S
        while True:
            if await self._projections.is_deleted(conversation_id) or monotonic_s() >= until_s:
                break
            await asyncio.sleep(_PAUSE_S)
        rows = await self._projections.open_generations(conversation_id)
        return tuple(row.turn(price_of(row, self._models)) for row in rows)

    async def open_answer(self, generation_id: str) -> tuple[Turn, ...]:
        """The turn of a generation if it has no outcome yet, and where it is the first of several answers, all of them
        that have none. Raises StoreUnavailable, StoreRefused."""
        row = await generations.generation(self._tables, generation_id)
        if row is None:
            return ()
        first, last = (0, row.asked.choices) if row.asked.choice == 0 else (row.asked.choice, row.asked.choice + 1)
        price = price_of(row, self._models)
        open_turns = []
        for choice in range(first, last):
            if not await messages.has_ended(self._tables, row.conversation_id, turn_key(row.cause, choice)):
                own_id = generation_id if choice == row.asked.choice else ids.choice_id(row.message_id, choice)
                open_turns.append(replace(row.turn(price), choice=choice, generation_id=own_id))
        return tuple(open_turns)

    async def _both(
        self, conversation_id: str, leaf_message_id: str, most: int
    ) -> tuple[tuple[ConversationRow | None, bool], tuple[ChatMessage, ...] | None]:
        standing: Any
        chain: Any
        hidden: Any
        standing, chain, hidden = await run_concurrently(
            conversations.standing(self._tables, conversation_id),
            self._walk(conversation_id, leaf_message_id, most),
            messages.hidden_in(self._tables, conversation_id),
        )
        return standing, None if chain is None or chain.is_open else chain.told(hidden)

    async def _walk(self, conversation_id: str, leaf_message_id: str, most: int) -> Chain | None:
        chain = Chain(leaf_message_id, most)
        before: int | None = None
        sought: str | None = None
        while True:
            async for turns in messages.older_turns(self._tables, conversation_id, before, _PAGE_TURNS):
                found = chain.take(turns)
                if chain.finished:
                    return chain
                if not found:
                    break
            # Not next to the turns before it: a branch from long ago, or not there at all.
            wanted = chain.wanted
            if wanted is None or wanted == sought:
                return None
            order = await messages.order_of(self._tables, conversation_id, wanted)
            if order is None or (chain.reached is not None and order >= chain.reached):
                return None
            before, sought = order + 1, wanted
