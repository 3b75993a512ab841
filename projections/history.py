"""What the conversation agent reads from the projections: earlier messages, and running generations."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace

from infra.clock import monotonic_s
from infra.models.catalogue import ModelCatalogue
from infra.models.prices import price_of
from projections.conversations import queries as conversations
from projections.facade import Projections
from projections.generations import queries as generations
from projections.messages import queries as messages
from projections.messages.context import ProjectedContext, context, walk
from projections.order import turn_key
from projections.temporaries import queries as temporaries
from projections.temporaries.queries import Temporary
from schemas import ids
from schemas.generation import Turn
from schemas.messages import shown_content
from streams.conversation.ports import FirstTurn

_END_WITHIN_S = 3.0
_PAUSE_S = 0.02
_FIRST_MESSAGES = 4
"""So many before a prompt tell whether it is the first that is answered."""


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
        return await context(self._tables, conversation_id, leaf_message_id, max_messages)

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
        chain = (
            None
            if conversation is None
            else await walk(self._tables, conversation_id, prompt_message_id, _FIRST_MESSAGES)
        )
        if conversation is None or chain is None or not chain.messages:
            return None
        *earlier, prompt = chain.messages
        answered = chain.is_open or any(message.role == "assistant" for message in earlier)
        return FirstTurn(
            prompt=shown_content((prompt,)),
            named=conversation.named,
            answered=answered,
            temporary=conversation.temporary,
        )

    async def temporaries_begun(self, day: int, after: str) -> Sequence[str]:
        """Ids of temporary conversations that began on a day, a page in their order behind `after`. Raises
        StoreUnavailable, StoreRefused."""
        return await temporaries.begun_on(self._tables, day, after)

    async def temporary(self, conversation_id: str) -> Temporary | None:
        """The temporary conversation; None if it is deleted. Raises StoreUnavailable, StoreRefused."""
        return await temporaries.temporary(self._tables, conversation_id)

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
