"""The supervisor as a process: in the foreground for `up`, as a daemon of its own session for `up --detach`.

`python -m infra.cli.supervise [ROLE=N …]` is what `up --detach` starts: all settings come by the environment.
"""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Mapping, Sequence

import typer

from infra.cli.preparations import preparations
from infra.logging import configure, get_logger
from infra.settings import Settings, load
from infra.stack.children import scale_problem
from infra.stack.errors import StackError
from infra.stack.layout import Layout
from infra.stack.run import Watcher, run_stack
from infra.stack.snapshot import Snapshot, read_snapshot, write_snapshot

log = get_logger(__name__)


async def supervise(settings: Settings, layout: Layout, scale: Mapping[str, int], watcher: Watcher) -> None:
    """Run the stack until SIGTERM, SIGINT or SIGHUP. Raises StackError."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await run_stack(settings, layout, scale, preparations(), stop, watcher)


def parse_scale(arguments: Sequence[str]) -> dict[str, int]:
    """ROLE=N … as a mapping. Raises typer.BadParameter for anything else."""
    scale: dict[str, int] = {}
    for argument in arguments:
        role, _, count = argument.partition("=")
        if not count.isascii() or not count.isdigit():
            raise typer.BadParameter(f"{argument!r} is not ROLE=N, as in worker=2")
        scale[role] = int(count)
    problem = scale_problem(scale)
    if problem is not None:
        raise typer.BadParameter(problem)
    return scale


class _Log:
    """A watcher without a terminal: status.json tells who asks, the log what happened."""

    def show(self, snapshot: Snapshot) -> None:
        pass

    def ready(self, settings: Settings, key: str) -> None:
        log.info("everything is ready")


def main() -> None:
    settings = load()
    configure("supervisor", settings.log_level)
    layout = Layout.at(settings.state)
    try:
        asyncio.run(supervise(settings, layout, parse_scale(sys.argv[1:]), _Log()))
    except StackError as error:
        log.error("the stack ended", reason=str(error))
        if read_snapshot(layout.status_file) is None:
            # It ended before there was anything to show (a port is taken, memory is short): `up` waits for the reason.
            write_snapshot(layout.status_file, Snapshot("failed", "", str(error), "", "", ()))
        sys.exit(1)


if __name__ == "__main__":
    main()
