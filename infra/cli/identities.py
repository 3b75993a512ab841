"""`./verbatim user` and `./verbatim org`: who there is, what they may, and who pays for them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from infra.cli.state_option import StateOption
from infra.cli.terminal import UserError, complain, printable
from infra.cli.users import app as users

if TYPE_CHECKING:
    from infra.cli.users_accounts import Identities
    from infra.settings import Settings

organisations = typer.Typer(
    name="org", help="Organisations, which pay for their members.", no_args_is_help=True, add_completion=False
)
T = TypeVar("T")

Name = Annotated[str, typer.Argument(metavar="USER", help="The user's name, or id.")]
Organisation = Annotated[str, typer.Argument(metavar="ORGANISATION", help="Its name, or id.")]
JsonOption = Annotated[bool, typer.Option("--json", help="A JSON array of objects.")]
TierOption = Annotated[str, typer.Option("--tier", help="A tier of tiers.toml. Default: the default one.")]


def register(parent: typer.Typer) -> None:
    """Add the command groups to the command line."""
    parent.add_typer(users)
    parent.add_typer(organisations)


@users.command("list")
def list_users(as_json: JsonOption = False, state: StateOption = None) -> None:
    """Show every user: name, id, roles, tier, state, and the organisation that pays."""
    found = [
        {
            "user": user.name,
            "user_id": user.user_id,
            "roles": list(said.held_roles),
            "tier": "" if said.tier is None else said.tier.value,
            "suspended": said.is_suspended,
            "organisation_id": said.organisation_id,
        }
        for user, said in with_identities(state, lambda identities: identities.all_users())
    ]
    if as_json:
        print(json.dumps(found, indent=2))
        return
    rows = [("USER", "ID", "ROLES", "TIER", "STATE", "ORGANISATION")]
    rows += [
        (
            printable(str(each["user"])),
            str(each["user_id"]),
            ",".join(map(printable, map(str, each["roles"] if isinstance(each["roles"], list) else []))),
            printable(str(each["tier"])) or "-",
            "suspended" if each["suspended"] else "active",
            str(each["organisation_id"]) or "-",
        )
        for each in found
    ]
    table(rows)


@users.command("create")
def create_user(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Letters, digits and ._@+-.")],
    email: Annotated[str, typer.Option("--email", help="An address, for people to recognise them by.")] = "",
    roles: Annotated[list[str] | None, typer.Option("--role", help="Repeat for several. Default: member.")] = None,
    tier: Annotated[str | None, typer.Option("--tier", help="A tier of tiers.toml.")] = None,
    state: StateOption = None,
) -> None:
    """Create a user. ./verbatim key create --user NAME makes them a key."""
    chosen = _roles(roles or [])
    print(with_identities(state, lambda identities: identities.create_user(name, email, chosen, tier)))


@users.command()
def suspend(name: Name, state: StateOption = None) -> None:
    """Let the user in no more: their streams end at once, their answers that run go on."""
    with_identities(state, lambda identities: identities.change_user(name, suspended=True))
    print(f"{printable(name)} is suspended")


@users.command()
def restore(name: Name, state: StateOption = None) -> None:
    """Let a suspended user in again."""
    with_identities(state, lambda identities: identities.change_user(name, suspended=False))
    print(f"{printable(name)} is let in again")


@users.command()
def role(
    name: Name,
    roles: Annotated[list[str], typer.Argument(metavar="ROLE...", help="All roles from now on.")],
    state: StateOption = None,
) -> None:
    """Set the user's roles: member, reviewer, auditor, admin."""
    chosen = _roles(roles)
    with_identities(state, lambda identities: identities.change_user(name, roles=chosen))
    print(f"{printable(name)} has the roles {', '.join(chosen)}")


@users.command("tier")
def set_tier(
    name: Name,
    tier: Annotated[str, typer.Argument(metavar="TIER", help='A tier of tiers.toml; "": that of the organisation.')],
    state: StateOption = None,
) -> None:
    """Set the user's tier."""
    with_identities(state, lambda identities: identities.change_user(name, tier=tier))
    print(f"{printable(name)} is of the tier {printable(tier) or 'of the organisation'}")


@organisations.command("list")
def list_organisations(as_json: JsonOption = False, state: StateOption = None) -> None:
    """Show every organisation."""
    found = with_identities(state, lambda identities: identities.all_organisations())
    if as_json:
        shown = [{"organisation": row.name, "organisation_id": row.organisation_id, "tier": row.tier} for row in found]
        print(json.dumps(shown, indent=2))
        return
    rows = [("ORGANISATION", "ID", "TIER")]
    table(rows + [(printable(row.name), row.organisation_id, printable(row.tier) or "-") for row in found])


@organisations.command("create")
def create_organisation(
    name: Annotated[str, typer.Argument(metavar="NAME")], tier: TierOption = "", state: StateOption = None
) -> None:
    """Create an organisation."""
    if not 0 < len(name) <= 64 or not name.isprintable():
        complain("an organisation's name has 1 to 64 characters and no line breaks or control codes")
    print(with_identities(state, lambda identities: identities.create_organisation(name, tier)))


@organisations.command("tier")
def set_organisation_tier(
    organisation: Organisation,
    tier: Annotated[str, typer.Argument(metavar="TIER", help='A tier of tiers.toml; "": the default one.')],
    state: StateOption = None,
) -> None:
    """Set the tier of those members that have none of their own."""
    with_identities(state, lambda identities: identities.change_organisation(organisation, tier))
    print(f"{printable(organisation)} is of the tier {printable(tier) or 'default'}")


@organisations.command()
def add(
    organisation: Organisation,
    user: Name,
    role: Annotated[str, typer.Option("--role", help="Their role in it.")] = "member",
    state: StateOption = None,
) -> None:
    """Have the organisation take a user: it pays for what they ask from now on."""
    (chosen,) = _roles([role])
    with_identities(state, lambda identities: identities.set_member(organisation, user, chosen))
    print(f"{printable(user)} belongs to {printable(organisation)} as {chosen}")


@organisations.command()
def remove(organisation: Organisation, user: Name, state: StateOption = None) -> None:
    """Let a member go: they pay for themselves again. What was billed stays billed."""
    with_identities(state, lambda identities: identities.set_member(organisation, user, None))
    print(f"{printable(user)} does not belong to {printable(organisation)} any more")


def _roles(roles: Sequence[str]) -> tuple[str, ...]:
    from infra.cli.words import checked_roles

    try:
        return checked_roles(roles)
    except UserError as error:
        complain(error)


def table(rows: Sequence[Sequence[str]]) -> None:
    """Print rows in columns."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def with_identities(state: Path | None, run: Callable[[Identities], Awaitable[T]]) -> T:
    """What `run` returns over the running stack. Mistakes become one line and exit code 1, or 2."""
    from infra.cli.stack_file import connected_settings

    try:
        return _connected(connected_settings(state), run)
    except UserError as error:
        complain(error)


def _connected(settings: Settings, run: Callable[[Identities], Awaitable[T]]) -> T:
    from infra.cassandra.errors import StoreError
    from infra.cli.keys_accounts import connected_rows
    from infra.cli.users_accounts import Identities
    from infra.cli.words import tiers_of
    from topics.errors import LogError

    async def connected() -> T:
        async with connected_rows(settings) as (log, rows):
            return await run(Identities(log, rows, lambda: tiers_of(settings)))

    try:
        return asyncio.run(connected())
    except LogError as error:
        raise UserError(f"{error}. See ./verbatim status") from None
    except StoreError as error:
        raise UserError(f"the projections cannot be read: {error}. See ./verbatim status") from None
