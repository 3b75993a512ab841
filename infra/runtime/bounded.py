"""Bounded maps and sets: the oldest entries are dropped. Pure."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable, Iterator
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Bounded(Generic[K, V]):
    """A mapping of at most `most` entries. Reading one does not make it newer, writing it does."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._entries: OrderedDict[K, V] = OrderedDict()

    def __setitem__(self, key: K, value: V) -> None:
        self.put(key, value)

    def put(self, key: K, value: V) -> tuple[K, V] | None:
        """Write an entry; returns the one that is forgotten for it."""
        entries = self._entries
        entries[key] = value
        entries.move_to_end(key)
        return entries.popitem(last=False) if len(entries) > self._most else None

    def __getitem__(self, key: K) -> V:
        return self._entries[key]

    def __delitem__(self, key: K) -> None:
        del self._entries[key]

    def __contains__(self, key: object) -> bool:
        return key in self._entries

    def __iter__(self) -> Iterator[K]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, key: K) -> V | None:
        return self._entries.get(key)

    def pop(self, key: K) -> V | None:
        """Take an entry out; None if there is none."""
        return self._entries.pop(key, None)

    def clear(self) -> None:
        self._entries.clear()

    def values(self) -> tuple[V, ...]:
        return tuple(self._entries.values())

    def items(self) -> tuple[tuple[K, V], ...]:
        return tuple(self._entries.items())


class Seen(Generic[K]):
    """The last `most` different things that were seen."""

    def __init__(self, most: int) -> None:
        self._seen: Bounded[K, None] = Bounded(most)

    def add(self, key: K) -> bool:
        """Whether something was forgotten for it."""
        return self._seen.put(key, None) is not None

    def __contains__(self, key: object) -> bool:
        return key in self._seen

    def __len__(self) -> int:
        return len(self._seen)
