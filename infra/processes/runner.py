"""What every process does around its work: settings, write level, log, metrics, and a status that says why it ended.

    settings ──▶ speak ──▶ log ──▶ metrics ──▶ work ──▶ exit status (infra/exits.py)

An error that has a reason for an operator is one line on the standard error. Every other one is a fault of ours, and
stays a traceback.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import threading
from collections.abc import Callable, Coroutine
from typing import Any

import uvloop

from infra.cassandra.errors import StoreError
from infra.exits import EXIT_FAILED, EXIT_NEWER, EXIT_WRONG_SETTING, newer_in
from infra.logging import configure
from infra.processes.mistakes import MISTAKES
from infra.runtime.failures import leaves
from infra.runtime.metrics import tell_build
from infra.runtime.metrics_server import METRICS
from infra.settings import Settings, load
from infra.settings.environment import INSTANCE_VARIABLE
from infra.speaking import speak
from infra.stack.older_supervisor import with_models_of_the_stack
from topics.errors import LogError

OUTSIDE = (LogError, StoreError)
STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)


def run(
    name: str,
    work: Callable[[Settings], None],
    *,
    outside: tuple[type[Exception], ...] = (),
    arguments: tuple[str, ...] = (),
) -> int:
    """Run the process `name` to its end; returns its exit status.

    `work` gets the settings and returns after a stop. `outside`: errors of its own that are no fault of ours, besides
    the log's and the store's. `arguments`: what may stand on the command line.
    """
    if any(argument not in arguments for argument in sys.argv[1:]):
        usage = " ".join((f"python -m infra.processes.{name}", *(f"[{known}]" for known in arguments)))
        print(f"usage: {usage}", file=sys.stderr)
        return EXIT_WRONG_SETTING
    try:
        settings = with_models_of_the_stack(load(), os.environ)
        speak(settings)
        configure(name, settings.log_level)
        tell_build(name, os.environ.get(INSTANCE_VARIABLE, ""), settings.log.level)
        METRICS.serve(settings.metrics.port)
        work(settings)
    except Exception as error:
        status = _status(name, error, (*OUTSIDE, *outside))
        if status is None:
            raise
        return status
    finally:
        METRICS.close()
    return 0


def run_loop(main: Coroutine[Any, Any, None]) -> None:
    """Run `main` on an event loop of uvloop's."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main)


def stop_event() -> asyncio.Event:
    """Set once the process is told to stop. Call it on the loop."""
    stop = asyncio.Event()
    for number in STOP_SIGNALS:
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    return stop


def stop_flag() -> threading.Event:
    """As `stop_event`, for work without a loop. Call it in the main thread."""
    stop = threading.Event()
    for number in STOP_SIGNALS:
        signal.signal(number, lambda *_: stop.set())
    return stop


def _status(name: str, error: Exception, outside: tuple[type[Exception], ...]) -> int | None:
    """What the process exits with because of `error`, after a line for each reason; None: it is a fault of ours."""
    if (newer := newer_in(error)) is not None:
        _say(name, newer)
        return EXIT_NEWER
    reasons = leaves(error)
    if not all(isinstance(reason, (*MISTAKES, *outside)) for reason in reasons):
        return None
    for reason in reasons:
        _say(name, reason)
    return EXIT_WRONG_SETTING if all(isinstance(reason, MISTAKES) for reason in reasons) else EXIT_FAILED


def _say(name: str, reason: BaseException) -> None:
    print(f"{name}: {reason}", file=sys.stderr)
