"""`./verbatim replay import`: a slice of another log, checked and replayed here."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from infra.cli.state_option import StateOption
from infra.cli.terminal import UserError, complain, one_line

if TYPE_CHECKING:
    from topics.slices.folder import OpenedSlice
    from topics.slices.target import Plan

INTERRUPTED = 130
_SHOWN = 3


def register(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command(name="import")(import_)


def import_(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="The folder that ./verbatim replay export wrote.")],
    owner: Annotated[
        str | None,
        typer.Option("--as-user", metavar="USER", help="Give it to this user of this stack (id or name)."),
    ] = None,
    check: Annotated[
        bool, typer.Option("--check", help="Run all checks and show what would be done; change nothing.")
    ] = (False),
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as one JSON object.")] = False,
    state: StateOption = None,
) -> None:
    """Replay a slice into this stack's log: its projections show it, no agent acts on it, nothing runs again.

    Everything is checked before the first record is written. Importing it again does nothing; after an interruption, or
    a kill, the same command adds what is missing.
    """
    from infra.cli.replay.progress import Interrupted

    try:
        _import(folder, owner, check, as_json, state)
    except UserError as error:
        complain(error)
    except Interrupted:
        typer.echo("interrupted; run the same command again to continue", err=True)
        raise SystemExit(INTERRUPTED) from None


def _import(folder: Path, owner: str | None, check: bool, as_json: bool, state: Path | None) -> None:
    from infra.cli.replay.opened import log_errors, open_log
    from infra.cli.replay.progress import interruptible, progress
    from infra.cli.stack_file import connected_settings
    from infra.crash_points import crash_point
    from topics.slices.folder import open_slice
    from topics.slices.replay import Replay, appender
    from topics.slices.target import plan, user_there

    settings = connected_settings(state, cassandra=False)
    with log_errors(), interruptible() as stop:

        @contextmanager
        def step(what: str) -> Iterator[Callable[[int, int], None]]:
            with progress(what) as show:

                def report(done: int, total: int) -> None:
                    stop.check()
                    show(done, total, 0)

                yield report

        with open_log(settings, headers=True) as log:
            log.topics()  # whether anybody answers, before a long slice is read
            given = None if owner is None else user_there(log, owner)
            with step("checking the slice") as report:
                opened = open_slice(folder, given, report)
            with step("comparing with this log") as report:
                made = plan(log, opened, report)
        if made.missing and not check:
            with step("appending") as report:

                def appending(done: int, total: int) -> None:
                    crash_point("import.mid_append")
                    report(done, total)

                Replay(appender(settings.kafka.client_properties()), opened, made, given).run(appending)
    if as_json:
        print(json.dumps(_document(opened, made, check), sort_keys=True))
    else:
        _tell(opened, made, check)


def _document(opened: OpenedSlice, made: Plan, check: bool) -> dict[str, object]:
    return {
        "slice": opened.manifest.sha256,
        "from_cluster": opened.manifest.cluster_id,
        "records": opened.manifest.records,
        "already_there": len(made.placed),
        "appended": {} if check else dict(made.counts),
        "would_append": dict(made.counts) if check else {},
        "left_out": len(made.left_out),
        "never_replayed": dict(opened.left),
        "open_turns": made.open_turns,
        "conversations": _conversations(opened),
        "owners": sorted({entry.owner for entry in opened.entries if entry.owner}),
        "owners_unknown_here": sorted(made.strangers),
    }


def _conversations(opened: OpenedSlice) -> list[str]:
    return list(dict.fromkeys(entry.conversation for entry in opened.entries if entry.conversation))


def _tell(opened: OpenedSlice, made: Plan, check: bool) -> None:
    manifest = opened.manifest
    print(
        f"slice {manifest.sha256[:16]}: {manifest.records:,} records, made {one_line(manifest.created_at)} by "
        f"{one_line(manifest.created_by)} in cluster {one_line(manifest.cluster_id)}; whole and undamaged"
    )
    if not made.missing and made.placed:
        print("already imported, or this log's own: there is nothing to append")
    elif not made.missing:
        print("nothing in it can be appended here")
    elif made.placed:
        print(f"{len(made.placed):,} of its records are here already")
    for topic, count in sorted(made.counts.items()):
        print(f"  {topic:40} {count:>10,} records {'would be ' if check else ''}appended")
    for topic, count in sorted(opened.left.items()):
        print(f"  {one_line(topic):40} {count:>10,} records are never replayed")
    if made.left_out:
        print(
            f"{len(made.left_out):,} records are left out: what they refer to (the prompt of an outcome, the outcome "
            "of a bill) is neither in the slice nor here"
        )
    if made.open_turns:
        print(
            f"{made.open_turns:,} turns had not ended when the slice was made: "
            "they stay open here until someone cancels them"
        )
    if made.strangers:
        print(
            f"no user here is {sorted(made.strangers)[0]}{' (and others)' if len(made.strangers) > 1 else ''}: no page "
            "will list this; --as-user USER gives it to one of this stack's users"
        )
    if not check:
        _tell_where(opened)


def _tell_where(opened: OpenedSlice) -> None:
    conversations = _conversations(opened)
    print("To see it, once the projector has read it:")
    for conversation in conversations[:_SHOWN]:
        print(f"  ./verbatim replay show conversation {one_line(conversation)}")
    if len(conversations) > _SHOWN:
        print(f"  … and {len(conversations) - _SHOWN:,} more conversations")
