"""What access needs of accounts, of what was sent and of the memory of used links."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Protocol

from fastapi import Depends

from api.http.providing import provided
from projections.accounts.queries import ApiKeyRow, UserRow
from projections.identities.queries import Member, OrganisationRow
from projections.identities.standing import OrganisationStanding, UserStanding


class SentReads(Protocol):
    """What was sent lately, by the ledger. Every method raises StoreUnavailable."""

    async def answers_since(self, user_id: str, since_us: int, until_us: int, most: int) -> int:
        """How many answers of the user ended from `since_us` to `until_us` (excluded); `most` where they are more."""

    async def members(self, organisation_id: str, after: str, limit: int) -> Sequence[Member]:
        """At most `limit` members of an organisation behind a user id, in the order of ids."""


class LinksUnavailable(Exception):
    """Which links were used cannot be asked."""


class Links(Protocol):
    """Which one-time links were used."""

    async def take(self, nonce: str, for_s: int) -> bool:
        """Whether this is the first time in `for_s` seconds, among all processes. Raises LinksUnavailable."""

    async def give_back(self, nonce: str) -> None:
        """Nothing came of it: it may be taken again, now or a moment later. Raises LinksUnavailable."""


class KeyReads(Protocol):
    async def api_key(self, key_sha256: str) -> ApiKeyRow | None:
        """The key with this hash; None if there is none (yet). Raises StoreUnavailable."""


class SessionReads(Protocol):
    async def sessions_ended(self, user_id: str) -> int | None:
        """The order key of the record that ended all sessions of the user last; None: none ever did (as far as is
        seen). Raises StoreUnavailable."""


class IdentityReads(Protocol):
    """What users and organisations are and may. Every method raises StoreUnavailable."""

    async def standing(self, user_id: str) -> UserStanding:
        """What is said of a user (as far as is seen)."""

    async def organisation_standing(self, organisation_id: str) -> OrganisationStanding:
        """What is said of an organisation that its members have of it (as far as is seen)."""


class AccountReads(KeyReads, SessionReads, IdentityReads, Protocol):
    """Users and their keys. Every method raises StoreUnavailable when the projections cannot be asked."""

    async def keys(self, user_id: str) -> Sequence[ApiKeyRow]:
        """A user's keys, revoked ones too."""

    async def user(self, user_id: str) -> UserRow | None:
        """None if it does not exist (yet)."""

    async def organisation(self, organisation_id: str) -> OrganisationRow | None:
        """None if it does not exist (yet)."""


class KeyBudgets(Protocol):
    """Budgets, as far as this process has read of them."""

    def limits_key(self, account: str, key_id: str) -> bool:
        """Whether one of the account's hard budgets is this key's alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountPorts:
    """What the routes of keys and of sign-in need beside the gate itself."""

    reads: AccountReads
    links: Links
    budgets: KeyBudgets


Accounts = Annotated[AccountPorts, Depends(provided(AccountPorts))]
