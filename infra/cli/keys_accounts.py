"""Users and their API keys: written to account-events, read from the projections."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from infra.cli.key_names import checked_label, checked_user
from infra.cli.one_time_links import NewLink
from infra.cli.producing import producer_of
from infra.cli.terminal import UserError, printable
from infra.clock import monotonic_s, now_us
from infra.ids import draw_id, draw_secret
from infra.settings import Settings
from infra.tiers.tier import UNLIMITED_TIER
from projections import Projections
from projections.accounts.queries import ApiKeyRow, UserRow
from projections.identities.standing import UserStanding
from projections.sign_ins.queries import LinkRow
from schemas import ids
from schemas.account import AccountEvent, ApiKeyCreated, ApiKeyRevoked, UserCreated
from schemas.codec.levels import is_written
from schemas.envelope import Envelope, Position
from schemas.identity import KeyLimits, UserChanged
from topics.catalogue import ACCOUNT_EVENTS, catalogue
from topics.producer import LogProducer
from topics.topic import Topic

KEY_PREFIX = "vk_"
SHORTEST_ID_PREFIX = 4
VISIBLE_WITHIN_S = 20.0
_POLL_S = 0.05
_ACTOR = "system:cli"
FIRST_ROLES = ("admin", "member")

T = TypeVar("T")


class NotVisibleYet(UserError):
    """The event is in the log, but the projections did not show it in time."""

    def __init__(self, what: str) -> None:
        super().__init__(
            f"{what} is in the log, but the projections do not show it after {VISIBLE_WITHIN_S:.0f} s: "
            "see ./verbatim status"
        )


class AccountRows(Protocol):
    """What is read of accounts: `api_key` is None for a key that opens nothing. The projections' facade is one."""

    async def api_key(self, key_sha256: str) -> ApiKeyRow | None: ...
    async def keys(self, user_id: str) -> Sequence[ApiKeyRow]: ...
    async def user(self, user_id: str) -> UserRow | None: ...
    async def users(self) -> Sequence[UserRow]: ...
    async def standing(self, user_id: str) -> UserStanding: ...
    async def one_time_link(self, token_sha256: str) -> LinkRow | None: ...


