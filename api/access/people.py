"""What users are and may, cached and kept current by the account-events tail.

What the log said since this process began counts beside what the projections say, and the later of the two wins, so it
does not matter which of them is ahead. Who loses something, loses it from the moment its record is read here, and the
streams that it allowed end.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Protocol

from api.access.may import RULES
from api.access.ports import IdentityReads
from api.access.principal import Membership, Standing
from api.access.shared_reads import SharedReads
from api.streaming.ports import LogRecord
from api.streaming.readers import Credential
from infra.clock import monotonic_s
from infra.runtime.bounded import Bounded
from projections.identities.standing import (
    OrganisationStanding,
    UserStanding,
    joined_organisations,
    joined_users,
    organisation_said,
    user_said,
)
from schemas import ids
from schemas.codec import NewerRecord, UndecodableRecord
from schemas.envelope import Position
from schemas.identity import MembershipChanged, OrganisationChanged, OrganisationCreated, UserChanged
from topics.catalogue import ACCOUNT_EVENTS, Catalogue

TTL_S = 5.0
"""As long as a key's: what was said just before this process began, it reads by then."""
MAX_USERS = 10_000
MAX_SEEN = 100_000
ADMIN = "admin"
READERS: frozenset[str] = RULES["chat.answers"].own
"""Roles that read answers of their own."""


class EndStreams(Protocol):
    """Readers.end_user is one."""

    def __call__(self, user_id: str, revision: int, which: Callable[[Credential], bool]) -> None:
        """End those streams of the user that `which` says, and all that are about to begin by an older revision."""


class _Known:
    """A user as they were put together last. `until_s`: how long that need not be asked again."""

    __slots__ = ("said", "standing", "until_s")

    def __init__(self, until_s: float, said: UserStanding, standing: Standing) -> None:
        self.until_s = until_s
        self.said = said
        self.standing = standing


