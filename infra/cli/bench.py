"""`./verbatim bench`: measures how fast this machine streams."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated

import typer

from infra.cli.terminal import UserError, complain

if TYPE_CHECKING:
    from infra.cli.bench_goals import Figures
    from infra.cli.bench_stack import Bench

MAX_STREAMS = 1000
MAX_TOKENS = 4000
MAX_FOREIGN_SHARE = 0.5
MAX_REPEATS = 50
_LOOK_S = 1.0
ALL_MINUTES = 12
"""What the rows of `--all` take beside the others."""
_TABLE_WIDTH = 140


def register(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command()(bench)


def bench(
    streams: Annotated[
        str, typer.Option("--streams", metavar="N,N…", help="Concurrent streams, as a list: 1,16,100.")
    ] = "1,16,100",
    tokens: Annotated[
        int | None,
        typer.Option("--tokens", min=1, max=MAX_TOKENS, help="Tokens an answer; else 5 for one stream, 100 for more."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object instead of a table.")] = False,
    anyway: Annotated[bool, typer.Option("--anyway", help="Measure although other programs use the machine.")] = False,
    use_running: Annotated[
        str | None,
        typer.Option("--use-running", metavar="MODEL", help="Measure the running stack's MODEL; needs --upstream."),
    ] = None,
    upstream: Annotated[
        str | None, typer.Option("--upstream", metavar="URL", help="The stamping upstream MODEL points at, up to /v1.")
    ] = None,
    upstream_model: Annotated[
        str, typer.Option("--upstream-model", metavar="NAME", help="The model's name at that upstream.")
    ] = "paced-20",
    state: Annotated[
        Path | None, typer.Option("--state", metavar="DIR", help="State folder for --use-running.")
    ] = None,
    repeats: Annotated[
        int, typer.Option("--repeats", min=1, max=MAX_REPEATS, help="Measure so often, and print the medians.")
    ] = 1,
    everything: Annotated[
        bool,
        typer.Option(
            "--all",
            help=f"Measure for every goal: unpaced streams, how many are carried, the idle stack, the real model. "
            f"About {ALL_MINUTES} minutes more.",
        ),
    ] = False,
) -> None:
    """Measure first token, added latency a token, throughput and CPU: through a stack, directly, through a bare proxy.

    Starts a stack of its own in a temporary folder, with an upstream that sends a stamped token every 20 ms, and takes
    both down again. The running stack, if there is one, is not touched. The three ways take turns; figures of a bare
    proxy on the same machine are what those of other machines and hours can be compared by. At the end stands what must
    be reached, each figure beside its goal.
    """
    from infra.cli.bench_run import load_for, measure

    try:
        counts = streams_of(streams)
        if (use_running is None) != (upstream is None):
            raise UserError("give --use-running and --upstream together")
        if upstream is not None and not upstream.startswith("http://"):
            raise UserError("--upstream needs the base URL of a server on this machine, like http://127.0.0.1:30001/v1")
        if everything and use_running is not None:
            raise UserError("--all measures stacks of its own: leave out --use-running")
        with _interrupts_as_exceptions():
            place = _place(anyway, use_running, upstream, upstream_model, state)
            if everything:
                _say(f"--all: about {ALL_MINUTES} minutes more than without")
            loads = [load_for(count, tokens) for count in counts]
            figures = measure(place, loads, repeats, everything=everything)
            if everything:
                figures = _with_the_real_model(figures)
    except UserError as error:
        complain(error)
    except KeyboardInterrupt:
        raise SystemExit(130) from None
    _show(figures, as_json)
    if any(sum(row.errors.values()) for row in (*figures.paced, *figures.unpaced)):
        raise SystemExit(1)


def streams_of(text: str) -> list[int]:
    """The numbers of a list like "1,16,100". Raises UserError."""
    try:
        counts = [int(part) for part in text.split(",")]
    except ValueError:
        counts = []
    if not counts or not all(1 <= count <= MAX_STREAMS for count in counts):
        raise UserError(f"--streams needs numbers from 1 to {MAX_STREAMS}, like 1,16,100")
    return list(dict.fromkeys(counts))


def _place(
    anyway: bool, model: str | None, upstream: str | None, upstream_model: str, state: Path | None
) -> AbstractContextManager[Bench]:
    from infra.cli.bench_stack import own_stack, refuse_without_memory, users_stack
    from infra.cli.stack_file import state_folder

    if model is not None:
        return users_stack(state_folder(state), model, upstream or "", upstream_model)
    refuse_without_memory()
    if not anyway:
        _refuse_busy_machine()
    _say("starting a stack to measure (about half a minute) …")
    return own_stack()


def _with_the_real_model(figures: Figures) -> Figures:
    """The figures with those of the real model, measured in stacks of its own."""
    import dataclasses

    from infra.cli.bench_real import measure_real

    _say("the real language model: two starts, then answers in turn with llama.cpp alone (about 4 minutes) …")
    return dataclasses.replace(figures, real=measure_real())


def _refuse_busy_machine() -> None:
    """Raises UserError if other programs leave no room to measure anything."""
    import time

    from infra.cli.bench_cpu import machine_time

    before = machine_time()
    time.sleep(_LOOK_S)
    busy = machine_time().busy_share_since(before)
    if busy > MAX_FOREIGN_SHARE:
        raise UserError(
            f"other programs use {busy:.0%} of the machine: figures would say little. Wait, or use --anyway"
        )


def _show(figures: Figures, as_json: bool) -> None:
    import json
    import os
    import platform

    from infra.cli.bench_cpu import cpu_model, total_bytes
    from infra.cli.bench_figures import notes_of, object_of, table_of
    from infra.cli.bench_goals import goal_objects, goals_of, goals_table
    from infra.cli.bench_ratios import ratios_of, ratios_table

    rows, goals = [*figures.paced, *figures.unpaced], goals_of(figures)
    machine = {
        "processor": cpu_model(),
        "cores": len(os.sched_getaffinity(0)),
        "memory_gb": round(total_bytes() / 1e9, 1),
        "kernel": platform.release(),
        "python": platform.python_version(),
    }
    if as_json:
        found = [object_of(row) | {"times_proxy": ratios_of(row)} for row in rows]
        print(json.dumps({"machine": machine, "rows": found, "goals": goal_objects(goals), "notes": notes_of(rows)}))
        return
    from rich.console import Console

    # A narrow terminal breaks the lines itself: a table whose cells are folded cannot be read.
    console = Console(width=max(Console().width, _TABLE_WIDTH))
    console.print(
        f"{machine['processor']}, {machine['cores']} cores, {machine['memory_gb']} GB; Linux {machine['kernel']}, "
        f"Python {machine['python']}; load, upstream and stack on this machine; a token every 20 ms a stream",
        soft_wrap=True,
    )
    console.print(table_of(rows))
    console.print("The same as multiples of a bare proxy's (decodes and encodes each event's JSON):", soft_wrap=True)
    console.print(ratios_table(rows))
    console.print(goals_table(goals))
    if figures.unpaced:
        console.print("The last two rows are unpaced: 16 streams of 200 and of 2,000 tokens a request.", soft_wrap=True)
    for note in notes_of(rows):
        console.print(note, markup=False, highlight=False, soft_wrap=True)


def _say(what: str) -> None:
    print(what, file=sys.stderr, flush=True)


@contextmanager
def _interrupts_as_exceptions() -> Iterator[None]:
    """SIGTERM unwinds the block as Ctrl-C does, so that the stack it started is taken down."""

    def interrupt(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
