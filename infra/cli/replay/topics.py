"""`./verbatim replay topics`: lists the topics with their records, retention and writers."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from infra.cli.state_option import StateOption
from infra.cli.terminal import UserError, complain

if TYPE_CHECKING:
    from infra.settings import Settings


@dataclass(frozen=True, slots=True)
class TopicLine:
    """A topic. `epochs`: the partitions of each. `retention_ms` -1: for ever. `bytes` on disk: None if the broker is
    not this stack's own.

    Of a topic that no catalogue of this installation has, `key`, `written_by` and `types` are empty.
    """

    name: str
    partitions: int
    epochs: tuple[int, ...]
    retention_ms: int | None
    records: int
    bytes: int | None
    key: str
    written_by: str
    types: tuple[str, ...]


def register(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command()(topics)


def topics(
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object for each topic.")] = False,
    state: StateOption = None,
) -> None:
    """List the topics: partitions, retention, records and bytes held, key, who writes them, and their record types."""
    try:
        lines = _lines(state)
    except UserError as error:
        complain(error)
    _show(lines, as_json)


def _lines(state: Path | None) -> list[TopicLine]:
    from infra.cli.replay.opened import log_errors
    from infra.cli.stack_file import connected_settings
    from topics.admin import retention_of
    from topics.catalogue import catalogue
    from topics.log import Log

    settings = connected_settings(state, cassandra=False)
    properties = settings.kafka.client_properties()
    # The pool of jobs is in their topics' names, and any pool's jobs are alike.
    ours, jobs = catalogue().specs, catalogue().specs["generation-jobs.default.interactive"]
    log = Log(properties)
    try:
        with log_errors():
            layouts = log.layouts()
            there = {name: layout.partitions for name, layout in layouts.items()}
            first, end = log.held(there)
            retention = retention_of(properties, sorted(there))
    finally:
        log.close()
    lines = []
    for name, partitions in sorted(there.items()):
        spec = ours.get(name) or (jobs if name.startswith("generation-jobs.") else None)
        held = sum(end[name, p] - first[name, p] for p in range(partitions))
        types = () if spec is None else tuple(sorted(kind.__name__ for kind in spec.record_types))
        key, writer = ("", "") if spec is None else (spec.key, spec.written_by)
        size = _bytes(settings, name, partitions)
        epochs = tuple(len(span) for span in layouts[name].spans())
        lines.append(TopicLine(name, partitions, epochs, retention.get(name), held, size, key, writer, types))
    return lines


def _bytes(settings: Settings, topic: str, partitions: int) -> int | None:
    """What a topic takes on the disk of this stack's own broker; None if the broker is not this stack's."""
    from infra.cli.stack_file import read_stack_file
    from infra.stack.layout import Layout
    from topics.naming import Names

    layout = Layout.at(settings.state)
    try:
        if read_stack_file(layout.stack_file).kafka_bootstrap != settings.kafka.bootstrap:
            return None
    except UserError:
        return None
    data = layout.data_of("kafka") / "data"
    named = Names(settings.kafka.prefix).physical(topic)
    folders = [data / f"{named}-{partition}" for partition in range(partitions)]
    if not all(folder.is_dir() for folder in folders):
        return None
    total = 0
    for folder in folders:
        for file in folder.glob("*.log"):
            try:
                total += file.stat().st_blocks * 512
            except FileNotFoundError:  # retention has just deleted it
                continue
    return total


def _show(lines: list[TopicLine], as_json: bool) -> None:
    import json

    if as_json:
        for line in lines:
            print(json.dumps(asdict(line)))
        return
    from infra.cli.replay.tables import age, shown, size, table

    rows = table("topic", "partitions>", "kept>", "records>", "on disk>", "key", "written by", "record types")
    for line in lines:
        kept = (
            "for ever"
            if line.retention_ms == -1
            else age(None if line.retention_ms is None else line.retention_ms / 1000)
        )
        rows.add_row(
            line.name,
            " + ".join(map(str, line.epochs)),
            kept,
            f"{line.records:,}",
            size(line.bytes),
            line.key,
            line.written_by,
            ", ".join(line.types),
        )
    shown(rows)
