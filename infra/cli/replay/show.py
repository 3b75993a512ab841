"""`./verbatim replay show`: a conversation, a generation or a user at any moment."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from infra.cli.replay.looking import lines, looking
from infra.cli.state_option import StateOption
from infra.cli.terminal import one_line


def register(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command()(show)


def show(
    kind: Annotated[str, typer.Argument(metavar="KIND", help="conversation, generation or user.")],
    identity: Annotated[str, typer.Argument(metavar="ID", help="Its id, or a user's name.")],
    as_of: Annotated[
        str,
        typer.Option("--as-of", metavar="MOMENT", help="A time (2026-11-21T08:30, UTC), an age (10m), a cut, or now."),
    ] = "now",
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
    state: StateOption = None,
) -> None:
    """Show a past or present state from the log, deleted data included."""
    with looking(kind, identity, state) as looked:
        cut = looked.moment(as_of)
        found, deleted = looked.state(cut), looked.deleted()

        from topics.cuts import format_cut

        if as_json:
            typer.echo(json.dumps({"as_of": format_cut(cut), "deleted": deleted, **found}))
            return
        typer.echo(f"as of {format_cut(cut)}")
        if deleted is not None:
            typer.echo(f"this {kind} was {one_line(deleted)}; users no longer see it")
        for line in lines(found, lambda name, value: f"{name}: {value}"):
            typer.echo(line)
