"""`./verbatim replay picks`: works out again why workers started each job when they did."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from infra.cli.state_option import StateOption
from infra.cli.terminal import UserError, complain, one_line

if TYPE_CHECKING:
    from infra.settings import Settings
    from topics.fairness.replay import Report


def register(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command()(picks)


def picks(
    since: Annotated[
        str, typer.Option("--since", metavar="MOMENT", help="Check picks from then on: a time, an age (10m), a cut.")
    ] = "3d",
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
    state: StateOption = None,
) -> None:
    """Check that workers started jobs in the order that fair queueing gives: from the jobs, the attempts and what they
    were answered. Exit with 1 if a pick is not what the rule gives. A worker's picks are checked from its first one on,
    so MOMENT should lie before its start."""
    try:
        report = _report(state, since)
    except UserError as error:
        complain(error)
    _show(report, as_json)
    if report.wrong:
        raise SystemExit(1)


def _report(state: Path | None, since: str) -> Report:
    from infra.cli.stack_file import connected_settings

    return report_of(connected_settings(state, cassandra=False), since)


def report_of(settings: Settings, since: str) -> Report:
    """All picks since a moment, worked out again. Raises UserError."""
    from infra.cli.replay.opened import log_errors, open_log, parse_moment
    from infra.cli.replay.progress import interruptible
    from infra.clock import utc_now
    from topics.catalogue import JOBS_PREFIX, TOKEN_CHUNKS
    from topics.fairness.replay import Picks

    found = Picks()
    with interruptible() as stop, log_errors(), open_log(settings) as log:
        there = log.topics()
        jobs = {name: count for name, count in there.items() if name.startswith(JOBS_PREFIX)}
        chunks = {name: count for name, count in there.items() if name == TOKEN_CHUNKS}
        # Jobs wait: those of the first picks are older than the picks.
        begin = {**log.held(jobs)[0], **parse_moment(since, log, chunks, utc_now())}
        for batch in log.read(begin, log.held({**jobs, **chunks})[1]):
            stop.check()
            for raw in batch:
                found.take_raw(raw.topic, raw.partition, raw.offset, raw.value)
    return found.check()


def _show(report: Report, as_json: bool) -> None:
    if as_json:
        work = [{**flow._asdict(), "work": work} for flow, work in sorted(report.work.items())]
        typer.echo(json.dumps({**asdict(report), "work": work}))
        return
    reasons = ", ".join(f"{count} {reason}" for reason, count in sorted(report.reasons.items()))
    typer.echo(f"{report.checked} picks of {report.domains} workers are what the rule gives ({reasons or 'none'})")
    if report.unchecked:
        typer.echo(f"{report.unchecked} cannot be checked: what they depend on is older, or never reached the log")
    typer.echo(
        f"between users of one class and tier who waited, work differed by {report.most_gap} at most; "
        f"the bound is {report.bound}"
    )
    for wrong in report.found:
        typer.echo(
            f"pick {wrong.number} of {one_line(wrong.domain)}, generation {wrong.generation_id}: {wrong.problem}"
        )
    if report.wrong:
        typer.echo(f"{report.wrong} picks are not what the rule gives")
