"""The use case `append`: items are put into a conversation without an answer being asked for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from api.consistency.commanding import Author, IdempotencyKey, send
from api.consistency.freshness import Freshness
from api.consistency.ownership import Conversation
from api.consistency.ports import CommandPorts
from api.consistency.request_hash import request_hash
from api.consistency.settling import Keyed, is_repeat, settle
from api.conversations.ports import ConversationReads
from api.responses.items import calls_of, items_of, messages_of, with_calls
from api.turns.images import Images, keep
from api.turns.parents import parent_of
from api.turns.ports import TurnPorts
from infra.clock import now_us
from projections.messages.rows import MessageRow
from schemas import ids
from schemas.conversation import AppendedMessage, ChatMessage, MessagesAppended
from schemas.parts import PartText
from topics.catalogue import CONVERSATION_EVENTS

MAX_APPENDED = 20
"""Items of one request."""
MAX_LOOKED_AT = 100
"""Messages in which the call of a result is looked for, the newest ones."""


@dataclass(frozen=True, slots=True)
class Said:
    """Items of a request as messages, and the images in them. `sent`: the items as they came."""

    sent: Sequence[Any]
    messages: tuple[ChatMessage, ...]
    images: Images

    @classmethod
    def of(cls, items: Sequence[Any] | None) -> Said:
        """Raises ApiError 400 naming the item that is wrong."""
        images = Images()
        return cls(items or (), messages_of(items or (), images.take, "items"), images)


class Appending:
    """One request that appends."""

    def __init__(
        self,
        fresh: Freshness,
        turns: TurnPorts,
        commands: CommandPorts,
        reads: ConversationReads,
        author: Author,
        key: IdempotencyKey,
    ) -> None:
        self._fresh = fresh
        self._turns = turns
        self._commands = commands
        self._reads = reads
        self._author = author
        self._key = key

    async def append(self, conversation: Conversation, said: Said, *, is_new: bool = False) -> list[dict[str, Any]]:
        """The items as the conversation has them now. A repeat under the same key appends nothing.

        `is_new`: nothing was said in it before. Raises ApiError 400 for the result of a call that nobody made, 409
        while the newest answer runs.
        """
        author, key, conversation_id = self._author, self._key, conversation.conversation_id
        # Apart from those of a conversation that was begun with items under the same key; no key holds a line break.
        by = f"{'begun' if is_new else 'appended'}\n{key.value}"
        own = [ids.message_id(author.user_id, conversation_id, f"{by}\n{nth}") for nth in range(len(said.messages))]
        if not own:
            return []
        envelope = author.envelope(own[0], "MessagesAppended")
        command = Keyed(conversation_id, envelope.event_id, request_hash("items", {"items": list(said.sent)}), key)
        repeated = await is_repeat(self._fresh, self._commands.reads, command, look_first=not is_new)
        messages = await self._named(conversation_id, said.messages, is_new=is_new)
        if not repeated:
            parent = None
            if not is_new:
                fresh, turns = self._fresh, self._turns
                parent = await parent_of(fresh, turns.messages, turns.streams.hub, conversation, None, own[-1])
            await keep(self._turns.blobs, said.images)
            record = MessagesAppended(
                envelope=envelope,
                conversation_id=conversation_id,
                user_id=author.user_id,
                parent_message_id=None if parent in own else parent,
                messages=tuple(
                    AppendedMessage(message_id=message_id, message=message, at_us=now_us())
                    for message_id, message in zip(own, messages, strict=True)
                ),
                request_hash=command.hash_to_write,
            )
            at = await send(self._commands.log, CONVERSATION_EVENTS, conversation_id, record, key)
            self._commands.own_writes.wrote(conversation_id, author.user_id, at)
            await settle(self._commands.reads, command, at)
        found: list[dict[str, Any]] = []
        for message_id, message in zip(own, messages, strict=True):
            found += items_of((message,), message_id)
        return found

    async def _named(
        self, conversation_id: str, messages: tuple[ChatMessage, ...], *, is_new: bool
    ) -> tuple[ChatMessage, ...]:
        """The messages, each result with the function that it is of."""
        made = calls_of(messages)
        results = {part.call_id for message in messages for part in message.parts if part.kind == "tool_result"}
        known = {} if is_new or results <= made.keys() else await calls_in(self._reads, conversation_id)
        return with_calls(messages, known)


async def calls_in(reads: ConversationReads, conversation_id: str) -> dict[str, str]:
    """The functions that were called in the newest messages of a conversation, by the calls' ids."""
    page = await reads.message_list(conversation_id, None, "desc", MAX_LOOKED_AT)
    return {} if page is None else {part.call_id: part.name for row in page.rows for part in _calls(row)}


def _calls(row: MessageRow) -> list[PartText]:
    said = [PartText("tool_call", "", call_id, name) for call_id, name in calls_of(row.messages).items()]
    return [*said, *(part for part in row.parts if part.kind == "tool_call")]
