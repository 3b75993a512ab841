"""The fold of one billing account: what it may spend, what is leased, and what every request brings. Pure.

All readers fold with this class, over the same partition, so all agree on every decision; LeaseGranted and LeaseDenied
only announce it. The rules (docs/adr/0029):

- A lease is granted if every hard budget that counts it covers the prompt and one token of the answer: what was asked
  for, or what there is. Else it is denied, at once.
- An extension is granted what there is, if that is a token. Else it waits. It is denied once nothing can come: for one
  of the budgets that hold it back no lease is open that goes on. Of several that wait for each other the newest lease
  is denied, until one of the others can hope.
- A settlement ends a lease, and charges what was used, at most what was leased. It may come before the request: that is
  void then.
- A lease counts in the day and month in which it was requested, also what is said of it later. The log's time never
  goes back here: a record that is older than one below it counts as of the same time.
- The first request, extension of a number and settlement of a generation count; a budget's change counts once.
- A request for embeddings is leased what it may take at most, or denied. Its settlement charges what was used, at most
  the lease, and of what was asked for twice with one key only the first. Without an open lease a settlement is void: so
  the first in the log decides, that of who computed or that of who gave them up.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeVar, get_args

from schemas.admission import (
    TOKENS,
    AdmissionRecord,
    BudgetChanged,
    BudgetPeriod,
    BudgetScope,
    EmbeddingsRequested,
    EmbeddingsSettled,
    LeaseDenied,
    LeaseExtensionRequested,
    LeaseGranted,
    LeaseRequested,
    LeaseSettled,
)
from schemas.envelope import Position
from schemas.limits import MAX_TOKENS
from schemas.price import Price, Usage
from topics.admission.amounts import answer_tokens_for, capped, is_free, tokens_of
from topics.admission.leases import CURRENCY, SPENT, Charged, Decision, Lease, Settled
from topics.admission.periods import DAY_US, Moment, moment_of
from topics.admission.sums import Amount, Key, Sums, Who
from topics.vocabulary import check_word

K = TypeVar("K", Settled, Charged)
SETTLED_KEPT_US = 35 * DAY_US
"""How long a settled generation is known, by the log's time: a request or a settlement that comes again is void."""
OLD_US = 30 * DAY_US
"""A request, or a settlement without a lease, whose cause is so long ago is void: it may be one that is forgotten."""
_SCOPES = frozenset(get_args(BudgetScope))
_PERIODS = frozenset(get_args(BudgetPeriod))


