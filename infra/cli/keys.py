"""`./verbatim key`: create, list and revoke API keys, and make links that sign a browser in."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from infra.cli.key_names import checked_label, checked_scopes, checked_user, end_of, limits_of
from infra.cli.state_option import StateOption
from infra.cli.terminal import UserError, complain, printable
from infra.clock import now_us

if TYPE_CHECKING:
    from infra.cli.keys_accounts import Accounts, NewKey
    from infra.settings import Settings
    from projections.accounts.queries import ApiKeyRow, UserRow

app = typer.Typer(
    name="key", help="API keys, and links that sign a browser in.", no_args_is_help=True, add_completion=False
)

T = TypeVar("T")


def register(parent: typer.Typer) -> None:
    """Add the command group to the command line."""
    parent.add_typer(app)


@app.command()
def create(
    user: Annotated[str, typer.Option("--user", metavar="NAME", help="The key's user; created if missing.")] = "admin",
    label: Annotated[str, typer.Option("--label", help="A label that says what the key is for.")] = "",
    scope: Annotated[
        list[str] | None,
        typer.Option("--scope", help="What it is for; repeat for several. Default: all that its user may."),
    ] = None,
    expires: Annotated[
        str | None, typer.Option("--expires", help="When it ends: 90d, 12h, or a time as 2027-01-31T12:00:00Z.")
    ] = None,
    limit: Annotated[
        list[str] | None,
        typer.Option(
            "--limit",
            metavar="NAME=VALUE",
            help="Beside its user's: requests_per_minute, tokens_per_minute, messages_per_hour, concurrent_streams, or"
            " models=A,B; repeat for several.",
        ),
    ] = None,
    state: StateOption = None,
) -> None:
    """Create a key. It is printed once, alone on stdout; only its hash is stored."""

    def announce(key: NewKey) -> None:
        print(f"key {key.key_id} of user {key.user}; keep it, it is not shown again:", file=sys.stderr, flush=True)
        print(key.secret, flush=True)

    async def run(accounts: Accounts) -> None:
        await accounts.create_key(user, label, announce, scopes=scope or (), expires_at_us=expires_at_us, limits=limits)

    try:
        checked_user(user)
        checked_label(label)
        checked_scopes(scope or ())
        expires_at_us = None if expires is None else end_of(expires, now_us())
        limits = limits_of(limit or ())
    except UserError as error:
        complain(error)
    with_accounts(state, run)


@app.command("list")
def list_keys(
    as_json: Annotated[bool, typer.Option("--json", help="A JSON array of objects.")] = False,
    state: StateOption = None,
) -> None:
    """Show every key: whose it is, what it may, when it ends, and when it was used last (to the minute)."""
    from infra.cli.key_list import HEADINGS, last_uses, object_of, row_of

    async def run(accounts: Accounts) -> list[tuple[UserRow, ApiKeyRow]]:
        return await accounts.all_keys()

    keys = with_accounts(state, run)
    used = asyncio.run(last_uses(state, [key.key_id for _, key in keys]))
    at_us = now_us()
    if as_json:
        print(json.dumps([object_of(user, key, at_us, used.get(key.key_id)) for user, key in keys], indent=2))
        return
    rows = [HEADINGS, *(row_of(user, key, at_us, used.get(key.key_id)) for user, key in keys)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


@app.command()
def revoke(
    key_id: Annotated[str, typer.Argument(metavar="KEY_ID", help="The key's id, or the beginning of it.")],
    state: StateOption = None,
) -> None:
    """Revoke a key for ever."""

    async def run(accounts: Accounts) -> tuple[UserRow, ApiKeyRow, bool]:
        return await accounts.revoke(key_id)

    user, key, revoked_now = with_accounts(state, run)
    done = "revoked" if revoked_now else "was revoked already"
    print(f"key {key.key_id} of user {printable(user.name)} (ends in {key.hint}) {done}")


@app.command()
def link(
    key_id: Annotated[
        str | None,
        typer.Argument(metavar="[KEY_ID]", help="The id of the key to sign in with. Default: the first key."),
    ] = None,
    state: StateOption = None,
) -> None:
    """Print a link that signs one browser in, once, within an hour."""
    from infra.cli.sign_in_link import sign_in_link
    from infra.cli.stack_file import running_stack, state_folder
    from infra.stack.layout import Layout

    try:
        folder = state_folder(state)
        stack = running_stack(folder)
    except UserError as error:
        complain(error)

    async def run(accounts: Accounts) -> str:
        return await accounts.key_for_link(key_id, stack.api_key)

    address = sign_in_link(stack.api_url, with_accounts(state, run), Layout.at(folder))
    if address is None:
        complain(f"{folder} has no session secret: run ./verbatim down, then up, to make one")
    print("signs one browser in, once, within an hour:", file=sys.stderr, flush=True)
    print(address, flush=True)


def with_accounts(state: Path | None, run: Callable[[Accounts], Awaitable[T]]) -> T:
    """What `run` returns over the running stack's accounts. User mistakes become one line and exit code 1."""
    from infra.cli.stack_file import connected_settings

    try:
        return _connected(connected_settings(state), run)
    except UserError as error:
        complain(error)


def _connected(settings: Settings, run: Callable[[Accounts], Awaitable[T]]) -> T:
    # The drivers take long to import: mistakes that can be told without them come first.
    from infra.cassandra.errors import StoreError
    from infra.cli.keys_accounts import connected_accounts
    from topics.errors import LogError

    async def connected() -> T:
        async with connected_accounts(settings) as accounts:
            return await run(accounts)

    try:
        return asyncio.run(connected())
    except LogError as error:
        raise UserError(f"{error}. See ./verbatim status") from None
    except StoreError as error:
        raise UserError(f"the projections cannot be read: {error}. See ./verbatim status") from None
