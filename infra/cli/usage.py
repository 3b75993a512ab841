"""`./verbatim usage`: what was used, in sums; `./verbatim usage audit`: whether it is what the log says."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from infra.cli.state_option import StateOption
from infra.cli.terminal import UserError, complain, end_quietly, one_line
from schemas import ids

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from projections.usage_rollups.queries import Asked, SumRow

_ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def register(app: typer.Typer) -> None:
    """Add the commands to the command line."""
    usage = typer.Typer(help="What was used and billed, and whether that is what the log says.")
    usage.callback(invoke_without_command=True)(show)
    usage.command()(audit)
    app.add_typer(usage, name="usage")


def show(
    context: typer.Context,
    by: Annotated[
        str, typer.Option("--by", help="hour, day or month; organisation, user, key, model, tier: joined by commas.")
    ] = "day",
    since: Annotated[
        str | None, typer.Option("--from", metavar="TIME", help="A day or a full hour (UTC). Default: 30 days before.")
    ] = None,
    until: Annotated[
        str | None, typer.Option("--to", metavar="TIME", help="Not counted. Default: the end of today.")
    ] = None,
    user: Annotated[str | None, typer.Option("--user", metavar="USER", help="Only this user's, by name or id.")] = None,
    organisation: Annotated[
        str | None, typer.Option("--organisation", metavar="ORGANISATION", help="Only this one's, by name or id.")
    ] = None,
    key: Annotated[str | None, typer.Option("--key", metavar="ID", help="Only of this key.")] = None,
    model: Annotated[str | None, typer.Option("--model", help="Only of this model.")] = None,
    tier: Annotated[str | None, typer.Option("--tier", help="Only of this tier.")] = None,
    as_csv: Annotated[bool, typer.Option("--csv", help="CSV, with all the sums.")] = False,
    state: StateOption = None,
) -> None:
    """Show what was used, in sums: the newest first, each currency by itself."""
    if context.invoked_subcommand is not None:
        return
    from api.account.asked_usage import csv_of, filtered, scope_of, span_of
    from api.http.errors import ApiError
    from projections.usage_rollups.queries import Asked, grouped

    whose = {
        "user": user and id_of(user, ids.user_id),
        "organisation": organisation and id_of(organisation, ids.organisation_id),
    }
    filters = {**whose, "key": key, "model": model, "tier": tier}
    try:
        span = span_of(since, until, by)
        asked = Asked(scope_of(span, filters), span.since_us, span.until_us, span.finest)
        read, names = asyncio.run(_read(asked, state, () if as_csv else span.by))
        found = grouped(filtered(read, filters), span.by)
    except ApiError as error:
        complain(error.message.replace("`from`", "--from").replace("`to`", "--to").replace("`by`", "--by"))
    except UserError as error:
        complain(error)
    try:
        if as_csv:
            typer.echo(csv_of(found, span.by), nl=False)
        else:
            _print(found, span.by, names)
    except BrokenPipeError:
        end_quietly()


def id_of(said: str, named: Callable[[str], str]) -> str:
    """The id that a person means: as it is, or of the name."""
    return said if _ID.fullmatch(said) else named(said)


async def _read(asked: Asked, state: Path | None, by: Sequence[str]) -> tuple[Sequence[SumRow], Mapping[str, str]]:
    """The sums, and what users and organisations in them are called where the table names them."""
    from infra.cassandra.errors import StoreError
    from infra.cli.stack_file import connected_settings
    from projections import Projections
    from projections.usage_rollups.queries import TooManySums

    try:
        reads = await Projections.connect(connected_settings(state).cassandra)
        try:
            rows = await reads.usage_sums(asked)
            names: dict[str, str] = {}
            for user_id in {row.user for row in rows} if "user" in by else ():
                if (user := await reads.user(user_id)) is not None:
                    names[user_id] = user.name
            for organisation_id in {row.organisation for row in rows} if "organisation" in by else ():
                if (organisation := await reads.organisation(organisation_id)) is not None:
                    names[organisation_id] = organisation.name
            return rows, names
        finally:
            await reads.aclose()
    except (StoreError, TooManySums) as error:
        raise UserError(str(error)) from None


def _print(rows: Sequence[SumRow], by: Sequence[str], called: Mapping[str, str]) -> None:
    from api.http.answers import iso
    from infra.cli.replay.tables import say, shown, table
    from projections.usage_rollups.entries import PERIODS

    if not rows:
        say("nothing was used")
        return
    is_timed = any(name in PERIODS for name in by)
    names = [name for name in by if name not in PERIODS]
    sums = ("requests>", "prompt tokens>", "completion tokens>", "cost>", "billed>", "currency")
    made = table(*(["from"] if is_timed else []), *names, *sums)
    for row in rows:
        figures = row.figures
        made.add_row(
            *([iso(row.at_us)] if is_timed else []),
            *(one_line(called.get(getattr(row, name), getattr(row, name))) or "-" for name in names),
            f"{figures.requests:,}",
            f"{figures.prompt_tokens:,}",
            f"{figures.completion_tokens:,}",
            money(figures.rated_micros),
            money(figures.billed_micros),
            one_line(row.currency),
        )
    shown(made)


def money(micros: int) -> str:
    """Millionths as a number with all its places: sums are exact."""
    whole, rest = divmod(micros, 1_000_000)
    return f"{whole:,}.{rest:06}"


def audit(
    as_json: Annotated[bool, typer.Option("--json", help="All that was found, as one JSON object.")] = False,
    state: StateOption = None,
) -> None:
    """Compute everything again from the log, and compare: outcomes with bills, bills with the ledger and its sums.

    Exit 1 if anything differs. The system may run meanwhile.
    """
    from infra.cli.replay.progress import Interrupted, interruptible
    from infra.cli.usage_audit import run

    try:
        with interruptible() as stop:
            status = asyncio.run(run(state, stop, as_json=as_json))
    except UserError as error:
        complain(error)
    except Interrupted:
        typer.echo("interrupted", err=True)
        raise SystemExit(130) from None
    raise SystemExit(status)