class People:
    """Bounded: the least recently read goes first. `operators`: users, by id or name, who have the role admin too."""

    def __init__(
        self,
        reads: IdentityReads,
        topics: Catalogue,
        end_streams: EndStreams,
        operators: Sequence[str] = (),
        ttl_s: float = TTL_S,
    ) -> None:
        self._reads = reads
        self._topics = topics
        self._end_streams = end_streams
        self._operators = frozenset(operators) | {ids.user_id(named) for named in operators}
        self._ttl_s = ttl_s
        self._known: Bounded[str, _Known] = Bounded(MAX_USERS)
        self._seen: Bounded[str, UserStanding] = Bounded(MAX_SEEN)
        self._organisations: Bounded[str, tuple[float, OrganisationStanding]] = Bounded(MAX_USERS)
        self._organisations_seen: Bounded[str, OrganisationStanding] = Bounded(MAX_SEEN)
        self._shared: SharedReads[Standing] = SharedReads()
        self._losses = 0

    def known(self, user_id: str) -> Standing | None:
        """What is known of a user without asking anybody; None: it must be asked."""
        known = self._known.get(user_id)
        return known.standing if known is not None and monotonic_s() < known.until_s else None

    async def standing(self, user_id: str) -> Standing:
        """What is known of a user. Raises StoreUnavailable: what cannot be asked is never taken for good."""
        known = self.known(user_id)
        return known if known is not None else await self._shared.ask(user_id, lambda: self._read(user_id))

    async def _read(self, user_id: str) -> Standing:
        said = await self._reads.standing(user_id)
        seen = self._seen.get(user_id)
        for organisation_id, role in (said if seen is None else joined_users(said, seen)).memberships.items():
            if role.value:
                await self._organisation(organisation_id)
        seen = self._seen.get(user_id)  # more may have been seen meanwhile
        said = said if seen is None else joined_users(said, seen)
        before = self._known.get(user_id)
        standing = self._put_together(user_id, said) if before is None else self._changed(before.standing, said)
        self._known[user_id] = _Known(monotonic_s() + self._ttl_s, said, standing)
        return standing

    async def _organisation(self, organisation_id: str) -> None:
        known = self._organisations.get(organisation_id)
        if known is None or monotonic_s() >= known[0]:
            said = await self._reads.organisation_standing(organisation_id)
            self._organisations[organisation_id] = monotonic_s() + self._ttl_s, said

    def _put_together(self, user_id: str, said: UserStanding) -> Standing:
        memberships = tuple(
            Membership(organisation_id, role.value, self._tier_of(organisation_id))
            for organisation_id, role in sorted(said.memberships.items())
            if role.value
        )
        roles = frozenset(said.held_roles)
        return Standing(
            user_id=user_id,
            roles=roles | {ADMIN} if user_id in self._operators else roles,
            tier="" if said.tier is None else said.tier.value,
            suspended=said.is_suspended,
            memberships=memberships,
            organisation_id=said.organisation_id,
            revision=self._losses,
        )

    def _tier_of(self, organisation_id: str) -> str:
        read, seen = self._organisations.get(organisation_id), self._organisations_seen.get(organisation_id)
        said = OrganisationStanding() if read is None else read[1]
        said = said if seen is None else joined_organisations(said, seen)
        return "" if said.tier is None else said.tier.value

    def on_batch(self, records: Iterable[LogRecord]) -> None:
        """Records of account-events, as they come."""
        for record in records:
            try:
                event = ACCOUNT_EVENTS.decode(record.value())
            except UndecodableRecord:
                continue
            except NewerRecord:
                # Whatever it says of whomever: what is known here is to be asked for again.
                for known in self._known.values():
                    known.until_s = 0.0
                self._organisations.clear()
                continue
            at = self._topics.position(ACCOUNT_EVENTS, record.partition() or 0, record.offset() or 0)
            if isinstance(event, UserChanged | MembershipChanged | OrganisationCreated | OrganisationChanged):
                self.said(event, at)

    def said(
        self, event: UserChanged | MembershipChanged | OrganisationCreated | OrganisationChanged, at: Position
    ) -> None:
        """A record of identity stands at `at`: it counts from now on."""
        user, organisation = user_said(event, at), organisation_said(event, at)
        if user is not None and isinstance(event, UserChanged | MembershipChanged):
            self._user_said(event.user_id, user)
        if organisation is not None and isinstance(event, OrganisationCreated | OrganisationChanged):
            seen = self._organisations_seen.get(event.organisation_id)
            joined = organisation if seen is None else joined_organisations(seen, organisation)
            self._organisations_seen[event.organisation_id] = joined
            self._organisation_said(event.organisation_id)

    def _user_said(self, user_id: str, said: UserStanding) -> None:
        seen = self._seen.get(user_id)
        self._seen[user_id] = said if seen is None else joined_users(seen, said)
        known = self._known.get(user_id)
        if known is None:
            # What they were is forgotten, or nobody was let in: whatever it may have taken ends.
            self._ended(user_id, _taken_by(said))
            return
        known.said = joined_users(known.said, said)
        known.standing = self._changed(known.standing, known.said)

    def _changed(self, before: Standing, said: UserStanding) -> Standing:
        now = self._put_together(before.user_id, said)
        lost = _lost(before, now)
        self._ended(before.user_id, lost)
        return now if lost is None else replace(now, revision=self._losses)

    def _ended(self, user_id: str, lost: Callable[[Credential], bool] | None) -> None:
        if lost is not None:
            self._losses += 1
            self._end_streams(user_id, self._losses, lost)

    def _organisation_said(self, organisation_id: str) -> None:
        for user_id, known in self._known.items():
            if known.standing.membership(organisation_id).role:
                known.standing = self._put_together(user_id, known.said)


def _lost(before: Standing, now: Standing) -> Callable[[Credential], bool] | None:
    """Which streams of a user end that were open before; None: nothing was taken from them.

    All of somebody who is suspended, or who has lost every role that reads answers at all; else those that only a role
    allowed that is gone, and those that an organisation paid for that has them no more.
    """
    if now.suspended:
        return None if before.suspended else lambda _: True
    if before.roles & READERS and not now.roles & READERS:
        return lambda _: True
    left = {one.organisation_id for one in before.memberships} - {one.organisation_id for one in now.memberships}
    roles = {(one.organisation_id, one.role) for one in before.memberships}
    changed = bool(before.roles - now.roles or roles - {(one.organisation_id, one.role) for one in now.memberships})
    if not changed:
        return None
    return lambda credential: credential.privileged or credential.organisation_id in left


def _taken_by(said: UserStanding) -> Callable[[Credential], bool] | None:
    """As `_lost`, where it is not known what they were before."""
    if said.is_suspended or (said.roles is not None and not READERS.intersection(said.roles.value)):
        return lambda _: True
    left = {organisation_id for organisation_id, role in said.memberships.items() if not role.value}
    if said.roles is None and not said.memberships:
        return None
    return lambda credential: credential.privileged or credential.organisation_id in left
