"""The conversation agent's history port, in memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from schemas.generation import Turn
from streams.conversation.ports import FirstTurn, NoHistory


class HistoryAway(Exception):
    """The store does not answer."""


@dataclass(frozen=True, slots=True)
class Passing:
    """A temporary conversation, and the day on which it began."""

    conversation_id: str
    user_id: str
    used_at_us: int
    day: int


@dataclass
class MemoryHistory:
    """Conversations as a test sets them up. Every read is noted in `reads`.

    `away`: how many reads fail before the store answers; `behind`: how many then find nothing yet.
    """

    conversations: dict[str, NoHistory] = field(default_factory=dict)
    chains: dict[tuple[str, str], NoHistory] = field(default_factory=dict)
    turns: dict[str, tuple[Turn, ...]] = field(default_factory=dict)
    first_turns: dict[tuple[str, str], FirstTurn] = field(default_factory=dict)
    passing: dict[str, Passing] = field(default_factory=dict)
    gone: set[str] = field(default_factory=set)
    away: int = 0
    behind: int = 0
    reads: list[tuple[str, ...]] = field(default_factory=list)

    async def context(self, conversation_id: str, leaf_message_id: str, max_messages: int) -> NoHistory | None:
        """The newest `max_messages` of the chain. Raises HistoryAway."""
        if not self._answers("context", conversation_id, leaf_message_id):
            return None
        found = self.chains.get((conversation_id, leaf_message_id))
        if found is None:
            return None
        return NoHistory(found.messages[-max_messages:], found.system_prompt, found.deleted)

    async def beginning(self, conversation_id: str) -> NoHistory | None:
        """The conversation without its messages. Raises HistoryAway."""
        if not self._answers("beginning", conversation_id):
            return None
        return self.conversations.get(conversation_id)

    async def first_turn(
        self, conversation_id: str, prompt_message_id: str, title_generation_id: str
    ) -> FirstTurn | None:
        """How the conversation stands at a prompt. Raises HistoryAway."""
        if not self._answers("first_turn", conversation_id, prompt_message_id, title_generation_id):
            return None
        return self.first_turns.get((conversation_id, prompt_message_id))

    async def temporaries_begun(self, day: int, after: str) -> Sequence[str]:
        """Two at a time. Raises HistoryAway."""
        self._answers("temporaries_begun", str(day), after)
        return sorted(key for key, found in self.passing.items() if found.day == day and key > after)[:2]

    async def temporary(self, conversation_id: str) -> Passing | None:
        """None for one of `gone`. Raises HistoryAway."""
        if not self._answers("temporary", conversation_id) or conversation_id in self.gone:
            return None
        return self.passing.get(conversation_id)

    async def open_turns(self, conversation_id: str) -> tuple[Turn, ...]:
        """Raises HistoryAway."""
        self._answers("open_turns", conversation_id)
        return self.turns.get(conversation_id, ())

    async def open_answer(self, generation_id: str) -> tuple[Turn, ...]:
        """Raises HistoryAway."""
        self._answers("open_answer", generation_id)
        return tuple(turn for turns in self.turns.values() for turn in turns if turn.generation_id == generation_id)

    def _answers(self, *read: str) -> bool:
        self.reads.append(read)
        if self.away:
            self.away -= 1
            raise HistoryAway
        if self.behind:
            self.behind -= 1
            return False
        return True
