"""`./verbatim replay export`: a slice of the log as files, to be replayed in another stack."""

from __future__ import annotations

import json
import tomllib
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

import infra
from infra.cli.state_option import StateOption
from infra.cli.terminal import UserError, complain, one_line

if TYPE_CHECKING:
    from infra.settings import Settings
    from topics.cuts import TopicPartition
    from topics.log import Log
    from topics.slices.export import Report
    from topics.slices.manifest import Manifest
    from topics.slices.selection import Selection

INTERRUPTED = 130
_MAX_ID = 200


def register(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command(name="export")(export)


def export(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="A new folder for the slice.")],
    conversations: Annotated[
        list[str] | None, typer.Option("--conversation", metavar="ID", help="Only these; may be given several times.")
    ] = None,
    user: Annotated[str | None, typer.Option("--user", metavar="ID", help="Only this user's conversations.")] = None,
    start: Annotated[
        str | None, typer.Option("--from", metavar="TIME|CUT", help="Only records appended then or later.")
    ] = None,
    stop: Annotated[
        str, typer.Option("--to", metavar="TIME|CUT", help="Only records appended before: now, a time, a cut.")
    ] = "now",
    topics: Annotated[
        list[str] | None, typer.Option("--topic", metavar="TOPIC", help="Only these; may be given several times.")
    ] = None,
    partitions: Annotated[
        list[int] | None, typer.Option("--partition", min=0, metavar="N", help="Only these of each topic.")
    ] = None,
    accounts: Annotated[
        bool, typer.Option("--accounts", help="Also who the users are: ids and names. Keys never leave a stack.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the manifest as one JSON object.")] = False,
    state: StateOption = None,
) -> None:
    """Write a slice of the log to FOLDER: Avro files, with a manifest and checksums. All options must hold together.

    FOLDER is written whole or not at all. It holds prompts and answers in plain text: protect it like the users' data.
    """
    from infra.cli.replay.progress import Interrupted

    try:
        asked = {
            "conversations": sorted(set(conversations or ())),
            "user": user,
            "from": start,
            "to": stop,
            "topics": sorted(set(topics or ())),
            "partitions": sorted(set(partitions or ())),
            "accounts": accounts,
        }
        if not (conversations or user or start or topics or partitions):
            raise UserError("say what: --conversation, --user, --from, --topic or --partition, alone or together")
        manifest = _export(folder, asked, state)
        _tell(folder, manifest, as_json)
    except UserError as error:
        complain(error)
    except Interrupted:
        typer.echo("interrupted: no slice was written; run the same command again", err=True)
        raise SystemExit(INTERRUPTED) from None


def _export(folder: Path, asked: dict[str, Any], state: Path | None) -> Manifest:
    from infra.cli.replay.opened import log_errors, open_log
    from infra.cli.replay.progress import interruptible, progress
    from infra.cli.stack_file import connected_settings

    settings = connected_settings(state, cassandra=False)
    with (
        log_errors(),
        open_log(settings, headers=True) as log,
        interruptible() as stop,
        progress("reading the log") as show,
    ):

        def report(done: int, total: int) -> None:
            stop.check()
            show(done, total, 0)

        return _written(log, settings, folder, asked, report)


def _written(log: Log, settings: Settings, folder: Path, asked: dict[str, Any], report: Report) -> Manifest:
    from infra.cli.replay.opened import parse_moment
    from infra.clock import utc_now
    from topics.log import cluster_id
    from topics.slices.export import Origin, export_slice
    from topics.slices.selection import is_ours

    layouts = {topic: layout for topic, layout in log.layouts().items() if is_ours(topic)}
    there = {topic: layout.partitions for topic, layout in layouts.items()}
    if not there:
        raise UserError("the log has no topics yet: there is nothing to export")
    now = utc_now()
    since: dict[TopicPartition, int] = parse_moment(asked["from"], log, there, now) if asked["from"] else {}
    upto = parse_moment(asked["to"], log, there, now)
    if place := next((place for place in sorted(upto) if since.get(place, 0) > upto[place]), None):
        raise UserError(f"--from lies after --to at {place[0]}:{place[1]}: {since[place]} is beyond {upto[place]}")
    origin = Origin(
        cluster_id(settings.kafka.client_properties()), now.isoformat(timespec="milliseconds"), _made_by(), asked
    )
    return export_slice(log, layouts, _selection(asked, there), since, upto, folder, origin, report)


def _selection(asked: dict[str, Any], there: dict[str, int]) -> Selection:
    from topics.catalogue import ACCOUNT_EVENTS
    from topics.slices.selection import Selection

    for topic in asked["topics"]:
        if topic == ACCOUNT_EVENTS:
            raise UserError(f"{ACCOUNT_EVENTS} holds keys' hashes and is never exported; --accounts says who users are")
        if topic not in there:
            raise UserError(f"there is no topic {one_line(topic)[:100]!r}. The topics are: {', '.join(sorted(there))}")
    if asked["partitions"]:
        widest = max(count for topic, count in there.items() if not asked["topics"] or topic in asked["topics"])
        if (beyond := asked["partitions"][-1]) >= widest:
            raise UserError(f"there is no partition {beyond}: these topics have at most {widest}, counted from 0")
    for identity in [*asked["conversations"], *([asked["user"]] if asked["user"] else [])]:
        if not identity or len(identity) > _MAX_ID or identity != one_line(identity):
            raise UserError(f"{one_line(identity)[:60]!r} is not the id of a conversation or user")
    return Selection(
        frozenset(asked["conversations"]),
        asked["user"],
        frozenset(asked["topics"]),
        frozenset(asked["partitions"]),
        asked["accounts"],
    )


def _tell(folder: Path, manifest: Manifest, as_json: bool) -> None:
    if as_json:
        print(json.dumps(asdict(manifest), sort_keys=True))
        return
    for file in manifest.files:
        print(f"  {file.topic:40} {file.records:>10,} records {file.bytes:>14,} bytes")
    print(f"{folder}: {manifest.records:,} records, slice {manifest.sha256[:16]}")
    if manifest.unreadable:
        first = manifest.unreadable[0]
        print(
            f"{len(manifest.unreadable):,} of them cannot be decoded (the first: {first.topic}:{first.partition}"
            f"={first.offset}); an import leaves them out"
        )
    print(
        "It holds prompts and answers in plain text, readable only by you: handle it accordingly, delete it when done."
    )
    print(f"Elsewhere: ./verbatim replay import {folder.name} --check, then without --check.")


def _made_by() -> str:
    file = Path(infra.__file__).parent.parent / "pyproject.toml"
    try:
        return f"verbatim {tomllib.loads(file.read_text('utf-8'))['project']['version']}"
    except (OSError, ValueError, KeyError):
        return "verbatim"
