"""Creates the first user and their key, so that a new stack can be used at once: an administrator without limits."""

from __future__ import annotations

from infra.settings import Settings
from infra.settings.processes import FIRST_USER

FIRST_LABEL = "first key"


async def ensure_first_key(settings: Settings, existing: str | None) -> str:
    """A key that opens the API: `existing` (of an earlier run) if it still does, else a new one for FIRST_USER.

    Needs the log and a running projector. Raises what `Accounts.create_key` raises.
    """
    # Drivers take long to import: `up` imports this module before it knows whether it will get this far.
    from infra.cli.keys_accounts import connected_accounts

    async with connected_accounts(settings) as accounts:
        if not existing or not await accounts.is_valid(existing):
            existing = (await accounts.create_key(FIRST_USER, FIRST_LABEL)).secret
        await accounts.make_first(FIRST_USER)
        return existing
