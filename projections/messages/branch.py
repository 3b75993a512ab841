"""One branch of a conversation's tree: the messages from the root to one message. Pure.

A message's parent is older than it, so going from the newest turn to older ones, a walk that reaches a message has seen
all that followed it: its children, and theirs. Nothing older than a page's last parent is read.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from projections.messages.hidden import NOTHING, Hidden

MAX_SIBLINGS = 100


class TurnIds(NamedTuple):
    """A turn's messages and their parents. `prompt_id` None: another answer to an earlier prompt, `answered_id`."""

    cause: int
    prompt_id: str | None
    parent_id: str | None
    reply_id: str
    answered_id: str


class AppendedIds(NamedTuple):
    """Messages that were appended together, each following the one before, and what the first follows."""

    cause: int
    message_ids: tuple[str, ...]
    parent_id: str | None


class PlacedMessage(NamedTuple):
    """A message of a branch. `cause`: its turn; `siblings`: all with its parent, oldest first, itself among them."""

    message_id: str
    cause: int
    siblings: tuple[str, ...]


class _Node(NamedTuple):
    parent_id: str | None
    # A prompt and its answer share a turn, the prompt comes first; so do messages that were appended together.
    order: tuple[int, int]


class BranchWalk:
    """Looks for a page of a branch in turns that come newest first, each generation's once, until it has `finished`.

    Hidden messages join what stands before them with what follows, and are in no page.
    """

    def __init__(
        self, leaf: str | None, through: str | None, before: str | None, limit: int, hidden: Hidden = NOTHING
    ) -> None:
        """The branch that ends in `leaf`; that passes `through` and ends in its newest descendant; else, that of
        `before`, as `through`; else, of the newest message. Of it the last `limit` messages, or those before `before`.
        """
        self._hidden = hidden.shown
        self._leaf = leaf
        self._through = through or before if leaf is None else None
        self._before = before
        self._limit = limit
        self._nodes: dict[str, _Node] = {}
        self._children: dict[str | None, list[str]] = {}
        self._newest_first: list[str] = []
        self._all_seen = False
        self._path: list[str] = []
        self._wanted: str | None = leaf
        self._began = leaf is not None

    @property
    def leaf(self) -> str | None:
        """The message the branch ends in; None: there is no message at all, or none as was asked for."""
        return self._leaf if self._path else None

    @property
    def is_there(self) -> bool:
        """Whether the messages that were named are there, and on the branch. To be asked when it has `finished`."""
        if self._before is not None:
            return self._before in self._path
        return bool(self._path) or (self._leaf is None and self._through is None)

    @property
    def finished(self) -> bool:
        """Whether older turns would change nothing."""
        if self._all_seen:
            return True
        if self._before is not None and self._before not in self._path:
            # The path goes on to older messages only, so it may have passed by.
            passed = self._before in self._nodes and self._older(self._path[-1], self._before) if self._path else False
            return passed or (self._began and self._wanted is None)
        page = self._page()
        if len(page) < self._limit or self._nodes[page[-1]].parent_id not in self._nodes:
            return False
        return self._wanted is None or self._has_older

    def take(self, turns: Iterable[TurnIds | AppendedIds]) -> None:
        """Take turns older than all before."""
        for turn in turns:
            if isinstance(turn, AppendedIds):
                parents = (turn.parent_id, *turn.message_ids)
                for n in reversed(range(len(turn.message_ids))):
                    self._add(turn.message_ids[n], parents[n], (turn.cause, n))
                continue
            self._add(turn.reply_id, turn.answered_id, (turn.cause, 1))
            if turn.prompt_id is not None:
                self._add(turn.prompt_id, turn.parent_id, (turn.cause, 0))
        self._climb()

    def end(self) -> None:
        """There are no older turns."""
        self._all_seen = True

    def page(self) -> tuple[PlacedMessage, ...]:
        """The page's messages, oldest first."""
        return tuple(
            PlacedMessage(message_id, self._nodes[message_id].order[0], self._siblings(message_id))
            for message_id in reversed(self._page())
        )

    @property
    def next_before(self) -> str | None:
        """What the page before this one is asked for with; None: the branch begins with this page."""
        return self._page()[-1] if self._has_older else None

    @property
    def _has_older(self) -> bool:
        """Whether the branch is known to have messages before the page."""
        page = self._page()
        return bool(page) and self._path[-1] != page[-1]

    def _add(self, message_id: str, parent_id: str | None, order: tuple[int, int]) -> None:
        if message_id in self._nodes:
            return
        self._nodes[message_id] = _Node(parent_id, order)
        self._children.setdefault(parent_id, []).append(message_id)
        self._newest_first.append(message_id)

    def _climb(self) -> None:
        if not self._began:
            self._begin()
        while self._wanted is not None and self._wanted in self._nodes:
            if self._wanted not in self._hidden:
                self._path.append(self._wanted)
            parent = self._nodes[self._wanted].parent_id
            self._wanted = self._parent(self._wanted) if parent in self._nodes else parent

    def _begin(self) -> None:
        if self._through is None:
            self._leaf = next((one for one in self._newest_first if one not in self._hidden), None)
        elif self._through in self._nodes:
            self._leaf = self._newest_below(self._through)
        self._wanted = self._leaf
        self._began = self._leaf is not None

    def _newest_below(self, message_id: str) -> str:
        """The newest of a message and all that followed it."""
        family = {message_id}
        newest = message_id
        newer = self._newest_first[: self._newest_first.index(message_id)]
        for one in reversed(newer):
            if self._nodes[one].parent_id in family:
                family.add(one)
                newest = newest if one in self._hidden else one
        return newest

    def _page(self) -> list[str]:
        """Newest first."""
        if self._before is None:
            return self._path[: self._limit]
        if self._before not in self._path:
            return []
        after = self._path.index(self._before) + 1
        return self._path[after : after + self._limit]

    def _parent(self, message_id: str) -> str | None:
        """The parent, if it is seen. One that is not older is damage, and none: a branch has an end."""
        parent = self._nodes[message_id].parent_id
        return parent if parent in self._nodes and self._older(parent, message_id) else None

    def _older(self, one: str | None, other: str) -> bool:
        return one is not None and self._nodes[one].order < self._nodes[other].order

    def _siblings(self, message_id: str) -> tuple[str, ...]:
        """At most MAX_SIBLINGS, those around the message."""
        siblings = self._children[self._nodes[message_id].parent_id][::-1]
        family = [one for one in siblings if one not in self._hidden] if self._hidden else siblings
        if len(family) <= MAX_SIBLINGS:
            return tuple(family)
        start = min(max(0, family.index(message_id) - MAX_SIBLINGS // 2), len(family) - MAX_SIBLINGS)
        return tuple(family[start : start + MAX_SIBLINGS])
