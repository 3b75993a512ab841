"""What commands and the reads that must see them need: the log to write to, its ends, and how far reads have come."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Protocol

from fastapi import Depends

from api.consistency.own_writes import OwnWrites
from api.http.providing import provided
from projections.commands.queries import CommandRow
from projections.conversations.queries import ConversationRow
from schemas.envelope import Position
from topics.topic import R, Topic


class CommandLog(Protocol):
    """Writing to the log."""

    async def send(self, topic: Topic[R], key: str, record: R, *, imported: str = "") -> Position:
        """Produce one record; returns its place once acknowledged. `imported`: from which product it comes; agents
        pass over such a record. Raises LogUnavailable."""

    def fire(self, topic: str, key: str, value: bytes) -> None:
        """Produce a framed record whose loss is harmless. Raises LogUnavailable when the queue is full."""


class LogEnds(Protocol):
    """How far the log goes now."""

    async def newest(self, topic: str, key: str | None = None) -> Mapping[tuple[str, int], int]:
        """The newest offset by (topic, partition), of the key's partition or of all; empty ones are left out.

        Raises LogUnavailable.
        """


class ReadProgress(Protocol):
    """How far the projections have come."""

    async def wait_for(
        self,
        offsets: Mapping[tuple[str, int], int],
        generations: Sequence[str],
        timeout_s: float,
        *,
        conversation_id: str | None = None,
    ) -> bool:
        """Wait until reads show at least this; False if they do not within the time.

        With `conversation_id`, offsets of conversation-events are of that conversation's records.
        Raises StoreUnavailable.
        """


class FreshReads(ReadProgress, Protocol):
    async def conversation(self, conversation_id: str) -> ConversationRow | None:
        """None also for a deleted one. Raises StoreUnavailable."""


class CommandReads(ReadProgress, Protocol):
    async def command(self, conversation_id: str, event_id: str) -> CommandRow | None:
        """The first command with this event id that carried a key; also the deletion of a deleted conversation.

        Raises StoreUnavailable.
        """

    async def account_command(self, user_id: str, event_id: str) -> CommandRow | None:
        """The first command of the user's own with this event id that carried a key. Raises StoreUnavailable."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FreshPorts:
    """What reads need that must show what was written. `wait_s`: how long a request waits for them."""

    reads: FreshReads
    ends: LogEnds
    own_writes: OwnWrites
    wait_s: float


class PastCommands(Protocol):
    async def record_at(self, topic: str, key: str, order_key: int) -> object | None:
        """The record of a key that stands at this order key; None: it cannot be read. Raises LogUnavailable."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandPorts:
    """What commands need that begin no generation."""

    log: CommandLog
    reads: CommandReads
    own_writes: OwnWrites
    past: PastCommands


Commands = Annotated[CommandPorts, Depends(provided(CommandPorts))]
