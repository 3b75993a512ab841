"""The limits of tiers, keys and organisations, and of addresses: what a request takes, and what is left.

Written policy for a Redis that is away: each process goes on alone, with its part of every limit (the number of
processes is a setting). Buckets of an hour and more begin with what the log says was sent in the last hour, here, and
in Redis once it is back or has lost its memory. The metric `verbatim_api_rate_limit_unavailable_total` and a log line
tell.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, replace

from api.access.buckets import CANNOT_BE_TOLD, LEASE_S, Buckets, BucketsAway, Correction, Lease, LocalBuckets
from api.access.demands import estimated_tokens, message_draws, rates_of, slots_of
from api.access.ports import SentReads
from api.access.rates import MINUTE_US, Draw, Rate, Slots, Taken
from api.access.unknown_keys import counted_as
from api.http.metrics import LIMIT_FILLS, LIMITER_OPEN
from infra.cassandra.errors import StoreUnavailable
from infra.clock import now_us
from infra.ids import draw_id
from infra.logging import get_logger
from infra.tiers.limited import Limited
from infra.tiers.tier import Tier, Tiers

RENEW_S = LEASE_S / 3
MAX_RENEWED = 500
"""Leases that are renewed by one call."""
MAX_RUNNING = 20_000
"""Answers of one process that are counted; what is more is admitted, and corrected by nobody."""
MAX_MEMBERS = 500
"""Of an organisation, whose messages are counted."""
AT_ONCE = 32
_log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Running:
    """An admitted request for an answer: what it reserved, until `RateLimits.over`."""

    lease: Lease
    draws: tuple[Draw, ...]

    @property
    def tokens(self) -> int:
        """What is reserved of each limit of tokens."""
        return max((draw.amount for draw in self.draws if draw.rate.kind == "tokens"), default=0)


@dataclass(frozen=True, slots=True)
class Admitted:
    """A decision on a request for an answer. `running` None: it is refused, or nothing of it is counted."""

    taken: Taken
    slots: tuple[Slots, ...] = ()
    tokens: int = 0
    running: Running | None = None


class RateLimits:
    """All limits of this process. `run` corrects and renews what runs."""

    def __init__(
        self, shared: Buckets, local: LocalBuckets, reads: SentReads, tiers: Tiers, *, per_address: int, tries: int
    ) -> None:
        """`per_address`: requests a minute from one address that is not signed in; `tries`: of those to sign in."""
        self._shared = shared
        self._local = local
        self._reads = reads
        self.tiers = tiers
        self._per_address = per_address
        self._tries = tries
        self._away = False
        self._running: dict[str, Running] = {}
        self._over: deque[tuple[Running, tuple[Correction, ...]]] = deque(maxlen=MAX_RUNNING)
        self._due = asyncio.Event()

    def tier_of(self, limited: Limited) -> Tier:
        return self.tiers.of(limited.tier)

    async def admit(self, limited: Limited) -> Taken:
        """Take a request. Never raises for a Redis that is away."""
        return await self._take([Draw(rate) for rate in rates_of(limited, self.tier_of(limited), "requests")])

    async def admit_address(self, address: str) -> Taken:
        """Take a request of somebody who is not signed in."""
        return await self._take(
            [Draw(Rate(f"address:{counted_as(address)}", "requests", self._per_address, MINUTE_US))]
        )

    async def admit_try(self, address: str) -> Taken:
        """Take a try to sign in, by password, link or invitation."""
        return await self._take([Draw(Rate(f"tries:{counted_as(address)}", "requests", self._tries, MINUTE_US))])

    async def admit_message(
        self, limited: Limited, prompt: int, most: int | None, longest: int, choices: int
    ) -> Admitted:
        """Take a message and a lease, and reserve the tokens of its prompt and answers (see `estimated_tokens`)."""
        tier = self.tier_of(limited)
        tokens = estimated_tokens(prompt, most, longest, choices, rates_of(limited, tier, "tokens"))
        draws, slots = message_draws(limited, tier, tokens), slots_of(limited, tier)
        if not draws and not slots:
            return Admitted(Taken(True))
        running = Running(Lease(draw_id(), slots), draws)
        taken = await self._take(draws, slots, running.lease.id, limited.user_id)
        if not taken.allowed or len(self._running) >= MAX_RUNNING:
            return Admitted(taken, slots, tokens)
        self._running[running.lease.id] = running
        return Admitted(taken, slots, tokens, running)

    async def admit_tokens(self, limited: Limited, tokens: int) -> Admitted:
        """Reserve tokens of what is no message: about so many; `over` says how many it were."""
        rates = rates_of(limited, self.tier_of(limited), "tokens")
        if not rates:
            return Admitted(Taken(True))
        running = Running(Lease(draw_id(), ()), tuple(Draw(rate, min(tokens, rate.limit)) for rate in rates))
        taken = await self._take(running.draws, user_id=limited.user_id)
        if not taken.allowed or len(self._running) >= MAX_RUNNING:
            return Admitted(taken)
        self._running[running.lease.id] = running
        return Admitted(taken, running=running)

    def over(self, running: Running, used: int | None) -> None:
        """An answer has ended, or cannot be followed any more. `used`: its tokens; None: what was guessed stands."""
        draws = [draw for draw in running.draws if draw.rate.kind == "tokens"]
        corrections = [] if used is None else [Correction(draw.rate, used - draw.amount) for draw in draws]
        self._end(running, tuple(one for one in corrections if one.by))

    def give_back(self, running: Running) -> None:
        """No answer was begun: nothing was taken."""
        self._end(running, tuple(Correction(draw.rate, -draw.amount) for draw in running.draws if draw.amount))

    async def look(self, limited: Limited) -> tuple[Taken, tuple[Slots, ...]]:
        """What holds for somebody, and what is left of it; nothing is taken."""
        tier = self.tier_of(limited)
        slots = slots_of(limited, tier)
        draws = [Draw(rate, 0) for rate in rates_of(limited, tier)]
        return await self._take(draws, slots, user_id=limited.user_id), slots

    async def run(self) -> None:
        """Correct what has ended, and renew the leases of what runs, until cancelled."""
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(RENEW_S):
                    await self._due.wait()
            self._due.clear()
            await self.settle()

    async def settle(self) -> None:
        """One round of `run`."""
        while self._over:
            running, corrections = self._over[0]
            buckets = self._local if self._away else self._shared
            try:
                await buckets.settle(corrections, running.lease.id, running.lease.slots)
            except BucketsAway:
                break  # its lease expires, and so does what was reserved; the next round may do better
            self._over.popleft()
        leases = [running.lease for running in self._running.values() if running.lease.slots]
        for start in range(0, len(leases), MAX_RENEWED):
            some = leases[start : start + MAX_RENEWED]
            try:
                await self._shared.renew(some)
            except BucketsAway:
                await self._local.renew(some)

    def _end(self, running: Running, corrections: tuple[Correction, ...]) -> None:
        if self._running.pop(running.lease.id, None) is not None:
            self._over.append((running, corrections))
            self._due.set()

    async def _take(
        self, draws: Sequence[Draw], slots: Sequence[Slots] = (), lease: str = "", user_id: str = ""
    ) -> Taken:
        if not draws and not slots:
            return Taken(True)
        try:
            taken = await self._take_of(self._shared, draws, slots, lease, user_id)
        except BucketsAway as error:
            LIMITER_OPEN.inc()
            await self._go_on_alone(str(error))
            return replace(await self._take_of(self._local, draws, slots, lease, user_id), away=True)
        if self._away:
            self._away = False
            self._due.set()  # the leases of what runs stand again at once
        return taken

    async def _go_on_alone(self, reason: str) -> None:
        if self._away:
            return
        self._away = True
        self._local.forget()  # since it was used last, others have taken of the shared ones
        await self._local.renew([running.lease for running in self._running.values()])
        _log.warning("Redis is not reachable: limits hold in each process alone", reason=reason)

    async def _take_of(
        self, buckets: Buckets, draws: Sequence[Draw], slots: Sequence[Slots], lease: str, user_id: str
    ) -> Taken:
        taken = await buckets.take(draws, slots, lease)
        if not taken.unknown:
            return taken
        asked = [draws[place].rate for place in taken.unknown]
        counts = await asyncio.gather(*(self._sent(rate, user_id) for rate in asked))
        return await buckets.take(draws, slots, lease, dict(zip(taken.unknown, counts, strict=True)))

    async def _sent(self, rate: Rate, user_id: str) -> int:
        """What was sent in the last period: what runs here, and what the log tells has ended.

        Of a key all that its user sent: the log tells no less.
        """
        kind, _, name = rate.subject.partition(":")
        runs = sum(any(draw.rate.name == rate.name for draw in running.draws) for running in self._running.values())
        try:
            if kind == "organisation":
                users = [member.user_id for member in await self._reads.members(name, "", MAX_MEMBERS)]
            else:
                users = [user_id]
            ended = await self._ended(sorted({user_id, *users}), rate)
        except StoreUnavailable:
            LIMIT_FILLS.labels("unknown").inc()
            return CANNOT_BE_TOLD
        LIMIT_FILLS.labels("filled").inc()
        return min(runs + ended, rate.limit)

    async def _ended(self, users: Sequence[str], rate: Rate) -> int:
        until_us, total = now_us(), 0
        for start in range(0, len(users), AT_ONCE):
            asked = (
                self._reads.answers_since(user_id, until_us - rate.period_us, until_us, rate.limit)
                for user_id in users[start : start + AT_ONCE]
            )
            total += sum(await asyncio.gather(*asked))
            if total >= rate.limit:
                break
        return total
