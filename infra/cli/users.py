"""`./verbatim user`: one-time links that let people in: invitations, and password resets."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from infra.cli.key_names import checked_user
from infra.cli.keys import with_accounts
from infra.cli.state_option import StateOption
from infra.cli.terminal import UserError, WrongArgument, complain
from infra.cli.words import checked_roles, checked_tier, tiers_of

if TYPE_CHECKING:
    from infra.cli.keys_accounts import Accounts

app = typer.Typer(
    name="user",
    help="Users, their roles and tiers; invitations and resets.",
    no_args_is_help=True,
    add_completion=False,
)
DaysOption = Annotated[int | None, typer.Option("--days", min=1, max=30, help="How long the link is good.")]


@app.command()
def invite(
    name: Annotated[str, typer.Option("--name", help="The only name that it is for. Default: any that is free.")] = "",
    role: Annotated[list[str] | None, typer.Option("--role", help="A role of the new user; may be repeated.")] = None,
    tier: Annotated[str, typer.Option("--tier", help="The new user's tier, of tiers.toml.")] = "",
    organisation: Annotated[
        str, typer.Option("--org", metavar="ORGANISATION", help="Who pays for the new user: its name, or id.")
    ] = "",
    organisation_role: Annotated[
        str, typer.Option("--org-role", metavar="ROLE", help="The new user's role in it. Default: member.")
    ] = "",
    days: DaysOption = None,
    state: StateOption = None,
) -> None:
    """Print an address by which a person becomes a user, once. Only its hash is kept."""
    from infra.cli.identities import with_identities
    from infra.cli.one_time_links import invitation
    from infra.cli.stack_file import connected_settings

    try:
        if name:
            checked_user(name)
        roles = checked_roles(role or ())
        if organisation_role:
            checked_roles([organisation_role])
            if not organisation:
                raise WrongArgument("--org-role needs --org")
        if tier:
            checked_tier(tier, tiers_of(connected_settings(state)))
    except UserError as error:
        complain(error)

    pays = ""
    if organisation:
        pays = with_identities(state, lambda identities: identities.organisation_named(organisation))

    async def run(accounts: Accounts) -> str:
        link = invitation(name, roles, tier, days, organisation_id=pays, organisation_role=organisation_role)
        return await accounts.make_link(link)

    _print(with_accounts(state, run), "invitation", state)


@app.command()
def reset(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The user's name.")],
    days: DaysOption = None,
    state: StateOption = None,
) -> None:
    """Print an address by which the user chooses a new password, once."""
    from infra.cli.one_time_links import password_reset

    try:
        checked_user(name)
    except UserError as error:
        complain(error)

    async def run(accounts: Accounts) -> str:
        return await accounts.make_link(password_reset(await accounts.user_named(name), days))

    _print(with_accounts(state, run), "reset", state)


def _print(text: str, kind: str, state: StateOption) -> None:
    from infra.cli.stack_file import running_stack, state_folder

    print("opens once; keep it, it is not shown again:", file=sys.stderr, flush=True)
    print(f"{running_stack(state_folder(state)).api_url}/signin#{kind}={text}", flush=True)
