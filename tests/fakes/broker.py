"""Kafka's promises in memory: partitioned logs, and consumer groups with the membership rules that decide who works.

No IO and no waiting; time is whatever `now_us` says. What is kept on purpose, since it is what hurts: nobody's produce
is ever refused (a zombie's neither), a commit is checked for membership alone and not for ownership, and a static
member that is replaced learns it only at its next contact. One suite holds this and the real broker to the same
promises (tests/conformance/test_log.py).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from itertools import count

from topics.catalogue import Catalogue

Place = tuple[str, int]
"""A topic and a partition."""


class Fenced(Exception):
    """Another process has this member's instance id, or the group has given the member up."""


class MemoryMessage:
    """A record as it is read: what confluent_kafka.Message says."""

    __slots__ = ("_at", "_key", "_timestamp_us", "_value")

    def __init__(self, at: tuple[str, int, int], key: bytes, value: bytes, timestamp_us: int) -> None:
        self._at = at
        self._key = key
        self._value = value
        self._timestamp_us = timestamp_us

    def topic(self) -> str:
        return self._at[0]

    def partition(self) -> int:
        return self._at[1]

    def offset(self) -> int:
        return self._at[2]

    def key(self) -> bytes:
        return self._key

    def value(self) -> bytes:
        return self._value

    def timestamp(self) -> tuple[int, int]:
        """(2, milliseconds): LogAppendTime."""
        return 2, self._timestamp_us // 1000

    def timestamp_us(self) -> int:
        return self._timestamp_us

    def headers(self) -> None:
        return None

    def error(self) -> None:
        return None


@dataclass(slots=True)
class _Member:
    instance: str | None
    seen_us: int
    owned: set[Place] = field(default_factory=set)
    settled_at: int = -1
    """The group's `changes` at the member's last look, after which it was owed nothing."""


@dataclass(slots=True)
class _Group:
    topics: tuple[str, ...]
    session_us: int
    members: dict[str, _Member] = field(default_factory=dict)
    commits: dict[Place, int] = field(default_factory=dict)
    changes: int = 0


@dataclass(frozen=True, slots=True)
class Change:
    """What the group wants of a member: first give up `revoked` (and say so by `released`), then take `assigned`."""

    revoked: frozenset[Place]
    assigned: frozenset[Place]


_NO_CHANGE = Change(frozenset(), frozenset())


