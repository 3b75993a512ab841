"""What users keep beside their conversations, in memory: read from the log itself at every call."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from projections.commands.queries import CommandRow
from projections.conversation_marks.queries import UNMARKED, Marks
from projections.order import order_key
from projections.preferences.queries import FolderRow, SnippetRow
from projections.usage.daily import DAY_US, DailyUsage, summed
from schemas.account import (
    ConversationSettingsChanged,
    ConversationsMarked,
    FolderChanged,
    SessionsEnded,
    SettingsChanged,
    SnippetChanged,
)
from schemas.conversation import ConversationDeleted
from schemas.envelope import Content
from schemas.usage import EmbeddingsComputed, UsageRecorded, UsageRerated
from tests.unit.api.memory_sign_ins import MemorySignIns
from topics.catalogue import ACCOUNT_EVENTS, CONVERSATION_EVENTS, USAGE_RECORDS


class MemoryPreferences(MemorySignIns):
    """The reads of settings, folders, snippets, marks and sums of usage."""

    async def settings(self, user_id: str) -> Mapping[str, Content]:
        found: dict[str, Content] = {}
        for event in self._of(user_id, SettingsChanged):
            for change in event.changes:
                found.pop(change.name, None)
                if change.value:
                    found[change.name] = change.value
        return found

    async def folders(self, user_id: str) -> list[FolderRow]:
        return [row for row in self._folders(user_id).values() if row is not None]

    def _folders(self, user_id: str) -> dict[str, FolderRow | None]:
        """None: it is deleted."""
        found: dict[str, FolderRow | None] = {}
        for event in self._of(user_id, FolderChanged):
            at_us = event.envelope.occurred_at_us
            before = found.setdefault(event.folder_id, FolderRow(event.folder_id, "", at_us))
            if before is not None:
                found[event.folder_id] = None if event.name is None else replace(before, name=event.name)
        return found

    async def snippets(self, user_id: str) -> list[SnippetRow]:
        found: dict[str, SnippetRow | None] = {}
        for event in self._of(user_id, SnippetChanged):
            at_us = event.envelope.occurred_at_us
            row = found.setdefault(event.snippet_id, SnippetRow(event.snippet_id, "", "", at_us))
            if row is not None:
                changed = None if event.text is None else replace(row, name=event.name or "", text=event.text)
                found[event.snippet_id] = changed
        return [row for row in found.values() if row is not None]

    async def account_command(self, user_id: str, event_id: str) -> CommandRow | None:
        for event, at in self._events(ACCOUNT_EVENTS):
            asked = getattr(event, "request_hash", "")
            if asked and event.user_id == user_id and event.envelope.event_id == event_id:
                return CommandRow(user_id, asked, order_key=order_key(at))
        return None

    async def sessions_ended(self, user_id: str) -> int | None:
        ends = [
            order_key(at)
            for event, at in self._events(ACCOUNT_EVENTS)
            if isinstance(event, SessionsEnded) and event.user_id == user_id
        ]
        return max(ends, default=None)

    async def marks(self, user_id: str, conversation_ids: Sequence[str]) -> Mapping[str, Marks]:
        found: dict[str, Marks] = {}
        for event in self._of(user_id, ConversationsMarked | ConversationSettingsChanged):
            if isinstance(event, ConversationSettingsChanged):
                before = found.get(event.conversation_id, UNMARKED)
                found[event.conversation_id] = replace(before, settings=event.settings)
                continue
            said = {"pinned": event.pinned, "archived": event.archived, "folder_id": event.folder_id}
            changes: dict[str, Any] = {name: value for name, value in said.items() if value is not None}
            for conversation_id in event.conversation_ids:
                found[conversation_id] = replace(found.get(conversation_id, UNMARKED), **changes)
        folders = self._folders(user_id)
        gone = {folder for folder, row in folders.items() if row is None} | {""}
        deleted = {
            event.conversation_id
            for event, _ in self._events(CONVERSATION_EVENTS)
            if isinstance(event, ConversationDeleted)
        }
        return {
            key: replace(marks, folder_id=None) if marks.folder_id in gone else marks
            for key, marks in found.items()
            if key in conversation_ids and key not in deleted
        }

    async def daily_usage(self, user_id: str, since_us: int, until_us: int) -> DailyUsage:
        rows, seen = [], set()
        prices = {
            event.generation_id: event.cost_micros
            for event, _ in self._events(USAGE_RECORDS)
            if isinstance(event, UsageRerated)
        }
        for event, _ in self._events(USAGE_RECORDS):
            if isinstance(event, EmbeddingsComputed):
                key, at_us, currency = event.embedding_id, event.envelope.occurred_at_us, event.price.currency
            elif isinstance(event, UsageRecorded):
                key, at_us, currency = event.generation_id, event.ended_at_us, event.currency
            else:
                continue
            if event.user_id == user_id and key not in seen and since_us <= at_us < until_us:
                tokens = event.usage.prompt_tokens, event.usage.completion_tokens
                rows.append((at_us, key, event.model, "", *tokens, currency, event.cost_micros, prices.get(key)))
            seen.add(key)
        return DailyUsage(summed(rows, frozenset()), since_us // DAY_US * DAY_US)

    async def answers_since(self, user_id: str, since_us: int, until_us: int, most: int) -> int:
        ended = {
            event.generation_id
            for event, _ in self._events(USAGE_RECORDS)
            if isinstance(event, UsageRecorded)
            and event.user_id == user_id
            and since_us <= event.ended_at_us < until_us
        }
        return min(len(ended), most)

    def _of(self, user_id: str, kinds: Any) -> list[Any]:
        return [
            event for event, _ in self._events(ACCOUNT_EVENTS) if isinstance(event, kinds) and event.user_id == user_id
        ]
