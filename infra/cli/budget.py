"""`./verbatim budget`: set, list and remove what accounts may spend."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from infra.cli.state_option import StateOption
from infra.cli.terminal import UserError, complain, printable

if TYPE_CHECKING:
    from infra.cli.budget_log import Named

app = typer.Typer(
    name="budget", help="Budgets: what accounts may spend.", no_args_is_help=True, pretty_exceptions_enable=False
)
MAX_LIMIT = 2**53 - 1
HEADINGS = ("WHO", "OF IT", "KIND", "PERIOD", "LIMIT", "SPENT", "LEASED", "LEFT", "UNIT")


class Period(StrEnum):
    DAY = "day"
    MONTH = "month"
    TOTAL = "total"


Who = Annotated[str, typer.Argument(metavar="WHO", help="A user or an organisation, by name or id.")]
OfUser = Annotated[
    str, typer.Option("--user", metavar="USER", help="Only what this member of an organisation asks for.")
]
OfKey = Annotated[str, typer.Option("--key", metavar="ID", help="Only what this key asks for.")]
For = Annotated[Period, typer.Option("--period", help="What it is for: each day or month (UTC), or all in all.")]
Soft = Annotated[bool, typer.Option("--soft", help="Refuse nothing; only show what is left.")]


def register(parent: typer.Typer) -> None:
    """Add the command group to the command line."""
    parent.add_typer(app)


@app.command("set")
def set_budget(
    who: Who,
    limit: Annotated[
        int, typer.Argument(metavar="LIMIT", min=0, max=MAX_LIMIT, help="Tokens, or millionths of USD, ….")
    ],
    user: OfUser = "",
    key: OfKey = "",
    period: For = Period.MONTH,
    soft: Soft = False,
    unit: Annotated[str, typer.Option("--unit", metavar="tokens|USD|…", help="What is counted.")] = "tokens",
    state: StateOption = None,
) -> None:
    """Set a budget, or change it. What is asked for from now on is refused (HTTP 429) where a hard one is spent.

    Of a user for whom an organisation pays it is what the organisation pays for them.
    """
    try:
        if unit != "tokens" and not (len(unit) == 3 and unit.isascii() and unit.isupper()):
            raise UserError(f"--unit {printable(unit)[:20]}: expected tokens, or a currency's code such as USD")
        shown = _run(state, _named(state, who, user, key, period, soft), unit, limit)
    except UserError as error:
        complain(error)
    print(_line(shown))


@app.command("remove")
def remove_budget(
    who: Who,
    user: OfUser = "",
    key: OfKey = "",
    period: For = Period.MONTH,
    soft: Soft = False,
    state: StateOption = None,
) -> None:
    """Remove a budget. What waits for it goes on."""
    try:
        _run(state, _named(state, who, user, key, period, soft), None, None)
    except UserError as error:
        complain(error)
    print("removed")


@app.command("list")
def list_budgets(
    as_json: Annotated[bool, typer.Option("--json", help="A JSON array of objects.")] = False,
    state: StateOption = None,
) -> None:
    """Show every budget, with what is spent and leased of it in its present period."""
    from infra.cli.budget_log import budgets
    from infra.cli.identities import table, with_identities

    try:
        found = asyncio.run(budgets(_settings(state)))
    except UserError as error:
        complain(error)
    if as_json:
        print(json.dumps(found, indent=2))
        return
    if not found:
        print("No budget is set. ./verbatim budget set sets one.")
        return
    names = with_identities(state, lambda identities: identities.names())
    table([HEADINGS, *(_row(budget, names) for budget in found)])


def _settings(state: Path | None) -> Any:
    from infra.cli.stack_file import connected_settings

    return connected_settings(state, cassandra=False)


def _run(state: Path | None, named: Named, unit: str | None, limit: int | None) -> dict[str, Any]:
    from infra.cli.budget_log import change

    return asyncio.run(change(_settings(state), named, unit, limit))


def _named(state: Path | None, who: str, user: str, key: str, period: Period, soft: bool) -> Named:
    from infra.cli.budget_log import Named
    from infra.cli.identities import with_identities

    if user and key:
        raise UserError("--user and --key exclude each other")
    payer = with_identities(state, lambda identities: identities.payer(who, user))
    if key:
        return Named(payer.account, "key", key, period.value, not soft)
    scope = "user" if payer.user_id else "account"
    return Named(payer.account, scope, payer.user_id, period.value, not soft)


def _row(budget: dict[str, Any], names: Mapping[str, str]) -> tuple[str, ...]:
    """A budget of the list. A key has no name: its id is shown."""
    account, subject = str(budget["account"]), str(budget["subject"])
    whose = f"{budget['scope']} {names.get(subject, subject)}" if subject else "all"
    counts = (str(budget[name]) for name in ("limit", "spent", "leased", "left"))
    kind = "hard" if budget["hard"] else "soft"
    return printable(names.get(account, account)), printable(whose), kind, budget["period"], *counts, budget["unit"]


def _line(budget: dict[str, Any]) -> str:
    whose = budget["account"] if not budget["subject"] else f"{budget['account']} {budget['scope']} {budget['subject']}"
    kind = "hard" if budget["hard"] else "soft"
    return (
        f"{printable(whose)}  {kind}, {budget['period']}: {budget['limit']} {budget['unit']}, "
        f"spent {budget['spent']}, leased {budget['leased']}, left {budget['left']}"
    )
