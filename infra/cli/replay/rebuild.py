"""`./verbatim replay rebuild`: rebuilds a projection's tables from the log while users keep working."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from infra.cli.state_option import StateOption
from infra.cli.terminal import UserError, complain

if TYPE_CHECKING:
    from infra.cli.replay.progress import Stop
    from infra.settings import Settings
    from projections.replay.fill import Filled
    from projections.replay.rebuild import Rebuilt
    from topics.log import Log

_PARKED_SHOWN = 10
_INTERRUPTED = 130


def register(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command()(rebuild)


def rebuild(
    projection: Annotated[
        str | None, typer.Argument(metavar="PROJECTION", help="A projection's name; an unknown name lists them all.")
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="All projections, in one pass over the log.")] = False,
    max_rate: Annotated[
        int | None,
        typer.Option(
            "--max-rate",
            min=1,
            metavar="ROWS",
            help="Limit of rows a second, written or compared. Default: none, but 500 while answers stream.",
        ),
    ] = None,
    state: StateOption = None,
) -> None:
    """Rebuild a projection's tables from the log beside the live ones, verify them, then switch readers to them.

    The old version is kept and stays current: `rollback` goes back to it, `drop` deletes it. Writes and reads continue
    throughout. Ctrl-C or a kill does no harm: run the same command again to continue.
    """
    from infra.cli.replay.progress import Interrupted

    try:
        _rebuild(_names(projection, every), max_rate, state)
    except UserError as error:
        complain(error)
    except (Interrupted, KeyboardInterrupt):
        print("interrupted; run the same command again to continue", file=sys.stderr)
        raise SystemExit(_INTERRUPTED) from None


def _names(projection: str | None, every: bool) -> tuple[str, ...]:
    from infra.cli.replay.projections import projection_named
    from projections.registry import names

    if every:
        if projection is not None:
            raise UserError(f"either --all or one projection: {projection} is one of all")
        return names()
    if projection is None:
        raise UserError(f"which projection? {', '.join(sorted(names()))}, or --all of them")
    return (projection_named(projection),)


def _rebuild(names: tuple[str, ...], max_rate: int | None, state: Path | None) -> None:
    from infra.cli.replay.opened import open_log
    from infra.cli.replay.progress import interruptible, step_back
    from infra.cli.replay.projections import refusals
    from infra.cli.stack_file import connected_settings

    settings = connected_settings(state)
    step_back()
    with refusals(), interruptible() as stop, open_log(settings) as log:
        asyncio.run(_run(settings, log, names, max_rate, stop))


async def _run(settings: Settings, log: Log, names: tuple[str, ...], max_rate: int | None, stop: Stop) -> None:
    from infra.cli.replay.progress import progress
    from infra.cli.replay.projections import store_session
    from infra.cli.replay.rebuild_work import Telling, rebuild_with

    async with store_session(settings) as session:
        telling = Telling(progress, _say)
        done, filled = await rebuild_with(session, settings, log, names, telling, stop, max_rate)
    _tell(done, filled)


def _tell(done: list[Rebuilt], filled: Filled) -> None:
    for one in done:
        kept = f"; {one.before} is kept: ./verbatim replay rollback {one.name}" if one.before != one.version else ""
        print(f"{one.name}: version {one.version} is live{kept}")
    if filled.parked_count:
        print(f"{filled.parked_count:,} records made no row (the projector has them in dead-letters):")
        for parked in filled.parked[:_PARKED_SHOWN]:
            print(f"  {parked.topic}/{parked.partition}/{parked.offset}: {parked.reason}")


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
