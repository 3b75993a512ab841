"""A process with one Faust application in it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import faust
import uvloop

from streams.faust.app import StreamApp


def run_app(make: Callable[[], StreamApp]) -> None:
    """Make the application and run it until SIGTERM or SIGINT. Leaves by SystemExit, with the process' exit status."""
    loop = uvloop.new_event_loop()
    # Faust asks for the thread's loop where it is given none.
    asyncio.set_event_loop(loop)
    app = make()
    app.finalize()
    app.worker_init()
    app.worker_init_post_autodiscover()
    # Logging is the process', and so are its standard streams.
    worker = faust.Worker(app, loop=loop, quiet=True, override_logging=False, redirect_stdouts=False)
    worker.execute_from_commandline()