class MemoryBroker:
    """All partitions and groups of one cluster."""

    def __init__(self, topics: Catalogue, now_us: Callable[[], int]) -> None:
        self.topics = topics
        self._now_us = now_us
        self._logs: dict[Place, list[MemoryMessage]] = {
            (spec.name, partition): [] for spec in topics for partition in range(spec.partitions)
        }
        self._groups: dict[str, _Group] = {}
        self._numbers = count(1)
        self.on_append: list[Callable[[MemoryMessage], None]] = []
        self.on_commit: list[Callable[[str, Place, int], None]] = []

    # -- logs ---------------------------------------------------------------------------------------------------------

    def append(self, topic: str, partition: int, key: bytes, value: bytes) -> int:
        """Append one record; returns its offset."""
        log = self._logs[topic, partition]
        newest = log[-1].timestamp_us() if log else 0
        message = MemoryMessage((topic, partition, len(log)), key, value, max(self._now_us(), newest))
        log.append(message)
        for told in self.on_append:
            told(message)
        return message.offset()

    def read(self, topic: str, partition: int, start: int, most: int) -> list[MemoryMessage]:
        """Up to `most` records from offset `start` on."""
        return self._logs[topic, partition][start : start + most]

    def end(self, topic: str, partition: int) -> int:
        """The offset of whatever is appended next."""
        return len(self._logs[topic, partition])

    def places(self, topic: str) -> list[Place]:
        return [(topic, partition) for partition in range(self.topics[topic].partitions)]

    def records(self) -> Iterable[MemoryMessage]:
        """Every record, partition after partition."""
        for log in self._logs.values():
            yield from log

    # -- groups -------------------------------------------------------------------------------------------------------

    def join(self, group: str, topics: Iterable[str], instance: str | None, session_s: float) -> str:
        """Become a member; returns the member id. Whoever had the same instance id is fenced, and its places are free
        for this one at once."""
        state = self._groups.setdefault(group, _Group(tuple(topics), int(session_s * 1e6)))
        if instance is not None:
            for member_id, member in list(state.members.items()):
                if member.instance == instance:
                    del state.members[member_id]
        state.changes += 1
        member_id = f"{group}-{next(self._numbers)}"
        state.members[member_id] = _Member(instance, self._now_us())
        return member_id

    def leave(self, group: str, member_id: str) -> None:
        """A dynamic member's places are free; a static one's stay its own for a session."""
        member = self._groups[group].members.get(member_id)
        if member is not None and member.instance is None:
            del self._groups[group].members[member_id]
            self._groups[group].changes += 1

    def poll(self, group: str, member_id: str) -> Change:
        """A heartbeat, and what has changed for this member; `assigned` is its own from now on. Raises Fenced."""
        state, member = self._member(group, member_id)
        member.seen_us = self._now_us()
        if member.settled_at == state.changes:
            return _NO_CHANGE
        member.settled_at = state.changes
        target = _spread(state, self._all_places(state.topics))[member_id]
        taken = set().union(*(other.owned for other in state.members.values()))
        assigned = frozenset(target - taken)
        if assigned:
            member.owned |= assigned
            state.changes += 1
        return Change(frozenset(member.owned - target), assigned)

    def released(self, group: str, member_id: str, places: Iterable[Place]) -> None:
        """The member has given these up. Raises Fenced."""
        state, member = self._member(group, member_id)
        member.owned.difference_update(places)
        state.changes += 1

    def commit(self, group: str, member_id: str, offsets: Mapping[Place, int]) -> None:
        """Raises Fenced; whose the partitions are is not asked."""
        state, _ = self._member(group, member_id)
        state.commits.update(offsets)
        for place, offset in offsets.items():
            for told in self.on_commit:
                told(group, place, offset)

    def committed(self, group: str, place: Place) -> int | None:
        state = self._groups.get(group)
        return None if state is None else state.commits.get(place)

    def commits(self) -> dict[str, dict[Place, int]]:
        """By group, what is committed."""
        return {name: dict(group.commits) for name, group in self._groups.items()}

    def _member(self, group: str, member_id: str) -> tuple[_Group, _Member]:
        state = self._groups[group]
        now_us = self._now_us()
        for other_id, other in list(state.members.items()):
            if now_us - other.seen_us > state.session_us:
                del state.members[other_id]
                state.changes += 1
        member = state.members.get(member_id)
        if member is None:
            raise Fenced(f"{member_id} is no member of {group} any more")
        return state, member

    def _all_places(self, topics: Iterable[str]) -> list[Place]:
        return [place for topic in topics for place in self.places(topic)]


def _spread(state: _Group, places: list[Place]) -> dict[str, set[Place]]:
    """An even spread that moves as little as possible (cooperative-sticky)."""
    members = sorted(state.members)
    most = -(-len(places) // len(members))
    target: dict[str, set[Place]] = {
        member_id: set(sorted(state.members[member_id].owned)[:most]) for member_id in members
    }
    held = set().union(*target.values())
    for place in places:
        if place not in held:
            target[min(members, key=lambda member_id: (len(target[member_id]), member_id))].add(place)
    # One that came to a full house gets its share.
    while True:
        least = min(members, key=lambda member_id: len(target[member_id]))
        fullest = max(members, key=lambda member_id: len(target[member_id]))
        if len(target[fullest]) - len(target[least]) < 2:
            return target
        moved = max(target[fullest])
        target[fullest].remove(moved)
        target[least].add(moved)
