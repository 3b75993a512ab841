"""`./verbatim restart`: one child after another, gracefully, while the others go on."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Annotated

import typer

from infra.cli.stack_file import state_folder
from infra.cli.state_option import StateOption
from infra.cli.terminal import complain
from infra.clock import monotonic_s
from infra.stack import spare
from infra.stack.layout import Layout
from infra.stack.restarts import request_restart
from infra.stack.snapshot import ChildView, read_snapshot

POLL_S = 0.1
READY_TIMEOUT_S = 120.0


def register(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command()(restart)


def restart(
    names: Annotated[list[str], typer.Argument(metavar="NAME…", help="Children or roles, as `status` shows them.")],
    state: StateOption = None,
) -> None:
    """Restart children gracefully, one after another; each is ready before the next stops."""
    layout = Layout.at(state_folder(state))
    if layout.supervisor_pid() is None:
        complain(f"nothing is running in {layout.root}")
    children = _children(layout)
    chosen = chosen_children(names, children)
    if isinstance(chosen, str):
        raise typer.BadParameter(chosen, param_hint="NAME")
    restart_each(layout, chosen)


def restart_each(layout: Layout, names: Sequence[str]) -> None:
    """Restart children one after the other, and say so of each. Those that share a process restart once.

    Complains and exits where one does not come back.
    """
    done: set[str] = set()
    for name in names:
        child = next((child for child in _children(layout) if child.name == name), None)
        process = name if child is None else child.process
        if process in done:
            continue
        done.add(process)
        began_s = monotonic_s()
        request_restart(layout, process)
        _wait(layout, name, None if child is None else child.pid)
        said = name if process == name else f"{process}, with {name} in it"
        print(f"{said}: restarted in {monotonic_s() - began_s:.1f} s", flush=True)


def chosen_children(names: Sequence[str], children: Sequence[ChildView]) -> list[str] | str:
    """The children meant, each once, in the order to restart them; or what is wrong with the names, in one line.

    A spare comes before the workers: it is to stand in for them with today's code, not yesterday's.
    """
    chosen: dict[str, None] = {}
    for name in names:
        found = [child for child in children if name in (child.name, child.role, child.process)]
        if not found:
            known = ", ".join(child.name for child in children)
            return f"nothing running is called {name}; running are: {known}"
        if any(child.role == "worker" for child in found):
            found = [child for child in children if child.role == spare.ROLE] + found
        chosen |= dict.fromkeys(child.name for child in found)
    return list(chosen)


def _children(layout: Layout) -> Sequence[ChildView]:
    snapshot = read_snapshot(layout.status_file)
    return snapshot.children if snapshot is not None else ()


def _is_again(child: ChildView, before: int | None) -> bool:
    """Whether it is another process and works; a job may be done by now."""
    return child.state == "done" or (child.state in ("ready", "working") and child.pid != before)


def _wait(layout: Layout, name: str, before: int | None) -> None:
    """Until the child is another process and it, and the spare, are ready. Complains and exits after a while."""
    deadline = monotonic_s() + READY_TIMEOUT_S
    while True:
        children = _children(layout)
        now = next((child for child in children if child.name == name), None)
        waiting = [child for child in children if child.role == spare.ROLE and child.state != "ready"]
        if now is not None and _is_again(now, before) and not waiting:
            return
        if layout.supervisor_pid() is None:
            complain("the supervisor ended")
        if monotonic_s() > deadline:
            complain(f"{name} is not ready after {READY_TIMEOUT_S:g} s: see ./verbatim status and logs")
        time.sleep(POLL_S)