class EventLog(Protocol):
    """Where account events go. LogProducer is one."""

    async def send(self, topic: Topic[AccountEvent], key: str, record: AccountEvent) -> Position: ...


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key just made. `secret` is shown once and stored nowhere."""

    key_id: str
    user: str
    secret: str


def sha256_of(secret: str) -> str:
    """How a key is stored."""
    return hashlib.sha256(secret.encode()).hexdigest()


class Accounts:
    """Commands on users and keys. Every change is an event; each call waits, bounded, until it can be read."""

    def __init__(self, log: EventLog, rows: AccountRows, visible_within_s: float = VISIBLE_WITHIN_S) -> None:
        self._log = log
        self._rows = rows
        self._visible_within_s = visible_within_s

    async def is_valid(self, secret: str) -> bool:
        """Whether a key opens anything now."""
        return await self._rows.api_key(sha256_of(secret)) is not None

    async def create_key(
        self,
        user: str,
        label: str,
        announce: Callable[[NewKey], None] = lambda key: None,
        *,
        scopes: Sequence[str] = (),
        expires_at_us: int | None = None,
        limits: Mapping[str, Any] | None = None,
    ) -> NewKey:
        """A new key for the user called `user`, who is created if there is none of that name.

        `scopes`: what it is for; none: all that its user may. `limits`: fields of KeyLimits. Raises UserError where
        restrictions are not written yet.
        `announce` gets the key as soon as the log has it. Raises NotVisibleYet if it may not open anything yet.
        """
        user_id = ids.user_id(checked_user(user))
        checked_label(label)
        if (scopes or expires_at_us is not None or limits) and not is_written(UserChanged):
            raise UserError("scopes, ends and limits of keys are not written until ./verbatim upgrade finish")
        if await self._rows.user(user_id) is None:
            await self._send(user_id, UserCreated(_envelope(user_id, "UserCreated"), user_id, user))
        key_id = draw_id()
        secret = KEY_PREFIX + draw_secret(32)
        key_sha256 = sha256_of(secret)
        envelope = _envelope(key_id, "ApiKeyCreated")
        await self._send(
            user_id,
            ApiKeyCreated(
                envelope=envelope,
                user_id=user_id,
                key_id=key_id,
                key_sha256=key_sha256,
                label=label,
                hint=secret[-4:],
                scopes=tuple(sorted(set(scopes))) or None,
                expires_at_us=expires_at_us,
                limits=KeyLimits(**limits) if limits else None,
            ),
        )
        key = NewKey(key_id, user, secret)
        announce(key)
        await self._visible(lambda: self._rows.api_key(key_sha256), lambda row: row is not None, f"key {key_id}")
        return key

    async def make_first(self, user: str) -> None:
        """The user called `user` is an administrator of the tier "unlimited", unless somebody has said what they are.

        Below the write level that can say so nothing is done.
        """
        if not is_written(UserChanged):
            return
        user_id = ids.user_id(user)
        said = await self._rows.standing(user_id)
        roles = FIRST_ROLES if said.roles is None else None
        tier = UNLIMITED_TIER if said.tier is None else None
        if roles is not None or tier is not None:
            envelope = _envelope(draw_id(), "UserChanged")
            await self._send(user_id, UserChanged(envelope=envelope, user_id=user_id, roles=roles, tier=tier))

    async def all_keys(self) -> list[tuple[UserRow, ApiKeyRow]]:
        """Every key with its user, by user name, oldest first."""
        found = []
        for user in sorted(await self._rows.users(), key=lambda row: row.name):
            found += [(user, key) for key in await self._rows.keys(user.user_id)]
        return found

    async def revoke(self, wanted: str) -> tuple[UserRow, ApiKeyRow, bool]:
        """Revoke the key with the id `wanted`, or the only one whose id begins so (at least 4 characters).

        Returns its user, the key and whether this call revoked it (False: it was already).
        Raises UserError for an unknown or ambiguous id, NotVisibleYet.
        """
        user, key = _chosen(wanted, await self.all_keys())
        if key.revoked:
            return user, key, False
        envelope = _envelope(key.key_id, "ApiKeyRevoked")
        await self._send(user.user_id, ApiKeyRevoked(envelope, user.user_id, key.key_id, key.key_sha256))
        await self._visible(
            lambda: self._rows.api_key(key.key_sha256),
            lambda row: row is None,
            f"the revocation of key {key.key_id}",
        )
        return user, key, True

    async def key_for_link(self, wanted: str | None, first_key: str) -> str:
        """The hash of the key with the id `wanted` (or its beginning), or of `first_key`, if it opens anything.

        Raises UserError.
        """
        if wanted is not None:
            user, key = _chosen(wanted, await self.all_keys())
            if key.revoked:
                raise UserError(f"key {key.key_id} of user {printable(user.name)} is revoked")
            return key.key_sha256
        if not await self.is_valid(first_key):
            raise UserError("the first key is revoked: name another one (see ./verbatim key list)")
        return sha256_of(first_key)

    async def user_named(self, name: str) -> str:
        """The id of the user of this name. Raises UserError."""
        user_id = ids.user_id(checked_user(name))
        if await self._rows.user(user_id) is None:
            raise UserError(f"no user is called {printable(name)[:80]!r}: ./verbatim key list shows them")
        return user_id

    async def make_link(self, link: NewLink) -> str:
        """The text of a one-time link, once it is good. Raises NotVisibleYet; UserError where none is written yet."""
        if not is_written(type(link.event)):
            raise UserError("one-time links are not written until ./verbatim upgrade finish")
        await self._send(link.event.link_id, link.event)
        digest = link.event.token_sha256
        await self._visible(lambda: self._rows.one_time_link(digest), lambda row: row is not None, "the link")
        return link.text

    async def _send(self, user_id: str, event: AccountEvent) -> None:
        await self._log.send(ACCOUNT_EVENTS, user_id, event)

    async def _visible(self, read: Callable[[], Awaitable[T]], shows: Callable[[T], bool], what: str) -> None:
        until = monotonic_s() + self._visible_within_s
        while not shows(await read()):
            if monotonic_s() >= until:
                raise NotVisibleYet(what)
            await asyncio.sleep(_POLL_S)


@asynccontextmanager
async def connected_accounts(settings: Settings) -> AsyncIterator[Accounts]:
    """Accounts over the log and the projections that `settings` name, for the length of the block."""
    async with connected_rows(settings) as (log, rows):
        yield Accounts(log, rows)


@asynccontextmanager
async def connected_rows(settings: Settings) -> AsyncIterator[tuple[LogProducer, Projections]]:
    """The log and the projections that `settings` name, for the length of the block."""
    log = producer_of(settings, catalogue())
    try:
        await log.start()
        rows = await Projections.connect(settings.cassandra)
        try:
            yield log, rows
        finally:
            await rows.aclose()
    finally:
        await log.aclose()


def _chosen(wanted: str, keys: list[tuple[UserRow, ApiKeyRow]]) -> tuple[UserRow, ApiKeyRow]:
    for user, key in keys:
        if key.key_id == wanted:
            return user, key
    near = [pair for pair in keys if pair[1].key_id.startswith(wanted)] if len(wanted) >= SHORTEST_ID_PREFIX else []
    if len(near) == 1:
        return near[0]
    shown = printable(wanted)[:80]
    if near:
        raise UserError(f"{len(near)} keys have ids that begin with {shown!r}: give more of it")
    raise UserError(f"no key has the id {shown!r}: ./verbatim key list shows them")


def envelope_of(cause: str, event_type: str) -> Envelope:
    """Of a change that can be made again: a command line has no key that would tell a repeat."""
    return _envelope(f"{cause}/{draw_id()}", event_type)


def _envelope(cause: str, event_type: str) -> Envelope:
    return Envelope(ids.event_id(cause, event_type), now_us(), None, draw_id(), _ACTOR)
