"""Chooses the process to kill, kills it, and waits until its successor is ready."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable
from pathlib import Path

from infra.cli.stack_file import StackChild, running_stack
from infra.cli.terminal import UserError
from infra.clock import monotonic_s
from infra.stack.layout import Layout
from infra.stack.snapshot import read_snapshot

POLL_S = 0.05


def victims(state: Path, role: str, writer: str | None) -> tuple[StackChild, ...]:
    """The processes of `role` in the stack of `state`; of the workers only the one that is called `writer`, if any is.

    Raises UserError if the stack runs none (an external server, a role scaled to 0).
    """
    found = tuple(child for child in running_stack(state).children if child.role == role)
    if not found:
        raise UserError(f"this stack runs no {role} process, so there is nothing to kill: see ./verbatim status")
    return tuple(child for child in found if child.name == writer) or found


def kill(state: Path, chosen: tuple[StackChild, ...]) -> float:
    """SIGKILL to each; returns when, of the clock that never jumps. Raises UserError for one that is not this stack's.

    Only children of the stack's supervisor are, and the signal goes through a descriptor that pins the process: a
    reused pid is never hit. (Their environment would not do: Redis writes its title over it.)
    """
    supervisor = Layout.at(state).supervisor_pid()
    opened: list[int] = []
    try:
        for child in chosen:
            try:
                opened.append(os.pidfd_open(child.pid))
            except ProcessLookupError:
                raise UserError(f"{child.name} (pid {child.pid}) has ended already: try again") from None
            if supervisor is None or _parent_of(child.pid) != supervisor:
                raise UserError(f"pid {child.pid} is not a process of this stack: try again")
        at_s = monotonic_s()
        for descriptor in opened:
            signal.pidfd_send_signal(descriptor, signal.SIGKILL)
        return at_s
    finally:
        for descriptor in opened:
            os.close(descriptor)


async def successors(
    state: Path, killed: tuple[StackChild, ...], until_s: float, ready: Callable[[str], None]
) -> tuple[str, ...]:
    """Wait until each name that was killed is ready again under another pid; `ready` is told of each.

    Returns the names that are not ready at `until_s`.
    """
    left = {child.name: child.pid for child in killed}
    while left and monotonic_s() < until_s:
        snapshot = read_snapshot(Layout.at(state).status_file)
        for child in snapshot.children if snapshot is not None else ():
            if child.name in left and child.state == "ready" and child.pid not in (None, left[child.name]):
                del left[child.name]
                ready(child.name)
        if left:
            await asyncio.sleep(POLL_S)
    return tuple(left)


def _parent_of(pid: int) -> int | None:
    """The pid of a process' parent; None if there is no such process."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    # "pid (name) state parent …"; the name may hold anything, brackets too.
    return int(stat.rpartition(")")[2].split()[1])
