"""Where a request for a response belongs, and what it refers to: kept answers, conversations, items."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from api.consistency.commanding import Author
from api.consistency.freshness import Freshness
from api.consistency.ownership import Conversation, conversation_of
from api.consistency.position_tokens import PositionToken
from api.http.errors import bad_request, behind
from api.responses.appending import calls_in
from api.responses.items import Compacted, Reference, Said, calls_of, one_item_each
from api.responses.ports import ResponsePorts
from api.responses.requests import Asked, previous_not_found
from api.responses.said import message_behind, messages_of_row
from api.responses.shapes import response_id
from api.turns.ports import TurnPorts
from projections.stored import StoredGeneration
from schemas import ids
from schemas.conversation import ChatMessage, PromptSubmitted
from schemas.parts import parts_of

MAX_REFERENCES = 100
"""Items of one request that are named by their ids."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """What a response goes on from. `conversation` None: from nothing that is stored.

    `previous`: the response that it follows. `earlier`: what it follows of a connection, where nothing is stored.
    """

    conversation: Conversation | None = None
    previous: StoredGeneration | None = None
    earlier: tuple[ChatMessage, ...] = ()


class Places:
    """What one request of a user refers to."""

    def __init__(self, fresh: Freshness, turns: TurnPorts, responses: ResponsePorts, author: Author) -> None:
        self._fresh = fresh
        self._turns = turns
        self._responses = responses
        self._author = author

    async def place(self, asked: Asked) -> Place:
        """Raises ApiError 404: the same for what is unknown, another's, deleted, and was not stored."""
        user_id = self._author.user_id
        if asked.previous is not None:
            previous = await self.stored(asked.previous)
            if previous is None or previous.row.kind != "chat":
                raise previous_not_found(response_id(asked.previous))
            conversation_id = previous.row.conversation_id
            found = await conversation_of(self._fresh, user_id, conversation_id, row_needed=False)
            return Place(conversation=found, previous=previous)
        if asked.conversation_id is not None:
            found = await conversation_of(self._fresh, user_id, asked.conversation_id, row_needed=False)
            return Place(conversation=found)
        return Place()

    async def stored(self, generation_id: str) -> StoredGeneration | None:
        """A kept answer of the caller; waited for, bounded, if its row may be on its way. Raises ApiError 503."""
        reads, user_id = self._responses.stored, self._author.user_id
        shown = await self._fresh.catch_up(self._fresh.position)
        found = await reads.stored_generation(user_id, generation_id)
        if found is None:
            shown = shown and await self._fresh.up_to_date()
            found = await reads.stored_generation(user_id, generation_id)
        if found is None and not shown:
            raise behind()
        own = PositionToken() if found is None else self._fresh.ports.own_writes.seen(found.row.conversation_id)
        if found is None or not own:
            return found
        # What this process wrote of the conversation since, a deletion for one, has to show.
        await self._fresh.catch_up(PositionToken(own.offsets))
        return await reads.stored_generation(user_id, generation_id)

    async def known_calls(self, place: Place) -> Mapping[str, str]:
        """The functions that may be answered here, by the calls' ids."""
        previous = place.previous
        if previous is not None and previous.outcome is None:
            # It still ran when it was looked up, and was waited for since.
            reads = self._responses.stored
            previous = await reads.stored_generation(self._author.user_id, previous.row.generation_id) or previous
        if previous is not None:
            return _calls_of(previous)
        if place.conversation is None:
            return calls_of(place.earlier)
        return await calls_in(self._responses.messages, place.conversation.conversation_id)

    async def resolved(self, said: Sequence[Said], place: Place) -> list[ChatMessage]:
        """The messages that are said, those too that only stand somewhere. Raises ApiError 400 naming the place."""
        if sum(isinstance(one, Reference) for one in said) > MAX_REFERENCES:
            raise bad_request(
                f"Invalid value for 'input': it refers to more than {MAX_REFERENCES} items.", param="input"
            )
        known: dict[str, list[ChatMessage | None]] = {}
        found: list[ChatMessage] = []
        for one in said:
            match one:
                case Reference():
                    message = await self._referred(one, place, known)
                case Compacted(sealed=sealed, where=where):
                    message = self._responses.seal.opened(self._author.user_id, sealed, f"{where}.encrypted_content")
                case ChatMessage():
                    message = one
            if message is not None:
                found.append(message)
        return found

    async def _referred(
        self, reference: Reference, place: Place, known: dict[str, list[ChatMessage | None]]
    ) -> ChatMessage | None:
        """The message of an item; None: a thought, which is never given back. `known`: what was read already."""
        message_id = message_behind(reference.item_id)
        if message_id is not None and message_id not in known:
            known[message_id] = await self._items(message_id, place)
        items = [] if message_id is None else known[message_id]
        nth = int(reference.item_id[-4:], 16) if items else 0
        if not nth < len(items):
            raise bad_request(
                f"Invalid value for '{reference.where}.id': no stored item has this id.",
                code="not_found",
                param=f"{reference.where}.id",
            )
        return items[nth]

    async def _items(self, message_id: str, place: Place) -> list[ChatMessage | None]:
        """The items of a message of the caller's, by their numbers: of this conversation, or of a stored response."""
        if place.conversation is not None:
            row = await self._turns.messages.message(place.conversation.conversation_id, message_id)
            if row is not None:
                return messages_of_row(row)
        for generation_id in (message_id, ids.generation_id(message_id)):
            stored = await self._responses.stored.stored_generation(self._author.user_id, generation_id)
            if stored is None:
                continue
            command = stored.command
            if generation_id != message_id and isinstance(command, PromptSubmitted):
                if stored.prompt_is_deleted:
                    return []
                said = command.messages if command.content is None else (ChatMessage("user", command.content),)
                return list(one_item_each(said))
            if generation_id == message_id:
                row = await self._turns.messages.message(stored.row.conversation_id, message_id)
                return [] if row is None else messages_of_row(row)
        return []


def _calls_of(stored: StoredGeneration) -> Mapping[str, str]:
    """The functions that a stored answer called, and its prompt."""
    calls = dict(calls_of(getattr(stored.command, "messages", ())))
    outcome = stored.outcome
    if outcome is not None and isinstance(outcome.text, str):
        said = parts_of(outcome.text, outcome.parts)
        calls |= {part.call_id: part.name for part in said if part.kind == "tool_call"}
    return calls
