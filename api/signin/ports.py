"""What signing in needs beside the gate itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Literal, Protocol

from fastapi import Depends

from api.access.ports import AccountReads
from api.access.unknown_keys import UnknownKeys
from api.http.providing import provided
from api.signin.flow import Flows
from api.signin.slowing import Tries
from infra.issuers.issuer import Issuer
from infra.passwords.hashing import Passwords
from projections.sign_ins.queries import LinkRow, SessionRow

SignUp = Literal["closed", "invitation", "open"]


class SigninReads(AccountReads, Protocol):
    """Every method raises StoreUnavailable, and shows what has been seen."""

    async def password_hash(self, user_id: str) -> str | None:
        """The hash of the user's password; None: they have none."""

    async def sessions(self, user_id: str) -> Sequence[SessionRow]:
        """A user's sessions, oldest first, also those that are over, up to a bound."""

    async def session_of_user(self, user_id: str, session_id: str) -> SessionRow | None:
        """The user's session with this id, also one that is over."""

    async def linked_user(self, issuer: str, subject: str) -> str | None:
        """Whom the issuer calls so; None: nobody here."""

    async def one_time_link(self, token_sha256: str) -> LinkRow | None:
        """The link with this hash, used or not."""

    async def one_time_links(self, at_us: int) -> Sequence[LinkRow]:
        """One-time links, newest first, up to a bound: before all others those that are good at this time."""

    async def user_made_at(self, user_id: str) -> int | None:
        """`projections.order.first_wins` of the record that made the user; None: none did (yet)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SigninPorts:
    """`reserved`: names, and ids, that nobody may take by signing up; `issuers`: by their names in addresses;
    `wrong_logouts`: how many sign-outs that are none an address may send."""

    reads: SigninReads
    passwords: Passwords
    tries: Tries
    flows: Flows
    issuers: Mapping[str, Issuer]
    sign_up: SignUp
    reserved: tuple[str, ...]
    session_s: int
    wrong_logouts: UnknownKeys


Signing = Annotated[SigninPorts, Depends(provided(SigninPorts))]
