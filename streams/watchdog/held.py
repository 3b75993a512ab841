"""Acknowledgements held until their turns are over. Pure.

A command is acknowledged when its turns and all earlier ones of its partition have ended, and the outcomes that ended
them not before: a restart reads both again, so it knows at once which turns are over.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

Acknowledge = Callable[[], None]


@dataclass(slots=True, eq=False)
class _Held:
    generations: tuple[str, ...]
    acknowledgements: list[Acknowledge]
    # Those whose turns are not over.
    running: set[str]


@dataclass(slots=True)
class _Partition:
    last_offset: int = -1
    held: deque[_Held] = field(default_factory=deque)


class HeldAcknowledgements:
    """Commands by partition, in their order."""

    def __init__(self) -> None:
        self._partitions: dict[int, _Partition] = {}
        self._by_generation: dict[str, list[_Held]] = {}

    def __len__(self) -> int:
        return sum(len(state.held) for state in self._partitions.values())

    def began(self, partition: int, offset: int, generations: Sequence[str], acknowledge: Acknowledge) -> None:
        """A command was read. `generations`: those of its turns that are not known to be over."""
        state = self._partitions.setdefault(partition, _Partition())
        if offset <= state.last_offset:
            # The partition came to us again: all that was not committed is read again, in order.
            for held in state.held:
                self._forget(held)
            state.held.clear()
        state.last_offset = offset
        held = _Held(tuple(generations), [acknowledge], set(generations))
        state.held.append(held)
        # The same turn may have been asked for twice; each command keeps its own place.
        for generation_id in held.generations:
            self._by_generation.setdefault(generation_id, []).append(held)
        self._release(state)

    def ended(self, generation_id: str, acknowledge: Acknowledge | None = None) -> None:
        """A turn is over; `acknowledge` is its outcome's."""
        found = self._by_generation.get(generation_id)
        if found is None:
            if acknowledge is not None:
                acknowledge()
            return
        for held in found:
            held.running.discard(generation_id)
        if acknowledge is not None:
            found[-1].acknowledgements.append(acknowledge)
        for state in self._partitions.values():
            self._release(state)

    def _release(self, state: _Partition) -> None:
        while state.held and not state.held[0].running:
            held = state.held.popleft()
            self._forget(held)
            for acknowledge in held.acknowledgements:
                acknowledge()

    def _forget(self, held: _Held) -> None:
        for generation_id in held.generations:
            same = self._by_generation[generation_id]
            same.remove(held)
            if not same:
                del self._by_generation[generation_id]
