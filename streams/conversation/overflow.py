"""Which lane of its jobs topic a job is put into: a user's backlog beyond a bound goes where workers read last. Pure.

The choice is made once, when the job is written, from what this agent has seen: the user's jobs it has written, less
those that have ended. A restart forgets them, and so lets a backlog have MOST_OPEN more in the first lane; an outcome
that another agent reads is missed until the turn's deadline. Either costs a little order and no job.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from infra.runtime.bounded import Bounded
from topics.catalogue import OVERFLOW

MOST_OPEN = 16
"""Jobs of one user that wait or run before the next goes to the overflow lane."""
MAX_USERS = 20_000
MAX_GENERATIONS = 50_000


@dataclass(slots=True)
class _Open:
    until_us: dict[str, int] = field(default_factory=dict)
    """When each open generation has ended at the latest."""


class Backlogs:
    """The open generations of users."""

    def __init__(self, most_open: int = MOST_OPEN) -> None:
        self._most_open = most_open
        self._users: Bounded[str, _Open] = Bounded(MAX_USERS)
        self._chosen: Bounded[str, tuple[str, str]] = Bounded(MAX_GENERATIONS)

    def lane(self, generation_id: str, user_id: str, now_us: int, deadline_us: int) -> str:
        """The lane of a job, which counts as open from now on. Asked again, it is the same."""
        known = self._chosen.get(generation_id)
        if known is not None:
            return known[1]
        opened = self._users.get(user_id) or _Open()
        opened.until_us = {each: until for each, until in opened.until_us.items() if until > now_us}
        lane = OVERFLOW if len(opened.until_us) >= self._most_open else ""
        if not lane:
            opened.until_us[generation_id] = deadline_us
            self._users[user_id] = opened
        self._chosen[generation_id] = user_id, lane
        return lane

    def ended(self, generation_id: str) -> None:
        """A generation has its outcome."""
        known = self._chosen.get(generation_id)
        opened = None if known is None else self._users.get(known[0])
        if opened is not None:
            opened.until_us.pop(generation_id, None)