class Account:
    """Folds the records of one account, in the order of their partition."""

    def __init__(self) -> None:
        self.at_us = 0
        self.moment = moment_of(0)
        self.budgets: dict[tuple[str, str, str, bool], BudgetChanged] = {}
        self.leases: dict[str, Lease] = {}
        self.settled: dict[str, Settled] = {}
        self._charged: dict[str, Charged] = {}
        self.spent = Sums()
        self.leased = Sums()
        self._waiting: dict[str, Lease] = {}
        self._changes: set[str] = set()
        self._hard: tuple[BudgetChanged, ...] = ()

    @property
    def has_budgets(self) -> bool:
        """Whether there is or ever was one: from then on everything is settled here."""
        return bool(self._changes)

    def is_limited(self, who: Who) -> bool:
        """Whether a hard budget counts what is done for them."""
        return any(_counts(budget, who) for budget in self._hard)

    def apply(self, record: AdmissionRecord, position: Position, at_us: int) -> None:
        """Take the next record, which the log has at `position` since `at_us`.

        Raises NewerValue, and changes nothing, for a budget whose words this release does not know.
        """
        if isinstance(record, BudgetChanged):
            check_word("the budget's scope", record.scope, _SCOPES)
            check_word("the budget's period", record.period, _PERIODS)
        self._now(at_us)
        match record:
            case BudgetChanged():
                self._changed(record)
            case LeaseRequested():
                self._requested(record, position)
            case LeaseExtensionRequested():
                self._extended(record)
            case LeaseSettled():
                self._settle(record)
            case EmbeddingsRequested():
                self._embeddings_requested(record, position)
            case EmbeddingsSettled():
                self._embeddings_settled(record)
            case LeaseGranted() | LeaseDenied():
                lease = self.leases.get(record.generation_id)
                if lease is not None:
                    lease.announced.add(record.number)

    def covered(self, who: Who, price: Price, prompt: int, moment: Moment, own: Lease | None = None) -> tuple[int, str]:
        """How many tokens of an answer its hard budgets cover after its prompt, and the reason if that is not one.

        `own`: the lease that it has, which they cover already.
        """
        most, reason = MAX_TOKENS, ""
        for budget in self._hard:
            if _counts(budget, who):
                tokens = self._covered_by(budget, price, prompt, moment, own)
                if tokens is None:
                    return -1, CURRENCY
                if tokens < most:
                    most, reason = tokens, SPENT
        return most, reason if most < 1 else ""

    def standing(self, budget: BudgetChanged, moment: Moment) -> tuple[int, int, int]:
        """What is spent, leased and left of a budget in its period of this moment, in its unit. What is left is
        negative where the budget was lowered since."""
        key = _key(budget, moment)
        spent, leased = self.spent.of(key, budget.unit), self.leased.of(key, budget.unit)
        return spent, leased, (budget.limit or 0) - spent - leased

    def left(self, budget: BudgetChanged, moment: Moment) -> int:
        """What of `standing` is left."""
        return self.standing(budget, moment)[2]

    def moment_at(self, at_us: int) -> Moment:
        """The periods in which a request counts that comes now."""
        return moment_of(max(at_us, self.at_us))

    def to_announce(self) -> Iterator[tuple[str, Lease, Decision]]:
        """Every decision that nobody has announced yet."""
        for generation_id, lease in self.leases.items():
            if len(lease.announced) < len(lease.decisions):
                for decision in lease.decisions:
                    if decision.number not in lease.announced:
                        yield generation_id, lease, decision

    def charged(self, embedding_id: str) -> Charged | None:
        """What embeddings were charged in the last 35 days, whichever lease they had; None: nothing was."""
        found = self._charged.get(embedding_id)
        if found is None:
            alone = self.settled.get(embedding_id)  # one without a key has its own id for its lease
            return Charged(alone.at_us, alone.usage, "") if alone is not None and alone.used else None
        return found

    def given_up(self, at_us: int) -> Iterator[Lease]:
        """The leases of embeddings that nobody has settled in their time."""
        return (lease for lease in self.leases.values() if lease.embeddings is not None and lease.until_us < at_us)

    # -- the records ---------------------------------------------------------------------------------------------------

    def _now(self, at_us: int) -> None:
        self.at_us = max(self.at_us, at_us)
        moment = moment_of(self.at_us) if self.at_us // DAY_US != self.moment.day else self.moment
        if moment == self.moment:
            return
        self.moment = moment
        oldest = min((lease.moment.day for lease in self.leases.values()), default=moment.day)
        for sums in (self.spent, self.leased):
            sums.forget_before(moment_of(min(oldest, moment.day) * DAY_US))
        _forget_before(self.settled, self.at_us - SETTLED_KEPT_US)
        _forget_before(self._charged, self.at_us - SETTLED_KEPT_US)

    def _changed(self, change: BudgetChanged) -> None:
        if change.envelope.event_id in self._changes:
            return
        self._changes.add(change.envelope.event_id)
        name = change.scope, change.subject, change.period, change.hard
        if change.limit is None:
            self.budgets.pop(name, None)
        else:
            self.budgets[name] = change
        self._hard = tuple(budget for budget in self.budgets.values() if budget.hard)
        self._decide_waiting()

    def _requested(self, request: LeaseRequested, position: Position) -> None:
        generation_id = request.generation_id
        if generation_id in self.leases or generation_id in self.settled or self._is_old(request):
            return
        lease = Lease(
            position,
            Who(request.user_id, request.key_id),
            request.price,
            min(max(request.prompt_tokens, 0), MAX_TOKENS),
            self.moment,
        )
        self.leases[generation_id] = lease
        covered, reason = self.covered(lease.who, lease.price, lease.prompt, lease.moment)
        if covered < 1:
            lease.denied = True
            lease.decisions.append(Decision(0, 0, reason))
        else:
            self._grant(lease, min(_asked(request.tokens), covered))

    def _extended(self, request: LeaseExtensionRequested) -> None:
        lease = self.leases.get(request.generation_id)
        if lease is None or lease.embeddings is not None or lease.denied or lease.waiting:
            return
        if request.number != len(lease.decisions):
            return
        lease.waiting = _asked(request.tokens)
        self._waiting[request.generation_id] = lease
        self._decide_waiting()

    def _settle(self, settlement: LeaseSettled) -> None:
        generation_id, usage, price = settlement.generation_id, settlement.usage, settlement.price
        if generation_id in self.settled or (generation_id not in self.leases and self._is_old(settlement)):
            return
        lease = self.leases.pop(generation_id, None)
        who, moment = Who(settlement.user_id, settlement.key_id), self.moment
        if lease is not None:
            self._waiting.pop(generation_id, None)
            who, moment, price = lease.who, lease.moment, lease.price
            if lease.is_open:
                self.leased.add(who, moment, lease.amount, -1)
            usage = capped(usage, lease.prompt if lease.is_open else 0, lease.granted)
        cost = price.cost_micros(usage)
        self.spent.add(who, moment, Amount(tokens_of(usage), cost, price.currency))
        unbilled = tokens_of(settlement.usage) - tokens_of(usage)
        self.settled[generation_id] = Settled(self.at_us, usage, cost, unbilled, lease is not None)
        self._decide_waiting()

    def _embeddings_requested(self, request: EmbeddingsRequested, position: Position) -> None:
        lease_id = request.lease_id
        if lease_id in self.leases or lease_id in self.settled or self._is_old(request):
            return
        lease = Lease(
            position,
            Who(request.user_id, request.key_id),
            request.price,
            min(max(request.tokens, 0), MAX_TOKENS),
            self.moment,
            embeddings=request,
            until_us=self.at_us + max(request.held_us, 0),
        )
        covered, reason = self.covered(lease.who, lease.price, lease.prompt, lease.moment)
        if covered < 0:
            self.settled[lease_id] = Settled(
                self.at_us, Usage(0, 0), 0, 0, leased=False, embedding_id=request.embedding_id, denied=reason
            )
        else:
            self.leases[lease_id] = lease
            self.leased.add(lease.who, lease.moment, lease.amount)

    def _embeddings_settled(self, settlement: EmbeddingsSettled) -> None:
        lease = self.leases.get(settlement.lease_id)
        if lease is None or lease.embeddings is None:
            return
        del self.leases[settlement.lease_id]
        self.leased.add(lease.who, lease.moment, lease.amount, -1)
        embedding_id = lease.embeddings.embedding_id
        used = settlement.used and self.charged(embedding_id) is None
        usage = capped(settlement.usage, lease.prompt, 0) if used else Usage(0, 0)
        cost = lease.price.cost_micros(usage)
        self.spent.add(lease.who, lease.moment, Amount(tokens_of(usage), cost, lease.price.currency))
        unbilled = tokens_of(settlement.usage) - tokens_of(usage) if used else 0
        self.settled[settlement.lease_id] = Settled(
            self.at_us, usage, cost, unbilled, leased=True, embedding_id=embedding_id, used=used
        )
        if used and embedding_id != settlement.lease_id:
            self._charged[embedding_id] = Charged(self.at_us, usage, settlement.request_hash)
        self._decide_waiting()

    def _is_old(self, record: LeaseRequested | LeaseSettled | EmbeddingsRequested) -> bool:
        return self.at_us - record.envelope.occurred_at_us > OLD_US

    # -- the rules -----------------------------------------------------------------------------------------------------

    def _covered_by(
        self, budget: BudgetChanged, price: Price, prompt: int, moment: Moment, own: Lease | None
    ) -> int | None:
        """None: its currency is another one."""
        left = self.left(budget, moment)
        if own is not None:
            left += own.amount.of(budget.unit)
        if budget.unit == TOKENS:
            return min(left - prompt, MAX_TOKENS)
        if is_free(price):
            return MAX_TOKENS
        if budget.unit != price.currency:
            return None
        return answer_tokens_for(price, prompt, left, MAX_TOKENS)

    def _grant(self, lease: Lease, tokens: int) -> None:
        if lease.is_open:
            self.leased.add(lease.who, lease.moment, lease.amount, -1)
        lease.granted += tokens
        lease.waiting = 0
        self.leased.add(lease.who, lease.moment, lease.amount)
        lease.decisions.append(Decision(len(lease.decisions), tokens))

    def _decide_waiting(self) -> None:
        for generation_id, lease in tuple(self._waiting.items()):
            covered, _ = self.covered(lease.who, lease.price, lease.prompt, lease.moment, lease)
            if covered > lease.granted:
                del self._waiting[generation_id]
                self._grant(lease, min(lease.waiting, covered - lease.granted))
        while stuck := self._stuck():
            newest = max(stuck, key=lambda generation_id: self.leases[generation_id].position)
            lease = self._waiting.pop(newest)
            lease.waiting, lease.denied = 0, True
            lease.decisions.append(Decision(len(lease.decisions), 0, SPENT))

    def _stuck(self) -> list[str]:
        """Which of those that wait can hope for nothing: each other lease that could give something back waits too."""
        if not self._waiting:
            return []
        blocking = {
            generation_id: {_key(budget, lease.moment) for budget in self._hard if self._blocks(budget, lease)}
            for generation_id, lease in self._waiting.items()
        }
        wanted = {(key[0], key[1]) for keys in blocking.values() for key in keys}
        giving: set[Key] = set()
        for lease in self.leases.values():
            if lease.is_open and not lease.waiting:
                giving |= _keys(lease, wanted)
        hopeless = dict(blocking)
        while hopeful := [generation_id for generation_id, keys in hopeless.items() if keys <= giving]:
            for generation_id in hopeful:
                del hopeless[generation_id]
                giving |= _keys(self._waiting[generation_id], wanted)
        return list(hopeless)

    def _blocks(self, budget: BudgetChanged, lease: Lease) -> bool:
        if not _counts(budget, lease.who):
            return False
        covered = self._covered_by(budget, lease.price, lease.prompt, lease.moment, lease)
        return covered is None or covered <= lease.granted


def _forget_before(known: dict[str, K], at_us: int) -> None:
    for name, each in tuple(known.items()):
        if each.at_us >= at_us:
            break  # they are in the order of their times
        del known[name]


def _asked(tokens: int) -> int:
    return min(max(tokens, 1), MAX_TOKENS)


def _counts(budget: BudgetChanged, who: Who) -> bool:
    match budget.scope:
        case "user":
            return budget.subject == who.user_id
        case "key":
            return budget.subject == who.key_id
        case _:
            return True


def _key(budget: BudgetChanged, moment: Moment) -> Key:
    subject = "" if budget.scope == "account" else budget.subject
    return budget.scope, subject, budget.period, moment.index(budget.period)


def _keys(lease: Lease, wanted: set[tuple[str, str]]) -> set[Key]:
    """The periods of the scopes that are wanted in which a lease counts."""
    return {
        (scope, subject, period, index)
        for scope, subject in lease.who.scopes
        if (scope, subject) in wanted
        for period, index in lease.moment.all
    }
