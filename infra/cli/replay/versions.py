"""`./verbatim replay versions`, `use`, `rollback`, `drop`: the versions of a projection, and the live one."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from infra.cli.state_option import StateOption
from infra.cli.terminal import UserError, complain

if TYPE_CHECKING:
    from infra.cassandra.session import CassandraSession
    from infra.settings import Settings
    from topics.log import Log

T = TypeVar("T")
Projection = Annotated[
    str, typer.Argument(metavar="PROJECTION", help="A projection's name; an unknown name lists them all.")
]
Number = Annotated[int, typer.Argument(metavar="VERSION", min=1, help="A version's number.")]
_COLUMNS = ("projection", "version", "definition", "state", "live", "lag", "held_by")


def register(app: typer.Typer) -> None:
    """Add the commands to the command line."""
    app.command()(versions)
    app.command()(use)
    app.command()(rollback)
    app.command()(drop)


def versions(
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False, state: StateOption = None
) -> None:
    """List the versions of all projections: which one is live, and how many records each is behind the log."""
    try:
        found = _versions(state)
    except UserError as error:
        complain(error)
    if as_json:
        for line in found:
            print(json.dumps(line))
        return
    from rich.console import Console
    from rich.table import Table

    table = Table(*_COLUMNS, box=None, pad_edge=False)
    for line in found:
        table.add_row(*(_shown(line[name]) for name in _COLUMNS))
    Console().print(table)


def use(projection: Projection, version: Number, state: StateOption = None) -> None:
    """Switch readers to this version of a projection; they follow within a second."""
    from projections.replay.changes import use as change

    before = _changed(state, projection, lambda session, keyspace: change(session, keyspace, projection, version))
    print(f"{projection}: version {version} is live" + (", as before" if before == version else f", {before} was"))


def rollback(projection: Projection, state: StateOption = None) -> None:
    """Switch readers to the version before the live one. `use` goes forward again."""
    from projections.replay.changes import rollback as change

    before, now = _changed(state, projection, lambda session, keyspace: change(session, keyspace, projection))
    print(f"{projection}: version {now} is live; forward again: ./verbatim replay use {projection} {before}")


def drop(projection: Projection, version: Number, state: StateOption = None) -> None:
    """Delete a version's tables; `rebuild` can make them again. The live one is refused."""
    from projections.replay.changes import drop as change

    _changed(state, projection, lambda session, keyspace: change(session, keyspace, projection, version))
    print(f"{projection}: version {version} is gone")


def _changed(state: Path | None, name: str, change: Callable[[CassandraSession, str], Coroutine[Any, Any, T]]) -> T:
    """What the change returns; a refusal ends the process with one line."""
    from infra.cli.replay.projections import projection_named, refusals, store_session
    from infra.cli.stack_file import connected_settings

    async def run(settings: Settings) -> T:
        async with store_session(settings) as session:
            return await change(session, settings.cassandra.keyspace)

    try:
        projection_named(name)
        with refusals():
            return asyncio.run(run(connected_settings(state)))
    except UserError as error:
        complain(error)


def _versions(state: Path | None) -> list[dict[str, Any]]:
    from infra.cli.replay.opened import open_log
    from infra.cli.replay.projections import refusals
    from infra.cli.stack_file import connected_settings

    settings = connected_settings(state)
    with refusals(), open_log(settings) as log:
        return asyncio.run(_listed(settings, log))


async def _listed(settings: Settings, log: Log) -> list[dict[str, Any]]:
    from infra.cli.replay.projections import partitions_of, store_session
    from projections.registry import TOPICS, defined
    from projections.replay.fill import watermarks
    from projections.versions import read_pointers, read_versions
    from projections.watermarks import LIVE, REBUILD

    partitions = await asyncio.to_thread(partitions_of, log)
    _, end = await asyncio.to_thread(log.held, {topic: partitions[topic] for topic in TOPICS})
    keyspace = settings.cassandra.keyspace
    found = []
    async with store_session(settings) as session:
        live = await read_pointers(session, keyspace)
        for row in await read_versions(session, keyspace):
            if row.state == "dropped":
                continue
            known = defined(row.projection, row.definition)
            lag = None
            if known is not None and row.is_written:
                # Of one that is being filled the rebuild's own progress counts.
                scope = LIVE if row.state == "ready" else REBUILD
                reached = await watermarks(session, keyspace, scope, row.projection, row.version)
                lag = sum(max(0, at - reached.get(at_, 0)) for at_, at in end.items() if at_[0] in known.topics)
            values = (row.projection, row.version, row.definition, row.state, live.get(row.projection) == row.version)
            found.append(dict(zip(_COLUMNS, (*values, lag, row.holder), strict=True)))
    return found


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else ""
    return f"{value:,}" if isinstance(value, int) else str(value or "")
