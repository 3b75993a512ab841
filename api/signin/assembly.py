"""What signs people in, put together: one for each process."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from typing import Protocol

from api.access.bearer_tokens import BearerTokens, LinkedReads
from api.access.issuer_ends import IssuerEnds, SignedOutReads, is_over
from api.access.people import People
from api.access.signed_in import SignedIn, SignedInReads
from api.signin.flow import Flows
from api.signin.slowing import Tries
from api.streaming.ports import LogRecord
from api.streaming.readers import Readers
from infra.issuers.fetching import Web
from infra.issuers.issuer import Issuer
from infra.passwords.hashing import Passwords
from infra.settings.issuers import IssuerSettings
from schemas.signing import IssuerSignedOut, Login


class Reads(LinkedReads, SignedInReads, SignedOutReads, Protocol):
    """Every method raises StoreUnavailable."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SignIns:
    """Sessions that stand in the log, issuers and their tokens, passwords, and the tries that slow down."""

    signed_in: SignedIn
    issuer_ends: IssuerEnds
    tokens: BearerTokens
    issuers: tuple[Issuer, ...]
    passwords: Passwords
    tries: Tries
    flows: Flows

    @staticmethod
    def of(
        issuers: Iterable[IssuerSettings],
        web: Web,
        reads: Reads,
        people: People,
        readers: Readers,
        *,
        passwords: Passwords,
        tries: Tries,
        secret: str,
    ) -> SignIns:
        """What ends here ends what `readers` read by it."""

        def signed_out(event: IssuerSignedOut) -> None:
            readers.end_logins(partial(_is_over, event))

        ends = IssuerEnds(reads, signed_out)
        known = tuple(Issuer(settings, web) for settings in issuers)
        return SignIns(
            signed_in=SignedIn(reads, people, ends, readers.revoke),
            issuer_ends=ends,
            tokens=BearerTokens(known, reads, people, ends),
            issuers=known,
            passwords=passwords,
            tries=tries,
            flows=Flows(secret),
        )

    def on_batch(self, records: Iterable[LogRecord]) -> None:
        """Records of account-events, as they come."""
        seen = tuple(records)
        self.issuer_ends.on_batch(seen)
        self.signed_in.on_batch(seen)


def _is_over(event: IssuerSignedOut, login: Login) -> bool:
    return is_over(login, event)
