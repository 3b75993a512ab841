"""Kept answers in memory: read from the log itself at every call."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from projections.generations.asked_cell import NOTHING, asked_of
from projections.generations.queries import GenerationRow
from projections.stored import StoredGeneration, StoredPage
from projections.stored_generations.queries import Order
from schemas.conversation import ConversationDeleted, GenerationDeleted, GenerationMetadataChanged, MessageDeleted
from schemas.envelope import Position
from schemas.outcome import Outcome
from schemas.turns import UserCommand, choices_of, generations_of, turn_of
from tests.records import PRICE
from tests.unit.api.memory_preferences import MemoryPreferences
from topics.catalogue import CONVERSATION_EVENTS, GENERATION_OUTCOMES


class MemoryStored(MemoryPreferences):
    """The reads of api.responses.ports and of stored chat completions."""

    async def stored_generation(self, user_id: str, generation_id: str) -> StoredGeneration | None:
        for command, at in self._user_commands():
            if generation_id in generations_of(command) and command.user_id == user_id:
                return self._stored(command, at, generations_of(command).index(generation_id))
        return None

    async def stored_generations(
        self,
        user_id: str,
        surface: str,
        *,
        after: str | None = None,
        order: Order = "desc",
        limit: int = 20,
        model: str | None = None,
        metadata: Mapping[str, str] | None = None,
    ) -> StoredPage | None:
        kept: list[tuple[tuple[int, str], UserCommand, Position]] = []
        for command, at in self._user_commands():
            request = command.request
            if request is None or not request.store or command.user_id != user_id or request.surface != surface:
                continue
            kept.append(((command.envelope.occurred_at_us, command.generation_id), command, at))
        kept.sort(key=lambda one: one[0], reverse=order == "desc")
        if after is not None:
            places = [nth for nth, (place, _, _) in enumerate(kept) if place[1] == after]
            if not places:
                return None
            kept = kept[places[0] + 1 :]
        shown = [stored for _, command, at in kept if (stored := self._stored(command, at, 0)) is not None]
        fitting = [one for one in shown if model in (None, one.row.model) and _has(one.metadata, metadata)]
        page = fitting[:limit]
        return StoredPage(tuple(page), page[-1].row.generation_id if len(fitting) > limit else None)

    def _user_commands(self) -> list[tuple[UserCommand, Position]]:
        seen: dict[str, tuple[UserCommand, Position]] = {}
        for event, at in self._events(CONVERSATION_EVENTS):
            if isinstance(event, UserCommand):
                seen.setdefault(event.generation_id, (event, at))
        return list(seen.values())

    def _stored(self, command: UserCommand, at: Position, choice: int) -> StoredGeneration | None:
        row = generation_row(command, at, choice)
        if row.kind == "compaction" or (row.kind == "stateless" and not row.asked.store):
            return None
        metadata = None if command.request is None else command.request.metadata
        for event, _ in self._events(CONVERSATION_EVENTS):
            if isinstance(event, ConversationDeleted) and event.conversation_id == command.conversation_id:
                return None
            if isinstance(event, GenerationDeleted) and event.generation_id == row.generation_id:
                return None
            if isinstance(event, MessageDeleted) and event.message_id == row.generation_id:
                return None
            if isinstance(event, GenerationMetadataChanged) and event.generation_id == row.generation_id:
                metadata = event.metadata
        ended = {
            event.turn.generation_id: event
            for event, _ in reversed(self._events(GENERATION_OUTCOMES))
            if isinstance(event, Outcome)
        }
        outcomes = tuple(ended.get(generation) for generation in generations_of(command))
        return StoredGeneration(
            row=row,
            command=command,
            metadata=metadata,
            outcomes=outcomes,
            prompt_is_deleted=any(
                isinstance(event, MessageDeleted) and event.message_id == row.message_id
                for event, _ in self._events(CONVERSATION_EVENTS)
            ),
        )


def generation_row(command: UserCommand, at: Position, choice: int = 0) -> GenerationRow:
    """The row of one answer to a command."""
    turn = turn_of(command, at, command.price or PRICE, choice)
    assert 0 <= choice < choices_of(command)
    return GenerationRow(
        generation_id=turn.generation_id,
        user_id=turn.user_id,
        conversation_id=turn.conversation_id,
        message_id=turn.message_id,
        prompt_message_id=turn.prompt_message_id,
        kind=turn.kind,
        model=turn.model,
        request_hash=turn.request_hash,
        asked_at_us=command.envelope.occurred_at_us,
        deadline_at_us=command.deadline_at_us,
        cause=at,
        tail=turn.tail,
        price=command.price,
        asked=asked_of(command, choice) or NOTHING,
    )


def _has(metadata: Any, wanted: Mapping[str, str] | None) -> bool:
    there = json.loads(metadata) if isinstance(metadata, str) else {}
    return all(there.get(name) == value for name, value in (wanted or {}).items())
