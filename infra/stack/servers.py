"""Only the four servers, in the foreground: `python -m infra.stack.servers --state DIR [--triton-models DIR]`.

`--passing`: nobody reads their data after their end; tables are made faster, and may be lost with a kill.

For developing and testing one part against real servers. Writes DIR/stack.json like `./verbatim up`; SIGTERM or
Ctrl-C stops everything.
"""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys
from pathlib import Path

from infra.logging import configure
from infra.settings import Settings, load
from infra.settings.errors import SettingsError
from infra.stack import triton
from infra.stack.addresses import PORT_NAMES, external_servers, with_local_addresses
from infra.stack.errors import StackError
from infra.stack.layout import Layout
from infra.stack.ports import assign
from infra.stack.prepare import Preparations
from infra.stack.redis_password import redis_password
from infra.stack.server_plan import plan_servers
from infra.stack.snapshot import Snapshot
from infra.stack.supervisor import Supervisor


async def run_servers(settings: Settings, layout: Layout, models: Path, *, passing: bool) -> None:
    """Start the servers and keep them until SIGTERM or SIGINT. Raises StackError when one does not start."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    layout.create()
    with layout.held():
        ports = assign(PORT_NAMES, layout.ports_file, layout.stack_id())
        resolved = with_local_addresses(settings, ports, redis_password(layout))
        external = external_servers(settings)
        servers = plan_servers(resolved, layout, ports, _say, models, external, passing=passing)
        supervisor = Supervisor(resolved, layout, (), Preparations(), _Lines().show)
        await supervisor.run(servers, stop, lambda _key: print(f"ready: {layout.stack_file}", flush=True))


def _say(doing: str) -> None:
    print(doing, flush=True)


class _Lines:
    """Prints a line for every change of a child's state."""

    def __init__(self) -> None:
        self._said: dict[str, str] = {}

    def show(self, snapshot: Snapshot) -> None:
        for child in snapshot.children:
            line = f"{child.name}: {child.state} {child.detail}".rstrip()
            if self._said.get(child.name) != line:
                self._said[child.name] = line
                print(line, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m infra.stack.servers", description=__doc__)
    parser.add_argument("--state", type=Path, required=True)
    parser.add_argument("--triton-models", type=Path, default=triton.MODELS)
    parser.add_argument("--passing", action="store_true")
    arguments = parser.parse_args()
    configure("servers", "warning")
    layout, models = Layout.at(arguments.state), arguments.triton_models.absolute()
    try:
        asyncio.run(run_servers(load(state=arguments.state), layout, models, passing=arguments.passing))
    except (StackError, SettingsError) as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
