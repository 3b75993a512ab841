"""What users keep beside their conversations, in memory: read from the log itself at every call."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from projections.commands.queries import CommandRow
from projections.conversation_marks.queries import UNMARKED, Marks
from projections.order import order_key
from projections.preferences.queries import FolderRow, SnippetRow
from projections.replay.counts import LocalCounts
from projections.usage_rollups.queries import FIGURES, Asked, SumRow, cover, sum_row
from projections.usage_rollups.table import USAGE_SUMS
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
from schemas.usage import UsageRecorded
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

    async def usage_sums(self, asked: Asked) -> list[SumRow]:
        counts = LocalCounts()
        for event, position in self._events(USAGE_RECORDS):
            counts.count([(event, position)])
        names = tuple(USAGE_SUMS.key[4:-1])
        return [
            sum_row((row.key[3], *row.key[4 : 4 + len(names)], *(row.cells[name] for name in FIGURES)))
            for part in cover(asked)
            for row in counts.rows()
            if row.table is USAGE_SUMS
            and row.key[:2] == (asked.scope, part.period)
            and part.since_us <= int(row.key[3]) < part.until_us
        ]

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
