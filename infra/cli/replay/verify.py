"""`./verbatim replay verify`: compares tables with the log."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from infra.cli.state_option import StateOption
from infra.cli.terminal import UserError, complain, one_line

if TYPE_CHECKING:
    from infra.cli.replay.progress import Stop
    from infra.settings import Settings
    from projections.registry import Projection
    from projections.replay.comparing import Difference
    from projections.replay.folding import Parked
    from projections.replay.ring import Span
    from projections.replay.verify import Verdict
    from topics.catalogue import Catalogue
    from topics.cuts import Cut
    from topics.log import Log

SHOWN = 20


def register(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command()(verify)


def verify(
    projections: Annotated[
        list[str] | None, typer.Argument(metavar="[PROJECTION…]", help="The projections to verify. Default: all.")
    ] = None,
    version: Annotated[
        int | None, typer.Option("--version", min=1, metavar="N", help="The version to verify. Default: the live one.")
    ] = None,
    sample: Annotated[
        str | None,
        typer.Option("--sample", metavar="PART", help="Only 5% of all partitions, or the third sixteenth: 3/16."),
    ] = None,
    dump: Annotated[
        Path | None,
        typer.Option("--dump", metavar="FILE", help="Write the log's side as a canonical dump, for diffing by hand."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a projection, with all that was found.")] = (
        False
    ),
    state: StateOption = None,
) -> None:
    """Compare live tables with a fold of the log, cell by cell. Exit 1 if anything differs.

    Records of a newer release are named and left out; if only they are open, the exit code is 3.
    """
    from infra.cli.replay.progress import Interrupted, interruptible

    try:
        with interruptible() as stop:
            status = asyncio.run(_verify(projections or ["all"], version, sample, dump, as_json, state, stop))
    except UserError as error:
        complain(error)
    except Interrupted:
        typer.echo("interrupted; run the same command again to continue", err=True)
        raise SystemExit(130) from None
    raise SystemExit(status)


@dataclass(frozen=True, slots=True)
class _Asked:
    """What is to be compared: `behind` records are in the log that the projector has not written yet. `partitions`: of
    all topics; `topics`: with their epochs."""

    projection: Projection
    cut: Cut
    behind: int
    partitions: Mapping[str, int]
    topics: Catalogue


async def _verify(
    names: list[str],
    version: int | None,
    sample: str | None,
    dump: Path | None,
    as_json: bool,
    state: Path | None,
    stop: Stop,
) -> int:
    from infra.cassandra.session import CassandraSession
    from infra.cli.replay.opened import log_errors, open_log
    from infra.cli.replay.progress import NICENESS
    from infra.cli.stack_file import connected_settings
    from infra.exits import EXIT_NEWER
    from projections import registry
    from projections.replay.ring import BadSample, parse_sample
    from projections.replay.spool import ScratchError

    wanted = _chosen(names, registry.names())
    if len(wanted) > 1 and (version is not None or dump is not None):
        raise UserError("--version and --dump need exactly one projection")
    equal = known = True
    try:
        span = None if sample is None else parse_sample(sample)
        settings = connected_settings(state)
        os.nice(NICENESS)
        with log_errors(), open_log(settings) as log:
            session = await CassandraSession.connect(settings.cassandra, request_timeout_s=20.0)
            try:
                for name in wanted:
                    asked = await selected(session, settings, log, name, version)
                    found = await compared(session, settings, log, asked, span, dump, stop)
                    _say(asked, found, sample, as_json)
                    equal, known = equal and found.equal, known and not found.newer_count
            finally:
                await session.aclose()
    except (BadSample, ScratchError) as error:
        raise UserError(str(error)) from None
    return 1 if not equal else 0 if known else EXIT_NEWER


def _chosen(names: list[str], known: tuple[str, ...]) -> tuple[str, ...]:
    if "all" in names:
        return known
    for name in names:
        if name not in known:
            raise UserError(f"{one_line(name)[:60]!r} is not a projection: use {', '.join(known)} or all")
    return tuple(dict.fromkeys(names))


async def selected(session: Any, settings: Settings, log: Log, name: str, version: int | None) -> _Asked:
    from projections.registry import defined
    from projections.replay.fill import watermarks
    from projections.versions import read_pointers, read_versions
    from projections.watermarks import LIVE
    from topics.catalogue import catalogue

    keyspace = settings.cassandra.keyspace
    live = (await read_pointers(session, keyspace)).get(name)
    number = live if version is None else version
    there = {row.version: row for row in await read_versions(session, keyspace) if row.projection == name}
    row = None if number is None else there.get(number)
    if number is None or row is None:
        listed = ", ".join(str(n) for n, r in there.items() if r.state == "ready") or "none"
        raise UserError(f"{name} has no version {number or ''}".rstrip() + f": there is {listed}")
    if row.state != "ready":
        raise UserError(f"version {number} of {name} is {row.state}: only what is ready can be verified")
    projection = defined(name, row.definition)
    if projection is None:
        raise UserError(f"version {number} of {name} has definition {row.definition}: only another release can fold it")
    reached = await watermarks(session, keyspace, LIVE, name, number)
    partitions = await asyncio.to_thread(log.topics)
    topics = await asyncio.to_thread(log.catalogue, catalogue())
    known = {t: partitions.get(t, topics[t].partitions) for t in projection.topics if t in partitions}
    end = (await asyncio.to_thread(log.held, known))[1]
    cut = {place: min(reached.get(place, 0), offset) for place, offset in end.items()}
    return _Asked(projection.at(number), cut, sum(end.values()) - sum(cut.values()), partitions, topics)


async def compared(
    session: Any, settings: Settings, log: Log, asked: _Asked, span: Span | None, dump: Path | None, stop: Stop
) -> Verdict:
    from infra.cli.replay.progress import progress
    from projections.replay.pace import Pace, Rests
    from projections.replay.stored import StoredRows
    from projections.replay.verify import verify as compare

    projection, keyspace = asked.projection, settings.cassandra.keyspace
    part = "" if span is None else f"-{span.after:x}-{span.last:x}"
    scratch = settings.state / "replay" / f"verify-{keyspace}-{projection.name}-v{projection.version}{part}"
    topics: dict[str, int] = {}
    for topic, _ in asked.cut:
        topics[topic] = topics.get(topic, 0) + 1
    with ExitStack() as opened:
        report = opened.enter_context(progress(f"verify {projection.name}"))
        try:
            out = None if dump is None else opened.enter_context(dump.open("wb"))
        except OSError as error:
            raise UserError(f"{dump} cannot be written: {error.strerror}") from None
        return await compare(
            log.read,
            StoredRows(session, keyspace),
            projection,
            projection.version,
            asked.cut,
            topics=asked.topics,
            ends=lambda: log.held(topics)[1],
            scratch=scratch,
            report=report,
            stop=stop,
            rests=Rests(Pace(lambda topics: log.held(topics)[1], asked.partitions, asked.cut, None)),
            sample=span,
            dump=out,
        )


def _say(asked: _Asked, verdict: Verdict, sample: str | None, as_json: bool) -> None:
    projection = asked.projection
    if as_json:
        said = {"projection": projection.name, "version": projection.version, "equal": verdict.equal, "sample": sample}
        typer.echo(json.dumps({**said, "behind": asked.behind, **asdict(verdict)}))
        return
    count = f"{verdict.different:,} differences" if verdict.different != 1 else "1 difference"
    same = "equal as far as it could be compared" if verdict.newer_count else "equal"
    of = "" if sample is None else f" (a sample: {sample} of its partitions)"
    typer.echo(
        f"{projection.name} v{projection.version}: {same if verdict.equal else count}{of}. "
        f"{verdict.records:,} records, {verdict.rows:,} rows, {verdict.cells:,} cells"
    )
    typer.echo(f"  log     {verdict.hash_log}\n  tables  {verdict.hash_tables}")
    if asked.behind:
        typer.echo(f"  {asked.behind:,} newer records are not in the tables yet: compared up to where they have come")
    for difference in verdict.differences[:SHOWN]:
        typer.echo(f"  {difference_line(difference)}")
    if verdict.different > SHOWN:
        typer.echo(f"  … and {verdict.different - SHOWN:,} more (--json names up to 1,000)")
    if verdict.newer_count:
        typer.echo(f"  {verdict.newer_count:,} records are newer than this release: not compared, upgrade first")
        _name(verdict.newer)
    if verdict.parked_count:
        typer.echo(f"  {verdict.parked_count:,} records make no rows; the projector has parked them in dead-letters")
        _name(verdict.parked)


def _name(records: tuple[Parked, ...]) -> None:
    for record in records[:SHOWN]:
        typer.echo(f"    {record.topic}:{record.partition} offset {record.offset}: {one_line(record.reason)}")


def difference_line(difference: Difference) -> str:
    place = "no record is known"
    if difference.offset is not None:
        where = difference.topic or "its topic"
        partition = "" if difference.partition is None else f":{difference.partition}"
        place = f"{where}{partition} offset {difference.offset}"
    return (
        f"{difference.table} {json.dumps(list(difference.key))} {difference.column}: the log says "
        f"{difference.expected}, the table {difference.found} ({place})"
    )
