"""`./verbatim demo budget`: a budget is kept to the token while streams race and processes are killed."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from infra.cli.demo_place import on_a_stack
from infra.cli.state_option import StateOption
from infra.cli.terminal import UserError, complain, end_quietly

if TYPE_CHECKING:
    from infra.cli.demo_budget_run import Wanted
    from infra.cli.demo_screen import Screen

INTERRUPTED = 130
PLOT = Path("demo-budget.svg")


def register(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command()(budget)


def budget(
    streams: Annotated[int, typer.Option("--streams", min=1, max=1000, metavar="N", help="Streams at once.")] = 40,
    kills: Annotated[
        int, typer.Option("--kills", min=0, max=500, metavar="N", help="How often a process is killed -9.")
    ] = 5,
    seed: Annotated[int, typer.Option("--seed", metavar="S", help="Who is killed, who leaves, and when.")] = 1,
    tokens: Annotated[
        int, typer.Option("--tokens", min=100, max=1_000_000, metavar="TOKENS", help="The budget.")
    ] = 400,
    limit_s: Annotated[
        float, typer.Option("--timeout", min=1, max=1800, metavar="SECONDS", help="Time limit of the streams.")
    ] = 60,
    plot: Annotated[
        Path, typer.Option("--plot", dir_okay=False, metavar="FILE", help="Where the SVG picture is written.")
    ] = PLOT,
    own: Annotated[
        bool, typer.Option("--own-stack", help="Start a stack for this demo, and delete it afterwards.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object instead of the live table.")] = False,
    state: StateOption = None,
) -> None:
    """Many streams of one new user on a budget for a few answers, while processes are killed; then the check.

    Kills processes of the running stack; its supervisor starts them again. The user and their conversations stay.
    Exit code 0 only if everything holds when the log is folded again: what is spent is at most the budget, every lease
    is settled once, and budget and ledger agree to the token.
    """
    from infra.cli.demo_budget_run import Wanted

    wanted = Wanted(streams, kills, seed, tokens, limit_s, plot)
    try:
        holds = on_a_stack(own, state, as_json, lambda folder, screen: _budget(wanted, folder, own, screen, as_json))
    except UserError as error:
        complain(error)
    except BrokenPipeError:
        end_quietly()
    except KeyboardInterrupt:
        print("\nverbatim: interrupted; answers that were begun go on by themselves", file=sys.stderr)
        raise SystemExit(INTERRUPTED) from None
    raise SystemExit(0 if holds else 1)


def _budget(wanted: Wanted, folder: Path, own: bool, screen: Screen, as_json: bool) -> bool:
    from infra.cli.demo_budget_run import document, findings, picture, run

    judged = asyncio.run(run(folder, own, wanted, screen))
    try:
        wanted.plot.write_text(picture(wanted, judged), "utf-8")
    except OSError as error:
        raise UserError(f"the picture cannot be written to {wanted.plot}: {error.strerror}") from None
    found = findings(wanted, judged)
    holds = all(finding.holds for finding in found)
    if as_json:
        print(json.dumps(document(wanted, judged, found), indent=2))
        return holds
    screen.findings(found)
    for problem in judged.problems:
        screen.say(problem, "red")
    screen.say(f"Spent and leased over time: {wanted.plot}")
    if holds:
        screen.say("Everything holds: the budget was kept to the token.", "bold green")
    else:
        screen.say("Something does not hold: see ✗ above.", "bold red")
    return holds
