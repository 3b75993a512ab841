"""`./verbatim demo fairness`: one user with many jobs does not delay the others, and the log shows it."""

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
    from infra.cli.demo_fairness_run import Wanted
    from infra.cli.demo_screen import Screen

INTERRUPTED = 130
SINCE = "1d"
"""From then on picks are worked out again."""
PLOT = Path("demo-fairness.svg")
OWN_SETTINGS = "[worker]\nslots = 4\n"
"""So few slots that jobs wait."""


def register(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command()(fairness)


def fairness(
    jobs: Annotated[int, typer.Option("--jobs", min=1, max=1000, metavar="N", help="Jobs of each heavy user.")] = 60,
    light: Annotated[
        int, typer.Option("--light", min=1, max=1000, metavar="N", help="Jobs of each of two light users.")
    ] = 15,
    limit_s: Annotated[
        float, typer.Option("--timeout", min=1, max=1800, metavar="SECONDS", help="Time limit of the answers.")
    ] = 120,
    plot: Annotated[
        Path, typer.Option("--plot", dir_okay=False, metavar="FILE", help="Where the SVG picture is written.")
    ] = PLOT,
    own: Annotated[
        bool, typer.Option("--own-stack", help="Start a stack for this demo, with 4 slots, and delete it afterwards.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object instead of the live table.")] = False,
    state: StateOption = None,
) -> None:
    """Two heavy users, one of a tier of more weight, and two light ones ask at once; then every pick of the workers is
    worked out again from the log.

    Jobs wait only where there are more than the worker has slots (`worker.slots`): ask for so many, or take
    --own-stack. The users and their conversations stay. Exit code 0 only if all jobs ended, and each pick is what fair
    queueing gives.
    """
    from infra.cli.demo_fairness_run import Wanted

    wanted = Wanted(jobs, light, limit_s, plot)
    try:
        holds = on_a_stack(
            own,
            state,
            as_json,
            lambda folder, screen: _fairness(wanted, folder, own, screen, as_json),
            OWN_SETTINGS,
        )
    except UserError as error:
        complain(error)
    except BrokenPipeError:
        end_quietly()
    except KeyboardInterrupt:
        print("\nverbatim: interrupted; answers that were begun go on by themselves", file=sys.stderr)
        raise SystemExit(INTERRUPTED) from None
    raise SystemExit(0 if holds else 1)


def _fairness(wanted: Wanted, folder: Path, own: bool, screen: Screen, as_json: bool) -> bool:
    from infra.cli.demo_budget_run import settings_of
    from infra.cli.demo_fairness_run import document, findings, picture, run
    from infra.cli.demo_fairness_shares import told
    from infra.cli.replay.picks import report_of

    settings = settings_of(folder, own)
    seen = asyncio.run(run(folder, settings, wanted, screen))
    report = report_of(settings, SINCE)
    try:
        wanted.plot.write_text(picture(seen.served), "utf-8")
    except OSError as error:
        raise UserError(f"the picture cannot be written to {wanted.plot}: {error.strerror}") from None
    found = findings(seen, report)
    holds = all(finding.holds for finding in found)
    if as_json:
        print(json.dumps(document(wanted, seen, report, found), indent=2))
        return holds
    screen.findings(found)
    for wrong in report.found:
        screen.say(f"pick {wrong.number} of {wrong.domain}: {wrong.problem}", "red")
    screen.say(told(seen.shares))
    screen.say(f"Tokens served by user over time: {wanted.plot}")
    if holds:
        screen.say("Everything holds: each pick is what fair queueing gives.", "bold green")
    else:
        screen.say("Something does not hold: see ✗ above.", "bold red")
    return holds
