"""Faust applications side by side in one worker: started together, stopped together, and ended by any one's crash.

Each has its own consumer group, and its own librdkafka client in a thread, so that none holds up what another fetches
(which agents of one application would: research "streaming" §2b). They share the event loop.
"""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Sequence
from typing import Any

import faust
import mode
import structlog

from infra.lifesign import LifeSign
from streams.faust.app import StreamApp


class SharedSign:
    """One sign of life of several: given once each of them has beaten since it was given last."""

    def __init__(self, sign: LifeSign, members: int) -> None:
        self._sign = sign
        self._all = frozenset(range(members))
        self._silent = set(self._all)

    def part(self, member: int) -> SignPart:
        """What the member beats."""
        return SignPart(self, member)

    def beaten(self, member: int) -> None:
        self._silent.discard(member)
        if not self._silent:
            self._silent = set(self._all)
            self._sign.beat()


class SignPart:
    """A member's part in a SharedSign."""

    def __init__(self, whole: SharedSign, member: int) -> None:
        self._whole = whole
        self._member = member

    def beat(self) -> None:
        """As LifeSign's."""
        self._whole.beaten(self._member)


class Crew(mode.Service):  # type: ignore[misc]  # mode ships no types
    """The applications of a process. With `roles`, one for each, each logs under its role's name."""

    mundane_level = "debug"

    def __init__(self, apps: Sequence[StreamApp], roles: Sequence[str], **settings: Any) -> None:
        super().__init__(**settings)
        self.apps = tuple(apps)
        self._roles = tuple(roles)

    async def on_start(self) -> None:
        for app in self.apps:
            app.beacon.reattach(self.beacon)
        await asyncio.gather(*map(self._begin, range(len(self.apps))))

    def _begin(self, number: int) -> asyncio.Task[Any]:
        app, context = self.apps[number], contextvars.copy_context()
        if self._roles:
            context.run(structlog.contextvars.bind_contextvars, process=self._roles[number])
        return asyncio.get_running_loop().create_task(app.maybe_start(), context=context)

    async def on_stop(self) -> None:
        await asyncio.gather(*(app.stop() for app in self.apps))


class CrewWorker(faust.Worker):  # type: ignore[misc]  # Faust ships no types
    """Faust's worker, for a crew instead of one application."""

    def __init__(self, crew: Crew, **settings: Any) -> None:
        self._crew = crew
        super().__init__(crew.apps[0], **settings)

    def on_init_dependencies(self) -> list[Crew]:
        self._crew.beacon.reattach(self.beacon)
        return [self._crew]
