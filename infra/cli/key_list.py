"""What `./verbatim key list` shows of each key. Pure, but for `last_uses`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from infra.cli.terminal import printable

if TYPE_CHECKING:
    from projections.accounts.queries import ApiKeyRow, UserRow
    from schemas.identity import KeyLimits

HEADINGS = (
    *("KEY ID", "USER", "LABEL", "ENDS IN", "CREATED", "STATE"),
    *("EXPIRES", "LAST USED", "SCOPES", "LIMITS", "ORGANISATION"),
)
MAX_ASKED = 1000
"""Keys whose last uses are asked for at once."""


def state_of(key: ApiKeyRow, at_us: int) -> str:
    """Whether the key opens anything at this time."""
    if key.revoked:
        return "revoked"
    return "expired" if key.expires_at_us is not None and key.expires_at_us <= at_us else "valid"


def row_of(user: UserRow, key: ApiKeyRow, at_us: int, used_us: int | None) -> tuple[str, ...]:
    """A row of the table, below HEADINGS."""
    limits = " ".join(f"{name}={_word(value)}" for name, value in said_limits(key.limits).items())
    return (
        key.key_id,
        printable(user.name),
        printable(key.label),
        key.hint,
        when(key.created_at_us) or "-",
        state_of(key, at_us),
        when(key.expires_at_us) or "-",
        when(used_us) or "-",
        "all" if key.scopes is None else printable(",".join(key.scopes)) or "-",
        printable(limits) or "-",
        key.organisation_id or "-",
    )


def object_of(user: UserRow, key: ApiKeyRow, at_us: int, used_us: int | None) -> dict[str, Any]:
    """A key as JSON has it. `scopes` null: all that its user may; `last_used_at` null: it is not known."""
    return {
        "key_id": key.key_id,
        "user_id": user.user_id,
        "user": user.name,
        "label": key.label,
        "hint": key.hint,
        "created_at": when(key.created_at_us),
        "revoked": key.revoked,
        "state": state_of(key, at_us),
        "expires_at": when(key.expires_at_us),
        "last_used_at": when(used_us),
        "scopes": None if key.scopes is None else list(key.scopes),
        "limits": said_limits(key.limits),
        "organisation_id": key.organisation_id,
    }


def said_limits(limits: KeyLimits) -> dict[str, int | list[str]]:
    """The limits that the key has, by their names."""
    given = {field.name: getattr(limits, field.name) for field in fields(limits)}
    return {
        name: list(value) if isinstance(value, tuple) else value for name, value in given.items() if value is not None
    }


def when(at_us: int | None) -> str | None:
    """A time as text; None for none."""
    return None if at_us is None else datetime.fromtimestamp(at_us / 1e6, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


async def last_uses(state: Path | None, key_ids: Sequence[str]) -> Mapping[str, int]:
    """When those of the keys were used last of which it is known: none while Redis is away. Settings must be right."""
    from api.access.key_uses import KEY_PREFIX, RedisKeyUses
    from infra.redis import RedisScripts
    from infra.settings import load

    settings = load()
    address = settings.redis.url.get_secret_value() or _started_redis(state)
    if not address:
        return {}
    scripts = RedisScripts(address)
    try:
        uses = RedisKeyUses(scripts, settings.redis.key(KEY_PREFIX))
        found: dict[str, int] = {}
        for start in range(0, len(key_ids), MAX_ASKED):
            found |= await uses.last(key_ids[start : start + MAX_ASKED])
        return found
    finally:
        await scripts.aclose()


def _started_redis(state: Path | None) -> str:
    from infra.cli.stack_file import running_stack, state_folder
    from infra.cli.terminal import UserError

    try:
        return running_stack(state_folder(state)).redis_url
    except UserError:
        return ""


def _word(value: int | Iterable[str]) -> str:
    return str(value) if isinstance(value, int) else ",".join(value)
