"""`./verbatim replay diff`: what changed between two moments."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from infra.cli.replay.looking import looking
from infra.cli.state_option import StateOption
from infra.cli.terminal import one_line


def register(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command()(diff)


def diff(
    kind: Annotated[str, typer.Argument(metavar="KIND", help="conversation, generation or user.")],
    identity: Annotated[str, typer.Argument(metavar="ID", help="Its id, or a user's name.")],
    start: Annotated[
        str, typer.Option("--from", metavar="MOMENT", help="A time (2026-11-21T08:30, UTC), an age (10m) or a cut.")
    ],
    end: Annotated[str, typer.Option("--to", metavar="MOMENT", help="As --from; left out: now.")] = "now",
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
    state: StateOption = None,
) -> None:
    """Show line by line what changed between two moments: + added, - removed, ~ changed."""
    with looking(kind, identity, state) as looked:
        before, after = looked.moment(start), looked.moment(end)

        from projections.replay.showing import changes
        from topics.cuts import format_cut

        found = changes(looked.state(before), looked.state(after))
        if as_json:
            changed = [{"name": name, "before": old, "after": new} for name, old, new in found]
            typer.echo(json.dumps({"from": format_cut(before), "to": format_cut(after), "changes": changed}))
            return
        typer.echo(f"from {format_cut(before)}\nto   {format_cut(after)}")
        if not found:
            typer.echo("nothing changed")
        for name, old, new in found:
            if old is None:
                typer.echo(one_line(f"+ {name}: {new}"))
            elif new is None:
                typer.echo(one_line(f"- {name}: {old}"))
            else:
                typer.echo(one_line(f"~ {name}: {old} -> {new}"))
