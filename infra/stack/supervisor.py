"""Runs one stack: servers in parallel, preparations, our processes; restarts them; stops in reverse order."""

from __future__ import annotations

import asyncio
import dataclasses
import shutil
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from infra.clock import monotonic_s, utc_now
from infra.logging import get_logger
from infra.runtime.failures import first
from infra.settings import Settings
from infra.stack.backoff import Backoff
from infra.stack.child import STACK_ID_VARIABLE, ChildSpec
from infra.stack.errors import ChildFailed, StackError
from infra.stack.job import JobKeeper
from infra.stack.joined_keeper import JoinedKeeper
from infra.stack.keeper import Keeper
from infra.stack.layout import Layout
from infra.stack.leftovers import end_marked
from infra.stack.prepare import Preparations, call
from infra.stack.process import Process
from infra.stack.restarts import run_restarts
from infra.stack.server_plan import Server
from infra.stack.snapshot import ChildView, Phase, Snapshot
from infra.stack.spare import SpareKeeper
from infra.stack.stack_file import RunningChild, known_key, stack_document
from infra.stack.state_files import StateFiles
from infra.stack.watching import one_line

LOG_LIMIT_BYTES = 16 * 1024 * 1024
TICK_S = 5.0

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Spare:
    """A child that waits to become any child of `role`."""

    spec: ChildSpec
    role: str


