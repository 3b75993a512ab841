"""The conversation agent's shell for titles: an outcome comes, a request for a title or a new title goes.

A title is worth little: where history cannot be read in time there is none, and nothing waits for it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from infra.clock import now_us
from infra.logging import get_logger
from infra.runtime.bounded import Seen
from infra.runtime.retrying import Retrying
from schemas import ids
from schemas.codec import is_written
from schemas.conversation import TitleRequested
from schemas.envelope import Position
from schemas.outcome import Outcome
from streams.conversation.memory import Memory
from streams.conversation.ports import HistoryPort
from streams.conversation.titles import TitleModel, may_be_titled, rename, title_request
from topics.catalogue import CONVERSATION_EVENTS, TOKEN_CHUNKS, Catalogue
from topics.producer import LogProducer

REMEMBERED = 20_000
HISTORY_WAIT_S = 2.0
_FIRST_PAUSE_S = 0.02
_LONGEST_PAUSE_S = 0.25
_log = get_logger(__name__)

T = TypeVar("T")


class Titling:
    """Handles generation-outcomes: the first answer of a conversation asks for its title, and that one's outcome gives
    it. Repeats write the same records again, which change nothing."""

    def __init__(
        self,
        producer: LogProducer,
        history: HistoryPort,
        memory: Memory,
        topics: Catalogue,
        model: TitleModel,
        *,
        store_errors: tuple[type[Exception], ...] = (),
        history_wait_s: float = HISTORY_WAIT_S,
    ) -> None:
        """`memory`: the agent's own, which knows what was deleted before any projection does."""
        self._producer = producer
        self._history = history
        self._memory = memory
        self._topics = topics
        self._model = model
        self._away: tuple[type[Exception], ...] = (*store_errors, TimeoutError)
        self._retrying = Retrying("conversation.titles", _FIRST_PAUSE_S, _LONGEST_PAUSE_S, history_wait_s)
        self._looked_at: Seen[str] = Seen(REMEMBERED)

    async def handle(self, outcome: Outcome) -> None:
        """One outcome; returns when what it brings about is acknowledged. Raises LogUnavailable."""
        if outcome.turn.kind == "title":
            await self._give(outcome)
        elif may_be_titled(outcome, now_us()) and is_written(TitleRequested):
            await self._ask(outcome)

    async def _ask(self, outcome: Outcome) -> None:
        turn = outcome.turn
        conversation = turn.conversation_id
        if conversation in self._looked_at or self._is_deleted(conversation):
            return
        title = ids.generation_id(ids.title_message_id(conversation))
        first = await self._read(lambda: self._history.first_turn(conversation, turn.prompt_message_id, title))
        if first is None:
            return
        request = title_request(outcome, first, self._model, self._tail(outcome))
        if request is not None:
            await self._producer.send(CONVERSATION_EVENTS, conversation, request)
        self._looked_at.add(conversation)

    async def _give(self, outcome: Outcome) -> None:
        renamed = rename(outcome)
        conversation = outcome.turn.conversation_id
        if renamed is None or self._is_deleted(conversation):
            return
        beginning = await self._read(lambda: self._history.beginning(conversation))
        if beginning is None or beginning.deleted or self._is_deleted(conversation):
            return
        await self._producer.send(CONVERSATION_EVENTS, conversation, renamed)

    def _is_deleted(self, conversation_id: str) -> bool:
        known = self._memory.beginning(conversation_id)
        return known is not None and known.deleted

    def _tail(self, outcome: Outcome) -> Position:
        """What is appended of this conversation from now on comes after the answer's end, or in a newer epoch."""
        partition = self._topics.partition(TOKEN_CHUNKS, outcome.turn.conversation_id)
        same = partition == outcome.end.partition
        return outcome.end if same else self._topics.position(TOKEN_CHUNKS, partition, 0)

    async def _read(self, read: Callable[[], Awaitable[T | None]]) -> T | None:
        """What history says; None if it does not say it in time."""
        patience = self._retrying.begin()
        try:
            # A store that does not answer must not hold up the prompts behind this outcome.
            async with asyncio.timeout(self._retrying.give_up_s):
                while True:
                    found = await read()
                    if found is not None or (pause_s := patience.pause_s()) is None:
                        return found
                    await asyncio.sleep(pause_s)
        except self._away as error:
            _log.warning("history is away, so a title is left out", error=type(error).__name__)
            return None
