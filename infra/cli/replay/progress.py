"""Progress of a long run: a bar with rate, time left and lag on a terminal, lines in a pipe; and interruption."""

from __future__ import annotations

import gc
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from infra.clock import monotonic_s

LINE_EVERY_S = 5.0
# For os.nice: processes that answer users go first.
NICENESS = 10
Report = Callable[[int, int, int], None]
"""Called with (done, total, lag): in records; the lag is what has been appended since the run began. Call it often."""


_COLLECTED_AFTER = 100_000


def step_back() -> None:
    """Make this process one for long work behind those that answer people."""
    os.nice(NICENESS)
    # Millions of small things come and go, none of them in circles but a request's own: look for those seldom.
    gc.freeze()
    gc.set_threshold(_COLLECTED_AFTER)


class Interrupted(Exception):
    """The user asked the run to stop; what it has done so far counts."""


class Stop:
    """Whether the run was asked to stop: by Ctrl-C or SIGTERM, between two batches."""

    def __init__(self) -> None:
        self.asked = False

    def check(self) -> None:
        """Raises Interrupted if it was."""
        if self.asked:
            raise Interrupted


@contextmanager
def interruptible() -> Iterator[Stop]:
    """Within the block the first Ctrl-C or SIGTERM asks the run to stop; the second one ends the process as usual."""
    stop = Stop()
    before: dict[signal.Signals, Any] = {}

    def ask(number: int, frame: object) -> None:
        stop.asked = True
        for which, handler in before.items():
            signal.signal(which, handler)

    for which in (signal.SIGINT, signal.SIGTERM):
        before[which] = signal.getsignal(which)
        signal.signal(which, ask)
    try:
        yield stop
    finally:
        for which, handler in before.items():
            signal.signal(which, handler)


@contextmanager
def progress(what: str, unit: str = "records") -> Iterator[Report]:
    """Show how far a run has come, on stderr, for the length of the block."""
    console = Console(stderr=True, highlight=False)
    began_s = monotonic_s()
    if console.is_terminal:
        with Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[rate]}/s"),
            TimeRemainingColumn(),
            TextColumn("lag {task.fields[lag]}"),
            console=console,
        ) as bar:
            task = bar.add_task(what, total=None, rate="0", lag="0")

            def show(done: int, total: int, lag: int) -> None:
                rate = done / max(monotonic_s() - began_s, 0.001)
                bar.update(task, completed=done, total=total, rate=f"{rate:,.0f}", lag=f"{lag:,}")

            yield show
        return
    last_s = began_s

    def say(done: int, total: int, lag: int) -> None:
        nonlocal last_s
        now_s = monotonic_s()
        if now_s - last_s < LINE_EVERY_S:
            return
        last_s = now_s
        rate = done / max(now_s - began_s, 0.001)
        left_s = (total - done) / rate if rate else 0
        console.print(f"{what}: {done:,} of {total:,} {unit}, {rate:,.0f}/s, {left_s:,.0f} s left, lag {lag:,}")

    yield say