class Supervisor:
    """`run` once, from the main thread, while the layout is held."""

    def __init__(
        self,
        settings: Settings,
        layout: Layout,
        children: Sequence[ChildSpec],
        preparations: Preparations,
        show: Callable[[Snapshot], None] | None = None,
        spare: Spare | None = None,
        job: ChildSpec | None = None,
    ) -> None:
        """`job` runs beside the started stack if the preparations find the state folder behind."""
        self._settings = settings
        self._layout = layout
        self._children = children
        self._preparations = preparations
        self._show = show
        self._spare = spare
        self._spare_keeper: SpareKeeper | None = None
        self._job = job
        self._stack_id = layout.stack_id()
        self._keepers: list[Keeper] = []
        self._phase: Phase = "starting"
        self._doing = ""
        self._error = ""
        self._key = known_key(layout.stack_file)
        self._started_at = utc_now().isoformat(timespec="seconds")
        self._files = StateFiles(layout.status_file, layout.stack_file)

    async def run(self, servers: Sequence[Server], stop: asyncio.Event, ready: Callable[[str], None]) -> None:
        """Start everything, call `ready(key)`, and return after `stop` is set and everything has ended.

        Raises StackError when something does not start; what was started has then been stopped.
        """
        failure: StackError | None = None
        cleared = await asyncio.to_thread(end_marked, self._stack_id)
        if cleared:
            log.warning("ended processes that an earlier supervisor left behind", processes=cleared)
        async with asyncio.TaskGroup() as tasks:
            upkeep = [
                tasks.create_task(self._tick()),
                tasks.create_task(run_restarts(self._layout, lambda: self._keepers)),
            ]
            start = tasks.create_task(self._start(servers, tasks))
            stopped = tasks.create_task(stop.wait())
            await asyncio.wait({start, stopped}, return_when=asyncio.FIRST_COMPLETED)
            if start.done():
                failure = start.result()
                if failure is None:
                    self._phase = "running"
                    self._keep_spare(tasks)
                    self._keep_job(tasks)
                    self.changed()
                    await self._files.written()
                    ready(self._key)
                    await stop.wait()
            start.cancel()
            stopped.cancel()
            self._error = "" if failure is None else str(failure)
            self._phase = "stopping"
            await self._stop()
            for task in upkeep:
                task.cancel()
        self._phase = "stopped" if failure is None else "failed"
        self.changed()
        await self._files.aclose()
        if failure is not None:
            raise failure

    def say(self, doing: str) -> None:
        """Show what takes time. Called from other threads too: one assignment, drawn at the next tick."""
        self._doing = doing

    def snapshot(self) -> Snapshot:
        views = tuple(
            ChildView(
                spec.name,
                spec.role,
                k.state,
                k.detail,
                k.pid,
                k.restarts,
                k.started_at,
                k.trouble,
                k.spec.metrics_port,
                k.timer_slack_ns,
                k.spec.name if spec is not k.spec else "",
            )
            for k in self._keepers
            for spec in k.spec.carries or (k.spec,)
        )
        url = stack_document(self._settings, "", ())["api"]["url"]
        return Snapshot(self._phase, self._doing, self._error, url, self._started_at, views)

    def changed(self) -> None:
        """Bring the picture up to date, and soon status.json and stack.json."""
        snapshot = self.snapshot()
        running = [
            RunningChild(c.name, c.role, c.pid, c.metrics_port, c.within)
            for c in snapshot.children
            if c.pid is not None
        ]
        self._files.change(snapshot, stack_document(self._settings, self._key, running))
        if self._show is not None:
            self._show(snapshot)

    async def _start(self, servers: Sequence[Server], tasks: asyncio.TaskGroup) -> StackError | None:
        try:
            await _all([self._start_server(server, tasks) for server in servers])
            for step in self._preparations.before:
                await self._prepare(step.title, step.run, self._settings)
            await _all([self._keep(child, tasks) for child in self._children])
            if self._preparations.first_key is not None:
                make_key, known = self._preparations.first_key, self._key or None
                self._key = await self._prepare("making the first key", make_key, self._settings, known)
        except StackError as error:
            return error
        self._doing = ""
        return None

    async def _prepare(self, title: str, step: Callable[..., Any], *arguments: object) -> Any:
        self._doing = title
        self.changed()
        try:
            return await call(step, *arguments)
        except StackError:
            raise
        except Exception as error:  # whatever a step raises stops the start; its message is for the user
            log.exception("preparation failed", step=title)
            raise StackError(f"{title} failed: {one_line(error)}") from error

    async def _start_server(self, server: Server, tasks: asyncio.TaskGroup) -> None:
        if server.describe is None:
            try:
                await server.health.check()
            except Exception as error:  # every way not to answer is the user's news
                raise StackError(f"the external {server.name} does not answer: {one_line(error)}") from error
            finally:
                await asyncio.to_thread(server.health.close)
            return
        try:
            spec = await asyncio.to_thread(server.describe)
        except OSError as error:
            raise StackError(f"cannot prepare {server.name}: {one_line(error)}") from error
        await self._keep(spec, tasks)

    async def _keep(self, spec: ChildSpec, tasks: asyncio.TaskGroup) -> None:
        keeper = self._keeper(self._marked(spec), tasks)
        self._keepers.append(keeper)
        tasks.create_task(keeper.run())
        reason = await keeper.until_ready()
        if reason is not None:
            raise ChildFailed(spec.name, reason, str(self._layout.log_of(spec.name)))

    def _keeper(self, spec: ChildSpec, tasks: asyncio.TaskGroup) -> Keeper:
        if spec.carries:
            return JoinedKeeper(spec, self._layout, self.changed, Backoff(), lambda keeper: self._part(keeper, tasks))
        replaceable = self._spare is not None and spec.role == self._spare.role
        return Keeper(spec, self._layout, self.changed, Backoff(), self._stand_in if replaceable else None)

    def _part(self, joined: Keeper, tasks: asyncio.TaskGroup) -> None:
        """Keep the agents of a process that has ended as processes of their own, in its place."""
        if self._phase == "stopping":
            return
        place = self._keepers.index(joined)
        parts = [self._keeper(self._marked(spec), tasks) for spec in joined.spec.carries]
        self._keepers[place : place + 1] = parts
        for part in parts:
            part.never_give_up()
            tasks.create_task(part.run())
        self.changed()

    def _keep_spare(self, tasks: asyncio.TaskGroup) -> None:
        """Only now: a start must not wait for what is not needed yet."""
        if self._spare is not None:
            self._spare_keeper = SpareKeeper(self._marked(self._spare.spec), self._layout, self.changed, Backoff())
            self._keepers.append(self._spare_keeper)
            tasks.create_task(self._spare_keeper.run())

    def _keep_job(self, tasks: asyncio.TaskGroup) -> None:
        if self._job is not None and self._preparations.is_behind():
            keeper = JobKeeper(self._marked(self._job), self._layout, self.changed)
            self._keepers.append(keeper)
            tasks.create_task(keeper.run())

    def _stand_in(self, spec: ChildSpec) -> Process | None:
        return None if self._spare_keeper is None else self._spare_keeper.stand_in(spec)

    def _marked(self, spec: ChildSpec) -> ChildSpec:
        return dataclasses.replace(spec, env={**spec.env, STACK_ID_VARIABLE: self._stack_id})

    async def _stop(self) -> None:
        """Our processes first, the newest group first; then the servers. Each group ends together, within its grace."""
        ours = [k for k in self._keepers if not k.spec.is_server]
        edge = [k for k in ours if k.spec.role == "api"]
        inner = [k for k in ours if k.spec.role != "api"]
        for group in (edge, inner, [k for k in self._keepers if k.spec.is_server]):
            self._doing = "stopping " + ", ".join(k.spec.name for k in group)
            self.changed()
            await _all([keeper.stop() for keeper in group])
        self._doing = ""
        await asyncio.to_thread(end_marked, self._stack_id)

    async def _tick(self) -> None:
        """Now and then: bound the log files, show downloads."""
        while True:
            await asyncio.to_thread(bound_logs, self._layout.logs, LOG_LIMIT_BYTES)
            until_s = monotonic_s() + TICK_S
            while (left_s := until_s - monotonic_s()) > 0:
                await asyncio.sleep(min(left_s, TICK_S / 10) if self._phase == "starting" else left_s)
                if self._phase == "starting":
                    self.changed()


def bound_logs(folder: Path, limit: int) -> None:
    """As `bound_log`, each log of a folder."""
    for file in folder.glob("*.log"):
        bound_log(file, limit)


def bound_log(file: Path, limit: int) -> None:
    """Copy a log over `limit` bytes to `.1` and empty it: the writer appends, so it needs no reopening."""
    try:
        if file.stat().st_size > limit:
            shutil.copyfile(file, file.with_name(f"{file.name}.1"))
            with file.open("r+b") as open_file:
                open_file.truncate(0)
    except OSError as error:
        log.error("cannot bound a log file", file=file.name, reason=one_line(error))


async def _all(jobs: Sequence[Coroutine[Any, Any, None]]) -> None:
    """Run jobs together; the first StackError of any ends them all and is raised as itself."""
    try:
        async with asyncio.TaskGroup() as tasks:
            for job in jobs:
                tasks.create_task(job)
    except* StackError as group:
        raise first(group) from None
