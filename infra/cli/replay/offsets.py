"""`./verbatim replay offsets TOPIC`: the first and last offsets of each partition, in archive and topic."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated

import typer

from infra.cli.state_option import StateOption
from infra.cli.terminal import UserError, complain, one_line

_ANSWER_S = 10.0


@dataclass(frozen=True, slots=True)
class Span:
    """A partition. `archive_first` to `archive_end`: what the archive keeps (None: nothing, or no archive is set).

    `first` to `end`: what the topic holds. `at`: the offset of the moment that was asked for (None: none was).
    """

    topic: str
    partition: int
    archive_first: int | None
    archive_end: int | None
    first: int
    end: int
    at: int | None


def register(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command()(offsets)


def offsets(
    topic: Annotated[str, typer.Argument(metavar="TOPIC", help="A topic's name; an unknown name lists them all.")],
    at: Annotated[
        str | None,
        typer.Option("--at", metavar="TIME", help="Also the offsets of a moment: 2026-11-21T08:30 (UTC), 10m ago."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object for each partition.")] = False,
    state: StateOption = None,
) -> None:
    """Show the first and end offset of each partition, what the archive keeps, and where a moment lies."""
    try:
        spans = _spans(topic, at, state)
    except UserError as error:
        complain(error)
    _show(spans, as_json)


def _spans(topic: str, at: str | None, state: Path | None) -> list[Span]:
    from infra.cli.replay.opened import archive_of, log_errors, open_log, parse_moment
    from infra.cli.stack_file import connected_settings
    from infra.clock import utc_now
    from topics.scan import watermarks

    settings = connected_settings(state, cassandra=False)
    properties = settings.kafka.client_properties()
    with log_errors(), open_log(settings) as log:
        there = log.topics()
        if topic not in there:
            known = ", ".join(sorted(there)) or "none yet"
            raise UserError(f"there is no topic {one_line(topic)[:100]!r}. The topics are: {known}")
        cut = None if at is None else parse_moment(at, log, {topic: there[topic]}, utc_now())
        archive = archive_of(settings)
        spans = []
        for partition in range(there[topic]):
            first, end = watermarks({**properties, "log_level": "0"}, topic, partition, _ANSWER_S)
            kept = (0, 0) if archive is None else archive.held(topic, partition)
            low, stop = kept if kept[1] > kept[0] else (None, None)
            moment = None if cut is None else cut.get((topic, partition))
            spans.append(Span(topic, partition, low, stop, first, end, moment))
        return spans


def _show(spans: list[Span], as_json: bool) -> None:
    import json

    if as_json:
        for span in spans:
            print(json.dumps(asdict(span)))
        return
    from infra.cli.replay.tables import say, shown, table

    rows = table("partition>", "archive from>", "archive to>", "topic from>", "end>", "records>", "at>")
    for span in spans:
        first = span.first if span.archive_first is None else min(span.archive_first, span.first)
        numbers = (span.archive_first, span.archive_end, span.first, span.end, span.end - first, span.at)
        rows.add_row(str(span.partition), *("-" if n is None else f"{n:,}" for n in numbers))
    shown(rows)
    if all(span.at is not None for span in spans):
        say("as a cut: " + ",".join(f"{span.topic}:{span.partition}={span.at}" for span in spans))
