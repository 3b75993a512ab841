"""Commands with an Idempotency-Key that start no generation: the first of a key counts, repeats are marked.

The log may take two of a key, from two processes at once. Which stands first is known when the projections have
reached the second; so the writer waits for that, and compares. Commands that begin one: api/turns.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from api.consistency.commanding import IdempotencyKey
from api.consistency.freshness import Freshness
from api.consistency.ports import CommandReads
from api.http.errors import KeyReused, behind, unavailable
from projections.commands.queries import CommandRow
from schemas.envelope import Position
from topics.catalogue import CONVERSATION_EVENTS

SETTLE_S = 30.0
"""How long a command with a key waits to see that it was the first of its key."""


@dataclass(frozen=True, slots=True)
class Keyed:
    """A command of a conversation, or of a user's own, under a key: the id of its event, and the hash of what it asks
    for. `owner`: the conversation or the user, by which the records of `topic` are keyed."""

    owner: str
    event_id: str
    request_hash: str
    key: IdempotencyKey
    topic: str = CONVERSATION_EVENTS

    @property
    def hash_to_write(self) -> str:
        """What the command's record says: nothing without a key, for then no repeat can be meant."""
        return self.request_hash if self.key.given else ""


async def is_repeat(fresh: Freshness, reads: CommandReads, command: Keyed, *, look_first: bool = True) -> bool:
    """Whether the projections hold this command already. False for one without a key.

    With `look_first`, they must have reached the log's end before they are asked: a second record would undo what came
    between. Raises KeyReused for another body; ApiError 503 where the projections are behind, and nothing was done.
    """
    if not command.key.given:
        return False
    row = await _first(reads, command)
    if row is None and look_first:
        if not await fresh.up_to_date(command.owner, command.topic):
            raise behind()
        row = await _first(reads, command)
    if row is not None and row.request_hash != command.request_hash:
        raise KeyReused
    return row is not None


async def settle(
    reads: CommandReads, command: Keyed, at: Position, restore: Callable[[CommandRow], Awaitable[None]] | None = None
) -> None:
    """Return when it is known that the command at `at` is the first of its key, or says the same as the first.

    Raises KeyReused for another body, after `restore` has said the first one's again; ApiError 503 where the
    projections do not reach it in time. One without a key is the first.
    """
    if not command.key.given:
        return
    place: dict[tuple[str, int], int] = {(command.topic, at.partition): at.offset}
    conversation_id = command.owner if command.topic == CONVERSATION_EVENTS else None
    if not await reads.wait_for(place, (), SETTLE_S, conversation_id=conversation_id):
        raise unavailable(
            "The command was accepted, but is not visible yet. Retry with the header "
            f"Idempotency-Key: {command.key.value}",
            code="projections_behind",
            headers={"Idempotency-Key": command.key.value},
        )
    # No row: the installation still writes what the release before reads, and that knows no hashes.
    first = await _first(reads, command)
    if first is not None and first.request_hash != command.request_hash:
        if restore is not None:
            await restore(first)
        raise KeyReused


async def _first(reads: CommandReads, command: Keyed) -> CommandRow | None:
    """The first command of this key that is seen."""
    find = reads.command if command.topic == CONVERSATION_EVENTS else reads.account_command
    return await find(command.owner, command.event_id)
