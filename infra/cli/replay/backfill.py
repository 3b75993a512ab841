"""`./verbatim replay backfill …`: run a processor over history into a shadow topic, compare, promote."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from infra.cli.state_option import StateOption
from infra.cli.terminal import UserError, complain, end_quietly

if TYPE_CHECKING:
    from infra.cli.replay.backfill_work import Work

_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")

NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="A backfill's name; `list` shows them.")]
JsonOption = Annotated[bool, typer.Option("--json", help="JSON, with every number as an integer of millionths.")]


def register(app: typer.Typer) -> None:
    """Add the commands to the command line."""
    backfill = typer.Typer(
        help="Run a processor over history into a shadow topic, show the difference, and promote it.",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
    )
    for command in (run, listed, diff, promote, drop):
        backfill.command(name="list" if command is listed else None)(command)
    app.add_typer(backfill, name="backfill")


def run(
    processor: Annotated[str, typer.Argument(metavar="PROCESSOR", help="What to run: reprice.")],
    prices: Annotated[
        Path | None,
        typer.Option("--prices", metavar="FILE", help="Models with id and price, as in models.toml. Default: that."),
    ] = None,
    start: Annotated[
        str | None, typer.Option("--from", metavar="MOMENT", help="A time (UTC), an age (7d) or a cut. Default: all.")
    ] = None,
    stop: Annotated[
        str | None, typer.Option("--to", metavar="MOMENT", help="The end of the range, as --from. Default: now.")
    ] = None,
    name: Annotated[
        str | None,
        typer.Option("--name", metavar="NAME", help="The backfill's name. Default: made from the parameters."),
    ] = None,
    strict: Annotated[
        bool, typer.Option("--strict", help="Refuse if a record of the range cannot be processed.")
    ] = False,
    state: StateOption = None,
) -> None:
    """Run PROCESSOR over history into a shadow topic. Its results count only after `promote`.

    Run the same command again to continue.
    """
    with _said():
        from infra.cli.replay.backfill_work import run_backfill

        if name is not None:
            _checked(name)
        with _opened(state) as work:
            run_backfill(work, processor, prices, start, stop, name, strict=strict)


def listed(as_json: JsonOption = False, state: StateOption = None) -> None:
    """List all backfills that have a shadow topic, and how far each is."""
    with _said():
        from infra.cli.replay.backfill_views import as_rows, print_list
        from streams.backfill.shadow import Shadow, shadows

        with _opened(state) as work:
            found = [(name, Shadow(work.properties, work.log, name).backfill_log()) for name in shadows(work.log)]
        if as_json:
            print(json.dumps(as_rows(found), ensure_ascii=False))
        else:
            print_list(found)


def diff(
    name: NameArgument,
    top: Annotated[
        int, typer.Option("--top", min=0, max=100_000, metavar="N", help="How many users and generations to show.")
    ] = 10,
    as_json: JsonOption = False,
    state: StateOption = None,
) -> None:
    """Show what NAME would change, by user, model and month, and in total."""
    with _said():
        from infra.cli.replay.backfill_views import as_document, print_difference
        from infra.cli.replay.backfill_work import compared

        _checked(name)
        with _opened(state) as work, compared(work, name, note=True) as found:
            if as_json:
                print(json.dumps(as_document(found, top), ensure_ascii=False))
            else:
                print_difference(found, top)


def promote(
    name: NameArgument,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask for confirmation.")] = False,
    state: StateOption = None,
) -> None:
    """Promote NAME: append its records to the ledger, where the newest price of a generation counts.

    Nothing is deleted: the first bill stays beside it.
    """
    with _said():
        from infra.cli.replay.backfill_work import promote_backfill

        _checked(name)
        if not yes and not sys.stdin.isatty():
            raise UserError("promote asks before it changes what counts: answer in a terminal, or say --yes")
        with _opened(state) as work:
            promote_backfill(work, name, (lambda: True) if yes else _confirmed)


def drop(name: NameArgument, state: StateOption = None) -> None:
    """Delete the shadow topic of NAME, if it was not promoted."""
    with _said():
        from infra.cli.replay.backfill_work import drop_backfill

        _checked(name)
        with _opened(state) as work:
            drop_backfill(work, name)


def _confirmed() -> bool:
    return typer.confirm("Promote it?", default=False, err=True)


def _checked(name: str) -> None:
    if not _NAME.fullmatch(name):
        raise UserError(f"{name[:60]!r} is not a backfill name: use small letters, digits, '.', '_' and '-'")


@contextmanager
def _said() -> Iterator[None]:
    """One line and a status for whatever goes wrong."""
    try:
        yield
    except UserError as error:
        complain(error)
    except BrokenPipeError:
        end_quietly()
    except KeyboardInterrupt:
        raise SystemExit(130) from None


@contextmanager
def _opened(state: Path | None) -> Iterator[Work]:
    from infra.cli.replay.backfill_work import Work
    from infra.cli.replay.opened import log_errors, open_log
    from infra.cli.replay.progress import Interrupted, interruptible
    from infra.cli.stack_file import connected_settings

    settings = connected_settings(state, cassandra=False)
    try:
        with log_errors(), open_log(settings) as log, interruptible() as stop:
            yield Work(settings, log, stop)
    except Interrupted:
        print("interrupted; run the same command again to continue", file=sys.stderr)
        raise SystemExit(130) from None
