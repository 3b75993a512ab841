"""Conversations and messages as JSON."""

from __future__ import annotations

import json
from typing import Any

from api.conversations.parts import parts_json
from api.http.answers import iso
from api.streaming.frames import failure_json, usage_json
from projections.conversation_marks.queries import UNMARKED, Marks
from projections.conversations.queries import ConversationRow
from projections.feedback.queries import Rating
from projections.messages.rows import MessageRow
from schemas.envelope import Content, plain


def conversation_json(row: ConversationRow, marks: Marks = UNMARKED) -> dict[str, Any]:
    """`marks`: what its user has put to it; those of a conversation that has none may be left out."""
    return {
        "id": row.conversation_id,
        "title": None if row.title is None else plain(row.title),
        "preview": row.preview,
        "model": row.model,
        "systemPrompt": None if row.system_prompt is None else plain(row.system_prompt),
        "createdAt": iso(row.created_at_us),
        "updatedAt": iso(row.updated_at_us),
        "pinned": marks.pinned,
        "archived": marks.archived,
        "folderId": marks.folder_id,
        "settings": _settings(marks.settings),
        "temporary": row.temporary,
    }


def _settings(content: Content | None) -> dict[str, Any]:
    """A conversation's own settings; what is sealed or damaged reads as none."""
    try:
        settings = json.loads(content) if isinstance(content, str) else {}
    except ValueError:
        settings = {}
    return settings if isinstance(settings, dict) else {}


def message_json(row: MessageRow, rating: Rating | None) -> dict[str, Any]:
    """`rating`: the caller's, of an answer. `parts` is there only where a message is more than one text, `appended`
    only in one that was put into the conversation as it is."""
    failure = row.failure
    parts = parts_json(row)
    return {
        "id": row.message_id,
        "conversationId": row.conversation_id,
        "parentMessageId": row.parent_message_id,
        "role": row.role,
        "content": plain(row.content),
        **({"parts": parts} if parts else {}),
        **({"appended": True} if row.appended else {}),
        "status": row.status,
        "model": row.model,
        "finishReason": row.finish_reason,
        "error": None if failure is None else failure_json(failure),
        "usage": None if row.usage is None else usage_json(row.usage),
        "cost": None if row.cost_micros is None else row.cost_micros / 1_000_000,
        "costMicros": row.cost_micros,
        "currency": row.currency,
        "feedback": rating,
        "createdAt": iso(row.created_at_us),
    }
