"""A process with one Faust application in it, or several."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import uvloop

from infra.lifesign import LifeSign
from streams.faust.app import StreamApp
from streams.faust.crew import Crew, CrewWorker, SharedSign


@dataclass(frozen=True, slots=True)
class Member:
    """An application of a process. `instance`: its name in its consumer group, the same in whatever process it runs."""

    role: str
    instance: str
    make: Callable[[], StreamApp]


def run_app(make: Callable[[], StreamApp]) -> None:
    """Make the application and run it until SIGTERM or SIGINT. Leaves by SystemExit, with the process' exit status."""
    _run(lambda: [make()], [])


def run_apps(members: Sequence[Member]) -> None:
    """As `run_app`, several in one process. What ends one of them ends the process."""
    sign = SharedSign(LifeSign.from_env(), len(members))

    def made() -> list[StreamApp]:
        apps = [member.make() for member in members]
        for number, (member, app) in enumerate(zip(members, apps, strict=True)):
            app.become(member.instance, sign.part(number))
        return apps

    _run(made, [member.role for member in members])


def _run(make: Callable[[], list[StreamApp]], roles: Sequence[str]) -> None:
    loop = uvloop.new_event_loop()
    # Faust asks for the thread's loop where it is given none.
    asyncio.set_event_loop(loop)
    apps = make()
    for app in apps:
        app.finalize()
        app.worker_init()
        app.worker_init_post_autodiscover()
    # Logging is the process', and so are its standard streams.
    worker = CrewWorker(
        Crew(apps, roles, loop=loop), loop=loop, quiet=True, override_logging=False, redirect_stdouts=False
    )
    worker.execute_from_commandline()
