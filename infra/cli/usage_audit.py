"""The audit of the ledger: what ended, what was billed, what the tables say of it, and what sums say."""

from __future__ import annotations

import asyncio
import json
import os
from dataclasses import asdict
from itertools import islice
from pathlib import Path

import typer

from infra.cassandra.session import CassandraSession
from infra.cli.replay.opened import log_errors, open_log
from infra.cli.replay.progress import NICENESS, Stop, progress
from infra.cli.replay.verify import compared, difference_line, selected
from infra.cli.stack_file import connected_settings
from infra.cli.terminal import UserError, one_line
from infra.cli.usage import money
from projections.replay.spool import ScratchError
from projections.replay.verify import Verdict
from streams.metering.auditing import MAX_NAMED, Audit, Seen, Total, Wrong
from topics.catalogue import GENERATION_OUTCOMES, USAGE_RECORDS, catalogue
from topics.cuts import Cut
from topics.groups import committed
from topics.log import Log

METERING = "verbatim-metering"
"""The consumer group that bills outcomes."""
TABLES = ("usage", "embeddings", "usage_rollups")
SHOWN = 20


async def run(state: Path | None, stop: Stop, *, as_json: bool) -> int:
    """Audit, say what was found, and return the exit status. Raises UserError, and what `stop` raises."""
    settings = connected_settings(state)
    os.nice(NICENESS)
    try:
        with log_errors(), open_log(settings) as log:
            behind, seen, totals, wrong = await asyncio.to_thread(_bills, log, settings.kafka.client_properties(), stop)
            session = await CassandraSession.connect(settings.cassandra, request_timeout_s=20.0)
            try:
                verdicts, missing = {}, {}
                for name in TABLES:
                    asked = await selected(session, settings, log, name, None)
                    missing[name] = asked.behind
                    verdicts[name] = await compared(session, settings, log, asked, None, None, stop)
            finally:
                await session.aclose()
    except ScratchError as error:
        raise UserError(str(error)) from None
    equal = not wrong and all(verdict.equal for verdict in verdicts.values())
    if as_json:
        found = {"equal": equal, "behind": behind, **asdict(seen), "totals": [asdict(total) for total in totals]}
        tables = {name: {**asdict(verdict), "behind": missing[name]} for name, verdict in verdicts.items()}
        typer.echo(json.dumps({**found, "wrong": [asdict(one) for one in wrong], "tables": tables}))
    else:
        _say(behind, seen, totals, wrong)
        _say_tables(verdicts, missing)
        typer.echo("equal" if equal else "DIFFERENT: see above")
    return 0 if equal else 1


def _bills(log: Log, properties: dict[str, str], stop: Stop) -> tuple[int, Seen, list[Total], list[Wrong]]:
    """The outcomes that metering has passed, and the bills up to the end of now, which has one for each of them."""
    there = log.topics()
    missing = next((topic for topic in (GENERATION_OUTCOMES, USAGE_RECORDS) if topic not in there), None)
    if missing is not None:
        raise UserError(f"the log has no topic {missing} yet: start the stack once")
    topics = log.catalogue(catalogue())
    passed = {place: groups[METERING] for place, groups in committed(properties).items() if METERING in groups}
    first, ended = log.held({GENERATION_OUTCOMES: there[GENERATION_OUTCOMES]})
    outcomes: Cut = {place: min(passed.get(place, 0), offset) for place, offset in ended.items()}
    _, bills = log.held({USAGE_RECORDS: there[USAGE_RECORDS]})
    for place, offset in first.items():
        if offset > 0:
            raise UserError(
                f"{place[0]}[{place[1]}] begins at offset {offset}: what came before is neither in the topic nor in an"
                " archive, and bills of it cannot be compared"
            )
    total = sum(outcomes.values()) + sum(bills.values())
    with Audit(topics, outcomes) as audit, progress("audit of the bills") as report:
        done = 0
        for cut in (outcomes, bills):
            for batch in log.read({}, cut):
                stop.check()
                for raw in batch:
                    audit.take(raw)
                done += len(batch)
                report(done, total, 0)
        behind = sum(ended.values()) - sum(outcomes.values())
        return behind, audit.seen, audit.totals(), list(islice(audit.wrong(), MAX_NAMED))


def _say(behind: int, seen: Seen, totals: list[Total], wrong: list[Wrong]) -> None:
    typer.echo(
        f"{seen.outcomes:,} outcomes, {seen.bills:,} bills and {seen.embeddings:,} requests for embeddings,"
        f" {seen.reratings:,} re-ratings: {len(wrong):,} wrong"
    )
    for total in totals:
        typer.echo(
            f"  {one_line(total.currency)}: {total.bills:,} bills, billed {money(total.billed_micros)},"
            f" at the newest prices {money(total.rated_micros)}"
        )
    if seen.repeats:
        typer.echo(f"  {seen.repeats:,} second copies of bills, which count for nothing")
    if behind:
        typer.echo(f"  {behind:,} newer outcomes are not billed yet: compared up to where metering has come")
    if seen.unreadable:
        typer.echo(f"  {seen.unreadable:,} records cannot be read; their readers have parked them in dead-letters")
    for one in wrong[:SHOWN]:
        typer.echo(f"  {one_line(one.bill_id)} {one_line(one.what)} ({one.place})")


def _say_tables(verdicts: dict[str, Verdict], missing: dict[str, int]) -> None:
    for name, verdict in verdicts.items():
        count = "equal" if verdict.equal else f"{verdict.different:,} differences"
        typer.echo(f"{name}: {count}, {verdict.rows:,} rows from {verdict.records:,} records")
        if missing[name]:
            typer.echo(f"  {missing[name]:,} newer records are not in the tables yet")
        for difference in verdict.differences[:SHOWN]:
            typer.echo(f"  {difference_line(difference)}")
