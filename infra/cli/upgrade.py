"""`./verbatim upgrade`: shows the write level, and ends an upgrade."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from infra.cli.state_option import StateOption
from infra.cli.terminal import UserError, complain

if TYPE_CHECKING:
    from infra.cli.upgrade_state import Installation

JsonOption = Annotated[bool, typer.Option("--json", help="One JSON object.")]

app = typer.Typer(
    name="upgrade", help="End an upgrade to a new release.", no_args_is_help=True, pretty_exceptions_enable=False
)


def register(parent: typer.Typer) -> None:
    """Add the command group to the command line."""
    parent.add_typer(app)


@app.command()
def status(as_json: JsonOption = False, state: StateOption = None) -> None:
    """Show which write level this installation writes, and which one each reader can read.

    Exits with 1 while the upgrade is unfinished.
    """
    found = _found(state)
    if as_json:
        print(json.dumps(_document(found)))
    else:
        _print(found)
    raise SystemExit(0 if found.level >= found.newest else 1)


@app.command()
def finish(
    yes: Annotated[
        bool,
        typer.Option(
            "--yes",
            help="Confirm that all processes of unknown release, API processes of other hosts too, run this one.",
        ),
    ] = False,
    state: StateOption = None,
) -> None:
    """Write new records from now on, when no process of an older release runs any more.

    Refused while a process is older, or may be. Then raises the level and restarts the processes of this
    stack, one after the other. Doing it twice changes nothing.
    """
    from infra.cli.stack_restart import restart_each
    from infra.cli.upgrade_state import raise_level

    found = _found(state)
    problem = found.problem(yes)
    if problem is not None:
        complain(problem)
    if raise_level(found):
        print(f"new records are written from now on: level {found.newest}")
        restart_each(found.layout, found.children)
    else:
        print(f"level {found.level} is written already; nothing was changed")


def _found(state: Path | None) -> Installation:
    from infra.cli.replay.opened import log_errors
    from infra.cli.upgrade_state import look

    try:
        with log_errors():
            return look(state)
    except UserError as error:
        complain(error)


def _document(found: Installation) -> dict[str, Any]:
    return {
        "writes": found.level,
        "newest": found.newest,
        "external_kafka": found.is_external,
        "members": [asdict(member) for member in found.members],
        "older": [asdict(member) for member in found.older],
    }


def _print(found: Installation) -> None:
    print(f"This installation writes records up to level {found.level}; this release up to {found.newest}.")
    for member in found.members:
        print(f"  {member.group}  {member.name}  {member.host}  reads up to {member.reads}")
    if found.level >= found.newest:
        return
    print(found.problem(False) or "No reader of this log is older: run ./verbatim upgrade finish")
