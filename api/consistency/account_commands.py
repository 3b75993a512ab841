"""Commands of a user's own: one record in account-events, repeats recognised, seen by the user's next reads."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from api.consistency.commanding import Author, IdempotencyKey, send
from api.consistency.freshness import Freshness
from api.consistency.ports import CommandPorts
from api.consistency.position_tokens import PositionToken
from api.consistency.request_hash import request_hash
from api.consistency.settling import Keyed, is_repeat, settle
from projections.commands.queries import CommandRow
from schemas import ids
from schemas.account import (
    ConversationSettingsChanged,
    ConversationsMarked,
    FolderChanged,
    SessionsEnded,
    SettingsChanged,
    SnippetChanged,
)
from schemas.envelope import Envelope, Position
from topics.catalogue import ACCOUNT_EVENTS

OwnCommand = (
    SettingsChanged | ConversationsMarked | ConversationSettingsChanged | FolderChanged | SnippetChanged | SessionsEnded
)


class Giving:
    """One command that a request gives. `about`: what it is of, beside its user; `asked`: what it asks for."""

    def __init__(
        self,
        fresh: Freshness,
        commands: CommandPorts,
        author: Author,
        key: IdempotencyKey,
        *,
        event: type[OwnCommand],
        about: str,
        asked: Mapping[str, Any],
    ) -> None:
        self._fresh = fresh
        self._commands = commands
        self._author = author
        self._key = key
        self._event = event
        self._envelope = author.envelope(f"{author.user_id}/{about}/{key.value}", event.__name__)
        asked_for = request_hash(event.__name__, {"about": about, **asked})
        self._command = Keyed(author.user_id, self._envelope.event_id, asked_for, key, ACCOUNT_EVENTS)

    @property
    def at_us(self) -> int:
        """When it is given."""
        return self._envelope.occurred_at_us

    async def is_repeat(self) -> bool:
        """Whether it was given before. Raises KeyReused for another body; ApiError 503."""
        return await is_repeat(self._fresh, self._commands.reads, self._command)

    async def give(self, make: Callable[[Envelope, str], OwnCommand]) -> tuple[PositionToken, Position]:
        """Produce what `make` makes of its envelope and the hash to write. Returns the token to answer, and its place.

        Raises ApiError 503, and KeyReused once what another request under its key said is said again.
        """
        record = make(self._envelope, self._command.hash_to_write)
        user_id = self._author.user_id
        at = await send(self._commands.log, ACCOUNT_EVENTS, user_id, record, self._key)
        await settle(self._commands.reads, self._command, at, self._say_again)
        return self._commands.own_writes.wrote_of_user(user_id, ACCOUNT_EVENTS, at), at

    async def _say_again(self, first: CommandRow) -> None:
        """Two requests under a key came at once: what the first in the log said is what counts."""
        if first.order_key is None:
            return
        said = await self._commands.past.record_at(ACCOUNT_EVENTS, first.user_id, first.order_key)
        if isinstance(said, self._event):
            envelope = replace(self._envelope, event_id=ids.event_id(self._envelope.event_id, self._event.__name__))
            again = replace(said, envelope=envelope, request_hash="")
            await send(self._commands.log, ACCOUNT_EVENTS, first.user_id, again, self._key)
