"""A job: a child that works beside a running stack until it is done, and says in a line how far it is.

rebuild-0  starting ──first beat──▶ working ──exit 0──▶ done
    ▲                                  │ REFUSED ─────▶ failed, until it is restarted, or the next `up`
    └─────────── a pause ──────────────┘ any other end: killed, hung, a crash, TRY_AGAIN
"""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import Callable
from pathlib import Path

from infra.clock import monotonic_s
from infra.lifesign import LIFESIGN_VARIABLE
from infra.logging import get_logger
from infra.stack.backoff import Backoff
from infra.stack.child import ChildSpec
from infra.stack.keeper import Keeper, State
from infra.stack.layout import Layout, write_private
from infra.stack.watching import Watch

ROLE = "rebuild"
TRY_AGAIN = 75
"""How a job ends that may be done later."""
REFUSED = 65
"""How a job ends that would be refused again."""
_DONE_AS = "exited with code 0"
_REFUSED_AS = f"exited with code {REFUSED}"
PAUSES = Backoff(first_s=5.0, most_s=300.0, healthy_after_s=600.0)
LOOK_S = 0.5
MAX_CHARACTERS = 300

log = get_logger(__name__)


class Saying:
    """What a job says, in its own process: one line in a file, written at most every LOOK_S but for the last one."""

    def __init__(self, file: Path | None) -> None:
        """`file` None: it has no reader."""
        self._file = file
        self._due_s = 0.0

    @classmethod
    def from_env(cls) -> Saying:
        """Beside the sign of life that the supervisor asked for."""
        named = os.environ.get(LIFESIGN_VARIABLE)
        return cls(_saying_beside(Path(named)) if named else None)

    def say(self, line: str, *, in_passing: bool = False) -> None:
        """Replace the line; one `in_passing` is left out if there was one a moment ago."""
        now_s = monotonic_s()
        if self._file is None or (in_passing and now_s < self._due_s):
            return
        self._due_s = now_s + LOOK_S
        write_private(self._file, line[:MAX_CHARACTERS] + "\n")


class JobKeeper(Keeper):
    """Runs a job to its end, and again when it is restarted; its failures never stop a stack."""

    def __init__(self, spec: ChildSpec, layout: Layout, changed: Callable[[], None]) -> None:
        super().__init__(spec, layout, changed, PAUSES)

    async def run(self) -> None:
        """Until `stop`: also when the job is done, so that its end is shown."""
        failures = 0
        while not self._stopping.is_set():
            self._saying.unlink(missing_ok=True)
            reason, healthy_s = await self._one_life()
            if self._stopping.is_set():
                break
            self._decided.set()
            if reason in (_DONE_AS, _REFUSED_AS) and not self._wanted_again:
                self._end("done" if reason == _DONE_AS else "failed")
                failures = 0
                self._hurry.clear()
                await self._pause(None)
                self._wanted_again = False
                continue
            failures = self._backoff.failures(failures, healthy_s)
            if self._wanted_again:
                failures, self._wanted_again = 1, False
            delay_s = self._backoff.delay_s(failures)
            self.restarts += 1
            self._set("waiting", f"{self._said() or reason}; tried again in {delay_s:g} s")
            log.warning("job ended", child=self.spec.name, reason=reason, again_in_s=delay_s, restarts=self.restarts)
            self._hurry.clear()
            await self._pause(delay_s)
        self._set("stopped", "")
        self._decided.set()

    def _end(self, state: State) -> None:
        said = self._said()
        self._set(state, said)
        if state == "failed":
            log.error("job failed", child=self.spec.name, reason=said)
        else:
            log.info("job done", child=self.spec.name, said=said)

    async def _until_end(self, watch: Watch) -> str:
        async with asyncio.TaskGroup() as tasks:
            shown = tasks.create_task(self._show())
            reason = await watch.until_end()
            shown.cancel()
        return reason

    async def _show(self) -> None:
        while True:
            if not self._stopping.is_set():
                self._set("working", self._said())
            await asyncio.sleep(LOOK_S)

    def _said(self) -> str:
        try:
            return re.sub(r"\s+", " ", self._saying.read_text("utf-8", "replace")).strip()[:MAX_CHARACTERS]
        except OSError:
            return ""

    @property
    def _saying(self) -> Path:
        return _saying_beside(self._sign)


def _saying_beside(sign: Path) -> Path:
    return sign.with_suffix(".said")
