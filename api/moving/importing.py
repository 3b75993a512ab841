"""The use case `import`: a conversation that was held elsewhere becomes one of ours.

Its messages are appended run by run; the record that lists it is the last. So a crash in between leaves nothing that
anybody sees, and the same request again adds what is missing. All ids derive from user, product and source id.
"""

from __future__ import annotations

from dataclasses import dataclass

from api.consistency.commanding import Author, IdempotencyKey, send
from api.consistency.freshness import Freshness
from api.consistency.ports import CommandPorts
from api.http.errors import ApiError, behind
from api.moving.import_body import Wanted
from api.moving.ports import MovingPorts
from api.moving.runs import Run, runs_of
from infra.crash_points import crash_point
from infra.models.catalogue import ModelCatalogue, ModelNotFound
from projections.conversations.queries import ConversationRow
from schemas import ids
from schemas.conversation import AppendedMessage, ConversationStarted, MessagesAppended
from schemas.envelope import Envelope
from schemas.turns import IMPORTS
from topics.catalogue import CONVERSATION_EVENTS

MAX_LIVES = 20
"""How often a conversation that its user deletes here can be imported again."""


@dataclass(frozen=True, slots=True)
class Imported:
    """`added`: messages that were not there. `is_new`: the conversation was not shown before. `shown`: it is now."""

    conversation_id: str
    added: int
    known: int
    is_new: bool
    shown: bool


class Importing:
    """One request that imports."""

    def __init__(
        self, fresh: Freshness, moving: MovingPorts, commands: CommandPorts, author: Author, key: IdempotencyKey
    ) -> None:
        self._fresh = fresh
        self._moving = moving
        self._commands = commands
        self._author = author
        self._key = key

    async def take(self, wanted: Wanted) -> Imported:
        """Import what is not there yet.

        Raises ApiError 400 for a message whose parent is not there, 409 while the same conversation is being imported
        or where it was deleted too often, 503 where reads are behind or the log takes no more: try again.
        """
        with self._moving.alone(f"{self._author.user_id} {wanted.source.product} {wanted.source.id}"):
            conversation_id = await self._conversation(wanted)
            return await self._taken(conversation_id, wanted)

    async def _conversation(self, wanted: Wanted) -> str:
        """The id of the conversation: a deletion is final, so what is imported after one is another."""
        source = wanted.source
        for life in range(MAX_LIVES):
            conversation_id = ids.imported_conversation_id(self._author.user_id, source.product, source.id, life)
            if self._commands.own_writes.deleted_here(conversation_id):
                continue
            if not await self._fresh.up_to_date(conversation_id):
                raise behind()
            if not await self._moving.reads.is_deleted(conversation_id):
                return conversation_id
        raise ApiError(409, f"This conversation was deleted here {MAX_LIVES} times already.", code="deleted_too_often")

    async def _taken(self, conversation_id: str, wanted: Wanted) -> Imported:
        named = {
            source_id: ids.imported_message_id(conversation_id, source_id)
            for message in wanted.messages
            for source_id in (message.source_id, message.parent)
            if source_id is not None
        }
        placed = set(await self._moving.reads.placed(conversation_id, list(named.values())))
        known = {source_id for source_id, message_id in named.items() if message_id in placed}
        row = await self._moving.reads.conversation(conversation_id)
        runs = runs_of(wanted.messages, known)
        at_us = wanted.created_at_us
        for run in runs:
            if placed or run is not runs[0]:
                at_us = max(at_us, min(wanted.updated_at_us, max(message.at_us for message in run.messages)))
            await self._append(conversation_id, wanted, run, named, at_us)
        added = sum(len(run.messages) for run in runs)
        if not wanted.more and (added or row is None):
            await self._show(conversation_id, wanted, named[wanted.messages[-1].source_id], row)
        return Imported(
            conversation_id, added, len(wanted.messages) - added, row is None, not wanted.more or row is not None
        )

    async def _append(self, conversation_id: str, wanted: Wanted, run: Run, named: dict[str, str], at_us: int) -> None:
        record = MessagesAppended(
            envelope=self._envelope(named[run.messages[0].source_id], "MessagesAppended", at_us),
            conversation_id=conversation_id,
            user_id=self._author.user_id,
            parent_message_id=None if run.parent is None else named[run.parent],
            messages=tuple(
                AppendedMessage(
                    message_id=named[each.source_id], message=each.message, at_us=each.at_us, model=each.model
                )
                for each in run.messages
            ),
        )
        await self._send(conversation_id, wanted, record)
        crash_point("api.mid_import")

    async def _show(self, conversation_id: str, wanted: Wanted, last: str, row: ConversationRow | None) -> None:
        """The record that lists it, or that says of one that is listed when it was last spoken to."""
        model = wanted.model if row is None and _is_offered(self._moving.models, wanted.model) else None
        at_us = max(wanted.updated_at_us, row.updated_at_us if row else 0)
        record = ConversationStarted(
            envelope=self._envelope(last, "ConversationStarted", at_us),
            conversation_id=conversation_id,
            user_id=self._author.user_id,
            title=wanted.title,
            model=model,
            system_prompt=wanted.system_prompt,
        )
        await self._send(conversation_id, wanted, record)

    async def _send(self, conversation_id: str, wanted: Wanted, record: MessagesAppended | ConversationStarted) -> None:
        log, product = self._commands.log, wanted.source.product
        at = await send(log, CONVERSATION_EVENTS, conversation_id, record, self._key, imported=product)
        self._commands.own_writes.wrote(conversation_id, self._author.user_id, at)

    def _envelope(self, cause: str, event_type: str, at_us: int) -> Envelope:
        return Envelope(ids.event_id(cause, event_type), at_us, None, self._author.request_id, IMPORTS)


def _is_offered(models: ModelCatalogue, name: str | None) -> bool:
    try:
        return name is not None and models.get(name) is not None
    except ModelNotFound:
        return False
