"""Keeps one child alive: starts it, waits until it is ready, watches it, starts it again, stops it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import Literal

from infra.clock import monotonic_s, utc_now
from infra.exits import EXIT_NEWER, newer_note
from infra.logging import get_logger
from infra.stack.backoff import Backoff
from infra.stack.child import ChildSpec
from infra.stack.layout import Layout
from infra.stack.leftovers import remove_shared_memory
from infra.stack.process import Process
from infra.stack.timer_slack import refused_note
from infra.stack.watching import Watch

State = Literal["starting", "ready", "unwell", "waiting", "failed", "stopped", "working", "done"]
StandIn = Callable[[ChildSpec], Process | None]
"""Gives a running process that has just been told to be this child, or None."""

FIRST_TRIES = 3
MANY_TRIES = 3
"""So many lives in a row that did not last are told as trouble."""
NEWER_PAUSE_S = 60.0
"""A process that met a record of a newer release meets it again until it is upgraded, which takes a while."""
MAX_NOTE_CHARACTERS = 300
STAND_IN_START_S = 3.0
"""A stand-in beats as soon as it has heard; one that does not was hung."""

log = get_logger(__name__)


class Keeper:
    """One child over all its lives. `run` once, in a task; `stop` ends it.

    With `stand_in` a life that follows another begins with a process that already runs, if there is one.
    """

    def __init__(
        self,
        spec: ChildSpec,
        layout: Layout,
        changed: Callable[[], None],
        backoff: Backoff,
        stand_in: StandIn | None = None,
    ) -> None:
        self.spec = spec
        self.state: State = "starting"
        self.detail = ""
        self.trouble = ""
        """Why the child cannot stay up, in words for an operator; empty while it can."""
        self.pid: int | None = None
        self.restarts = 0
        self.started_at: str = ""
        self.timer_slack_ns = 0
        """What this life got, if one was wanted."""
        self._layout = layout
        self._changed = changed
        self._backoff = backoff
        self._stand_in = stand_in
        self._stopping = asyncio.Event()
        self._hurry = asyncio.Event()
        self._decided = asyncio.Event()
        self._process: Process | None = None
        self._wanted_again = False
        self._was_ready = False

    def never_give_up(self) -> None:
        """Start it again however often it ends, ready before or not. For what goes on in another's place."""
        self._decided.set()

    async def until_ready(self) -> str | None:
        """Wait for the first readiness. Returns None, or why the child was given up."""
        await self._decided.wait()
        return None if self.state != "failed" else self.detail

    async def stop(self) -> None:
        """Ask the child to end, kill it after its grace, and let `run` return."""
        self._stopping.set()
        if self._process is not None:
            await self._process.stop(self.spec.stop_grace_s)

    async def restart(self) -> None:
        """Ask the child to end, kill it after its grace; `run` starts it again at once, also one that waits."""
        self._told("")
        self._hurry.set()
        if self._process is not None:
            self._wanted_again = True
            await self._process.stop(self.spec.stop_grace_s)

    async def run(self) -> None:
        """Keep the child until `stop`, or until it failed FIRST_TRIES times without ever being ready.

        One that met a record of a newer release is never given up: it is what an operator has to see to.
        """
        failures = 0
        while not self._stopping.is_set():
            reason, healthy_s = await self._one_life()
            if self._stopping.is_set():
                break
            failures = self._backoff.failures(failures, healthy_s)
            newer = self._newer(reason)
            if not newer and not self._decided.is_set() and failures >= FIRST_TRIES and self.spec.is_required:
                self._told("given up")
                self._set("failed", reason)
                self._decided.set()
                log.error("child given up", child=self.spec.name, reason=reason)
                return
            if self._ends_for_good(newer, failures):
                return
            if self._wanted_again:
                failures, self._wanted_again = 0, False
            delay_s = NEWER_PAUSE_S if newer and failures else self._backoff.delay_s(failures)
            self.restarts += 1
            if newer:
                # A stand-in may be as old as the one it would stand in for.
                reason, self._was_ready = newer, False
                self._told(newer)
            elif failures >= MANY_TRIES:
                self._told(f"ended {failures} times in a row")
            self._hurry.clear()
            self._set("waiting", f"{reason}; started again in {delay_s:g} s")
            log.warning("child ended", child=self.spec.name, reason=reason, again_in_s=delay_s, restarts=self.restarts)
            if newer:
                self._decided.set()
            if delay_s > 0:
                await self._pause(delay_s)
        self._told("")
        self._set("stopped", "")
        self._decided.set()

    def _ends_for_good(self, newer: str, failures: int) -> bool:
        """Whether no further life follows the one that has ended; then everybody has been told."""
        return False

    async def part(self) -> None:
        """For a process that carries several: give each a process of its own. Nothing for any other."""

    async def _pause(self, seconds: float | None) -> None:
        """Until `stop` or `restart`, for `seconds` at most if it says so."""
        async with asyncio.TaskGroup() as tasks:
            ends = [tasks.create_task(self._stopping.wait()), tasks.create_task(self._hurry.wait())]
            await asyncio.wait(ends, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
            for end in ends:
                end.cancel()

    def _newer(self, reason: str) -> str:
        """What a life that ended because of a newer release's record said of it; empty for every other end."""
        if self.spec.is_server or reason != f"exited with code {EXIT_NEWER}":
            return ""
        note = ""
        with contextlib.suppress(OSError), newer_note(self._sign).open(encoding="utf-8", errors="replace") as file:
            note = "".join(filter(str.isprintable, file.read(MAX_NOTE_CHARACTERS))).strip()
        return note or "it met a record of a newer release: upgrade"

    def _told(self, trouble: str) -> None:
        if trouble != self.trouble and self.spec.is_required:
            self.trouble = trouble
            self._changed()

    async def _one_life(self) -> tuple[str, float]:
        """From start to end: why it ended, and how many seconds it was healthy."""
        self._sign.unlink(missing_ok=True)
        newer_note(self._sign).unlink(missing_ok=True)
        self.started_at = utc_now().isoformat(timespec="seconds")
        # Only after a life that was ready: what cannot even start would take one spare after the other.
        was_ready, self._was_ready = self._was_ready, False
        process = self._stand_in(self.spec) if self._stand_in is not None and was_ready else None
        start_timeout_s = self.spec.start_timeout_s if process is None else STAND_IN_START_S
        if process is None:
            try:
                if self.spec.before_start is not None:
                    await asyncio.to_thread(self.spec.before_start)
                process = self._start()
            except OSError as error:
                return f"cannot start: {error.strerror}", 0.0
        self._process, self.pid = process, process.pid
        self._set("starting", "")
        ready_at: float | None = None
        watch = Watch(self.spec, process, self._sign, self._well)
        lasts: asyncio.TimerHandle | None = None
        try:
            reason = await watch.until_ready(start_timeout_s)
            if reason is None:
                ready_at = monotonic_s()
                self._was_ready = True
                self.timer_slack_ns = self._timer_slack_ns()
                self._set("ready", self._note)
                self._decided.set()
                lasts = asyncio.get_running_loop().call_later(self._backoff.healthy_after_s, self._told, "")
                reason = await self._until_end(watch)
        finally:
            if lasts is not None:
                lasts.cancel()
            # Not there any more when it was given away.
            if self._process is not None:
                await process.kill()
            self._process, self.pid = None, None
            if self.spec.health is not None:
                await asyncio.to_thread(self.spec.health.close)
            remove_shared_memory(self.spec.shared_memory_prefix)
        return reason, 0.0 if ready_at is None else monotonic_s() - ready_at

    def _start(self) -> Process:
        spec = self.spec
        log_file = self._layout.log_of(spec.name)
        env = {**spec.env, **(spec.env_now() if spec.env_now is not None else {})}
        slack_file = self._layout.timer_slack_of(spec.name)
        slack_file.unlink(missing_ok=True)
        return Process.start(
            spec.argv,
            env,
            spec.cwd,
            log_file,
            takes_orders=spec.takes_orders,
            timer_slack_ns=spec.timer_slack_ns,
            timer_slack_file=slack_file,
        )

    async def _until_end(self, watch: Watch) -> str:
        return await watch.until_end()

    def _well(self, wrong: str | None) -> None:
        """What a query of a ready child's health said."""
        if self._stopping.is_set():
            return
        if wrong is not None:
            if self.state == "ready":
                log.warning("child unwell", child=self.spec.name, reason=wrong)
            self._set("unwell", wrong)
        else:
            if self.state == "unwell":
                log.info("child well again", child=self.spec.name)
            self._set("ready", self._note)

    @property
    def _note(self) -> str:
        refused = refused_note(self.spec.timer_slack_ns, self.timer_slack_ns)
        return "; ".join(filter(None, (self.spec.note, refused)))

    def _timer_slack_ns(self) -> int:
        if not self.spec.timer_slack_ns:
            return 0
        try:
            return int(self._layout.timer_slack_of(self.spec.name).read_text())
        except (OSError, ValueError):
            return 0

    @property
    def _sign(self) -> Path:
        return self._layout.sign_of(self.spec.name)

    def _set(self, state: State, detail: str) -> None:
        if (state, detail) != (self.state, self.detail) or state == "starting":
            self.state, self.detail = state, detail
            self._changed()
