"""Projections in memory, and the outcomes they read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from projections.accounts.queries import ApiKeyRow
from projections.conversation_lists.queries import ConversationPage
from projections.conversations.queries import ConversationRow
from projections.cursors import decode_cursor, encode_cursor
from projections.generations.queries import GenerationRow
from projections.messages.queries import MessagePage
from projections.messages.rows import MessageRow, Status
from schemas.account import ApiKeyCreated, ApiKeyRevoked
from schemas.conversation import (
    ConversationDeleted,
    ConversationRenamed,
    ConversationStarted,
    PromptSubmitted,
    RegenerateRequested,
)
from schemas.envelope import Position
from schemas.outcome import (
    GenerationCancelled,
    GenerationCompleted,
    GenerationFailed,
    Outcome,
)
from tests.unit.api.memory_log import MemoryLog, turn_of
from topics.catalogue import ACCOUNT_EVENTS, CONVERSATION_EVENTS, GENERATION_OUTCOMES


class MemoryReads:
    """The projections: read from the log itself at every call, so always current.

    `blind` sees nothing, with `sees_when_waited` until somebody waits; `unseen` is a type of event that has not arrived
    yet; `forgets_outcomes`: no generation seems to have ended.
    """

    def __init__(self, log: MemoryLog) -> None:
        self._log = log
        self.blind = False
        self.sees_when_waited = False
        self.forgets_outcomes = False
        self.unseen: type | None = None
        self.asked_positions: list[dict[tuple[str, int], int]] = []
        self.caught_up = True

    def _events(self, topic: str) -> list[tuple[Any, Position]]:
        found = [] if self.blind else self._log.all_of(topic)
        return [(event, at) for event, at in found if self.unseen is None or not isinstance(event, self.unseen)]

    async def api_key(self, key_sha256: str) -> ApiKeyRow | None:
        return next((key for key in self._keys() if key.key_sha256 == key_sha256 and not key.revoked), None)

    async def keys(self, user_id: str) -> list[ApiKeyRow]:
        return [key for key in self._keys() if key.user_id == user_id]

    def _keys(self) -> list[ApiKeyRow]:
        keys: dict[str, ApiKeyRow] = {}
        for event, _ in self._events(ACCOUNT_EVENTS):
            if isinstance(event, ApiKeyCreated):
                at_us = event.envelope.occurred_at_us
                keys[event.key_id] = ApiKeyRow(
                    event.key_sha256, event.key_id, event.user_id, event.label, event.hint, at_us, None
                )
            elif isinstance(event, ApiKeyRevoked):
                keys[event.key_id] = replace(keys[event.key_id], revoked_at_us=event.envelope.occurred_at_us)
        return list(keys.values())

    async def conversation(self, conversation_id: str) -> ConversationRow | None:
        row: ConversationRow | None = None
        for event, _ in self._events(CONVERSATION_EVENTS):
            if event.conversation_id != conversation_id:
                continue
            at_us = event.envelope.occurred_at_us
            match event:
                case ConversationStarted():
                    row = ConversationRow(
                        conversation_id,
                        event.user_id,
                        at_us,
                        event.title,
                        event.system_prompt,
                        event.model,
                        None,
                        at_us,
                    )
                case ConversationRenamed() if row is not None:
                    row = replace(row, title=event.title)
                case PromptSubmitted() if row is not None:
                    row = replace(row, preview=str(event.content), updated_at_us=at_us)
                case ConversationDeleted():
                    return None
        return row

    async def begun_at(self, conversation_id: str) -> int | None:
        if self._deleted(conversation_id):
            return None
        said = [
            at.offset for event, at in self._events(CONVERSATION_EVENTS) if event.conversation_id == conversation_id
        ]
        return min(said, default=None)

    def _deleted(self, conversation_id: str) -> bool:
        events = (event for event, _ in self._events(CONVERSATION_EVENTS) if isinstance(event, ConversationDeleted))
        return any(event.conversation_id == conversation_id for event in events)

    async def conversations(self, user_id: str, cursor: str | None, limit: int) -> ConversationPage:
        rows = [row for name in self._conversation_ids() if (row := await self.conversation(name))]
        rows = sorted((row for row in rows if row.user_id == user_id), key=lambda row: row.updated_at_us, reverse=True)
        start = 0 if cursor is None else decode_cursor(cursor)[0]
        end = start + limit
        return ConversationPage(tuple(rows[start:end]), encode_cursor(end, "") if len(rows) > end else None)

    def _conversation_ids(self) -> list[str]:
        return list(dict.fromkeys(event.conversation_id for event, _ in self._events(CONVERSATION_EVENTS)))

    async def messages(self, conversation_id: str, cursor: str | None, limit: int) -> MessagePage:
        start = 0 if cursor is None else decode_cursor(cursor)[0]
        rows, end = await self._messages(conversation_id), start + limit
        return MessagePage(tuple(rows[start:end]), encode_cursor(end, "") if len(rows) > end else None)

    async def message(self, conversation_id: str, message_id: str) -> MessageRow | None:
        return next((row for row in await self._messages(conversation_id) if row.message_id == message_id), None)

    async def leaf(self, conversation_id: str) -> MessageRow | None:
        rows = await self._messages(conversation_id)
        return rows[-1] if rows else None

    async def _messages(self, conversation_id: str) -> list[MessageRow]:
        rows: list[MessageRow] = []
        if self._deleted(conversation_id):
            return rows
        for order, (event, _) in enumerate(self._events(CONVERSATION_EVENTS)):
            if not isinstance(event, PromptSubmitted | RegenerateRequested) or event.conversation_id != conversation_id:
                continue
            if event.generation_id in {row.message_id for row in rows}:
                continue
            at_us, prompt_id = event.envelope.occurred_at_us, event.message_id
            if isinstance(event, PromptSubmitted):
                prompt = _row(prompt_id, conversation_id, "user", order, event.parent_message_id, event.model, at_us)
                rows.append(replace(prompt, content=str(event.content), status="completed"))
            else:
                prompt_id = event.prompt_message_id
            reply = _row(event.generation_id, conversation_id, "assistant", order, prompt_id, event.model, at_us)
            outcome = await self.outcome(event.generation_id)
            if outcome is not None:
                reply = replace(
                    reply,
                    content=outcome.text,
                    status=status_of(outcome),
                    usage=outcome.usage,
                    cost_micros=outcome.cost_micros,
                    currency=outcome.turn.price.currency,
                    finish_reason=getattr(outcome, "finish_reason", None),
                    failure=getattr(outcome, "failure", None),
                )
            rows.append(reply)
        return rows

    async def generation(self, generation_id: str) -> GenerationRow | None:
        for event, at in self._events(CONVERSATION_EVENTS):
            if isinstance(event, PromptSubmitted | RegenerateRequested) and event.generation_id == generation_id:
                if self._deleted(event.conversation_id):
                    return None
                turn = turn_of(event, at)
                return GenerationRow(
                    generation_id,
                    turn.user_id,
                    turn.conversation_id,
                    turn.message_id,
                    turn.prompt_message_id,
                    turn.kind,
                    turn.model,
                    turn.request_hash,
                    event.envelope.occurred_at_us,
                    event.deadline_at_us,
                    at,
                    turn.tail,
                )
        return None

    async def outcome(self, generation_id: str) -> Outcome | None:
        if self.forgets_outcomes:
            return None
        events = self._events(GENERATION_OUTCOMES)
        return next((event for event, _ in events if event.turn.generation_id == generation_id), None)

    async def wait_for(
        self,
        offsets: Mapping[tuple[str, int], int],
        generations: Sequence[str],
        timeout_s: float,
        *,
        conversation_id: str | None = None,
    ) -> bool:
        self.asked_positions.append(dict(offsets))
        self.blind = self.blind and not self.sees_when_waited
        return self.caught_up


def _row(
    message_id: str, conversation_id: str, role: Any, order: int, parent: str | None, model: str, at_us: int
) -> MessageRow:
    return MessageRow(message_id, conversation_id, role, order, parent, "", (), model, at_us, "running")


def status_of(outcome: Outcome) -> Status:
    names: dict[type, Status] = {
        GenerationCompleted: "completed",
        GenerationFailed: "failed",
        GenerationCancelled: "cancelled",
    }
    return names.get(type(outcome), "refused")
