"""Keeps a process that carries several agents, until they had better have a process each.

    agents-0 ──a record of a newer release, several ends in a row, a request──▶ conversation-0, metering-0, …

What stops one agent then stops it alone; the others go on after one restart. The next `up` joins them again.
"""

from __future__ import annotations

from collections.abc import Callable

from infra.logging import get_logger
from infra.stack.backoff import Backoff
from infra.stack.child import ChildSpec
from infra.stack.keeper import MANY_TRIES, Keeper
from infra.stack.layout import Layout

log = get_logger(__name__)


class JoinedKeeper(Keeper):
    """`parted` is called once its process has ended and is to be replaced by those of `spec.carries`."""

    def __init__(
        self,
        spec: ChildSpec,
        layout: Layout,
        changed: Callable[[], None],
        backoff: Backoff,
        parted: Callable[[Keeper], None],
    ) -> None:
        super().__init__(spec, layout, changed, backoff)
        self._parted = parted
        self._is_to_part = False

    async def part(self) -> None:
        """End the process, as for a restart; its agents start again in processes of their own."""
        self._is_to_part = True
        await self.restart()

    def _ends_for_good(self, newer: str, failures: int) -> bool:
        keeps_ending = failures >= MANY_TRIES and not self._wanted_again
        if not (newer or keeps_ending or self._is_to_part):
            return False
        log.warning("agents get processes of their own", child=self.spec.name, newer=newer, failures=failures)
        self._told("")
        self._set("stopped", "its agents have processes of their own")
        self._parted(self)
        self._decided.set()
        return True
