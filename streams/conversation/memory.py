"""The conversation agent's memory of records it has read. Pure and bounded; a restart loses it without harm.

The agent reads conversation-events in order, so what it remembers of a conversation is newer than any projection.
"""

from __future__ import annotations

from dataclasses import dataclass

from infra.runtime.bounded import Bounded
from schemas.envelope import Content
from schemas.generation import Turn
from streams.conversation.ports import NoHistory

CONVERSATIONS = 20_000
TURNS = 20_000


@dataclass(frozen=True, slots=True)
class Begun:
    """A turn this process has begun. After `deadline_at_us` nothing of it can still run."""

    turn: Turn
    deadline_at_us: int


class Memory:
    """Conversations started and deleted, and turns begun."""

    def __init__(self, conversations: int = CONVERSATIONS, turns: int = TURNS) -> None:
        self._conversations: Bounded[str, NoHistory] = Bounded(conversations)
        self._begun: Bounded[str, Begun | None] = Bounded(turns)

    def started(self, conversation_id: str, system_prompt: Content | None) -> None:
        """A conversation began. A deleted one stays deleted."""
        if conversation_id not in self._conversations:
            self._conversations[conversation_id] = NoHistory(system_prompt=system_prompt)

    def deleted(self, conversation_id: str) -> None:
        self._conversations[conversation_id] = NoHistory(deleted=True)

    def beginning(self, conversation_id: str) -> NoHistory | None:
        """What is known of a conversation; None if nothing is."""
        return self._conversations.get(conversation_id)

    def begun(self, generation_id: str, begun: Begun | None) -> None:
        """All that a command brings about is durable. None: it reached no worker."""
        self._begun[generation_id] = begun

    def has_begun(self, generation_id: str) -> bool:
        return generation_id in self._begun

    def running_answer(self, generation_id: str, now_us: int) -> tuple[Turn, ...]:
        """The turn of a generation if it may still run, and where it is the first of several answers, all of them."""
        begun = self._begun.get(generation_id)
        if begun is None:
            return ()
        of = begun.turn
        running = self.running(of.conversation_id, now_us)
        return tuple(turn for turn in running if turn == of or (of.choice == 0 and turn.message_id == of.message_id))

    def running(self, conversation_id: str, now_us: int) -> tuple[Turn, ...]:
        """Turns of a conversation that may still run."""
        return tuple(
            begun.turn
            for begun in self._begun.values()
            if begun is not None and begun.turn.conversation_id == conversation_id and begun.deadline_at_us > now_us
        )
