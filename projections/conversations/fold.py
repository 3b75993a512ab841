"""conversation-events -> conversations. Pure."""

from __future__ import annotations

from typing import Any

from projections.content import excerpt, to_cell, to_optional_cell
from projections.conversations.table import CONVERSATIONS
from projections.order import AFTER_ERASURE, ERASED, first_wins, last_wins, order_key
from projections.rows import Erase, Put, RowChange
from schemas.conversation import (
    ConversationDeleted,
    ConversationEvent,
    ConversationMetadataChanged,
    ConversationRenamed,
    ConversationStarted,
    MessagesAppended,
    PromptSubmitted,
    RegenerateRequested,
)
from schemas.envelope import Position
from schemas.messages import prompt_content, shown_content
from schemas.turns import IMPORTS, TITLES


def fold(record: ConversationEvent, position: Position) -> tuple[RowChange, ...]:
    """What a record changes. `changed` names the newest record the row shows; it moves with every one of them."""
    key = (record.conversation_id,)
    first, last = first_wins(position), last_wins(position)
    changed = {"changed": order_key(position)}
    at_us = record.envelope.occurred_at_us
    born = {"user_id": record.user_id, "created_at_us": at_us}
    match record:
        case PromptSubmitted(kind="stateless") | PromptSubmitted(kind="compaction", parent_message_id=None):
            return ()
        case PromptSubmitted(kind="compaction"):
            return (Put(CONVERSATIONS, key, changed, last),)
        case PromptSubmitted(model=model):
            text = excerpt(prompt_content(record))
            newest = {"model": model, "preview": text, "last_at_us": at_us, **changed}
            return (
                Put(CONVERSATIONS, key, {**born, "first_excerpt": text}, first),
                Put(CONVERSATIONS, key, newest, last),
            )
        case ConversationStarted(title=title, system_prompt=system_prompt, model=started_model):
            said: dict[str, Any] = {
                "first_title": to_optional_cell(title),
                "system_prompt": to_optional_cell(system_prompt),
            }
            if record.metadata is not None:
                said["first_metadata"] = to_cell(record.metadata)
            if record.temporary:
                said["temporary"] = True
            model_cell = {} if started_model is None else {"model": started_model}
            return (
                Put(CONVERSATIONS, key, {**born, **said}, first),
                Put(CONVERSATIONS, key, {**model_cell, "last_at_us": at_us, **changed}, last),
            )
        case MessagesAppended():
            users = [each.message for each in record.messages if each.message.role == "user"]
            text = excerpt(shown_content(users))
            began: dict[str, Any] = {"first_excerpt": text} if text else {}
            newest = {**({"preview": text} if text else {}), **changed}
            if record.envelope.actor == IMPORTS:
                # Without an owner it is shown nowhere yet: its ConversationStarted comes last, and names the owner.
                began["created_at_us"] = at_us
            else:
                began |= born
                newest["last_at_us"] = at_us
            return (
                Put(CONVERSATIONS, key, began, first),
                Put(CONVERSATIONS, key, newest, last),
            )
        case ConversationMetadataChanged(metadata=metadata):
            return (Put(CONVERSATIONS, key, {"metadata": to_cell(metadata), **changed}, last),)
        case ConversationRenamed(title=made) if record.envelope.actor == TITLES:
            # A cell of its own: whatever the order, what the user calls the conversation is what readers show.
            return (Put(CONVERSATIONS, key, {"made_title": to_cell(made), **changed}, last),)
        case ConversationRenamed(title=new_title):
            return (Put(CONVERSATIONS, key, {"title": to_cell(new_title), **changed}, last),)
        case RegenerateRequested(model=asked_model):
            return (Put(CONVERSATIONS, key, {"model": asked_model, **changed}, last),)
        case ConversationDeleted():
            return (
                Erase(CONVERSATIONS, key, ERASED),
                Put(CONVERSATIONS, key, {"deleted": True}, AFTER_ERASURE),
            )
        case _:
            return (Put(CONVERSATIONS, key, changed, last),)
