"""`./verbatim replay rebuild`: a projection's tables made anew from the log while everybody goes on."""

from __future__ import annotations

import asyncio
import gc
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from infra.cli.state_option import StateOption
from infra.cli.terminal import UserError, complain

if TYPE_CHECKING:
    from infra.cli.replay.progress import Stop
    from infra.settings import Settings
    from projections.registry import Projection
    from projections.replay.rebuild import Rebuild, Rebuilt
    from topics.cuts import Cut
    from topics.log import Log

_COLLECTED_AFTER = 100_000
_PARKED_SHOWN = 10
_INTERRUPTED = 130


def register(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command()(rebuild)


def rebuild(
    projection: Annotated[
        str | None, typer.Argument(metavar="PROJECTION", help="A projection; an unknown one lists them.")
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="All projections, in one pass over the log.")] = False,
    max_rate: Annotated[
        int | None,
        typer.Option(
            "--max-rate",
            min=1,
            metavar="ROWS",
            help="Rows a second, written or compared. Else: all it can, 2,000 while answers stream.",
        ),
    ] = None,
    state: StateOption = None,
) -> None:
    """Make a projection's tables anew from the log, beside those that are read; verify them; then read the new ones.

    The old version is kept and stays current: `rollback` goes back to it, `drop` takes it away. Writes and reads go on
    throughout. Ctrl-C or a kill harms nothing: the same command goes on where the last one stopped.
    """
    from infra.cli.replay.progress import Interrupted

    try:
        _rebuild(_names(projection, every), max_rate, state)
    except UserError as error:
        complain(error)
    except (Interrupted, KeyboardInterrupt):
        print("interrupted; the same command goes on where this one stopped", file=sys.stderr)
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
    from infra.cli.replay.progress import NICENESS, interruptible
    from infra.cli.replay.projections import refusals
    from infra.cli.stack_file import connected_settings

    settings = connected_settings(state)
    os.nice(NICENESS)
    # Millions of small things come and go, none of them in circles but a request's own: look for those seldom.
    gc.freeze()
    gc.set_threshold(_COLLECTED_AFTER)
    with refusals(), interruptible() as stop, open_log(settings) as log:
        asyncio.run(_run(settings, log, names, max_rate, stop))


async def _run(settings: Settings, log: Log, names: tuple[str, ...], max_rate: int | None, stop: Stop) -> None:
    from infra.cli.replay.progress import progress
    from infra.cli.replay.projections import partitions_of, store_session
    from infra.ids import draw_id
    from projections.registry import TOPICS
    from projections.replay.lease import Lease, this_process
    from projections.replay.moves import Moves
    from projections.replay.pace import Pace, Rests
    from projections.replay.rebuild import Rebuild
    from projections.replay.rules import Refused
    from projections.replay.stored import StoredRows
    from projections.replay.verify import verify
    from topics.catalogue import catalogue

    topics = catalogue()
    partitions = await asyncio.to_thread(partitions_of, log)
    keyspace = settings.cassandra.keyspace
    async with store_session(settings) as session:

        async def compare(projection: Projection, cut: Cut) -> None:
            with progress(f"verifying {projection.name}") as report:
                verdict = await verify(
                    log.read,
                    StoredRows(session, keyspace),
                    projection,
                    projection.version,
                    cut,
                    ends=lambda: log.held({topic: partitions[topic] for topic in projection.topics})[1],
                    scratch=settings.state / "replay" / f"{keyspace}-{projection.name}-v{projection.version}",
                    report=report,
                    stop=rebuilding,
                    rests=Rests(Pace(lambda topics: log.held(topics)[1], partitions, cut, max_rate)),
                )
            if not verdict.equal:
                first = verdict.differences[0]
                raise Refused(
                    f"version {projection.version} of {projection.name} differs from the log in {verdict.different:,}"
                    f" places, the first in {first.table} at {first.key}, {first.column}: it stays unused. Look with"
                    f" ./verbatim replay verify, or drop it (./verbatim replay drop {projection.name}"
                    f" {projection.version})"
                )
            _say(f"{projection.name}: {verdict.rows:,} rows equal the log, hash {verdict.hash_tables}")

        rebuilding = Rebuild(
            session,
            keyspace,
            log,
            partitions,
            {topic: topics[topic].epoch for topic in TOPICS},
            Lease(Moves(session, keyspace), draw_id(), this_process()),
            verify=compare,
            progress=progress,
            say=_say,
            stop=stop,
            max_rate=max_rate,
        )
        _tell(await rebuilding.run(names), rebuilding)


def _tell(done: list[Rebuilt], rebuilding: Rebuild) -> None:
    filled = rebuilding.filled
    for one in done:
        kept = f"; {one.before} is kept: ./verbatim replay rollback {one.name}" if one.before != one.version else ""
        print(f"{one.name}: version {one.version} is live{kept}")
    if filled.parked_count:
        print(f"{filled.parked_count:,} records made no row (the projector has them in dead-letters):")
        for parked in filled.parked[:_PARKED_SHOWN]:
            print(f"  {parked.topic}/{parked.partition}/{parked.offset}: {parked.reason}")


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
