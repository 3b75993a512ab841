"""Checks `admissions` against outcomes and bills by replay: every decision again, every sum anew. Pure.

What is leased is added up anew from the leases each time; what is spent is what settlements were charged, which is
compared with every outcome and bill.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from schemas.admission import (
    TOKENS,
    AdmissionRecord,
    BudgetChanged,
    EmbeddingsRequested,
    LeaseDenied,
    LeaseGranted,
)
from schemas.envelope import Position
from schemas.outcome import GenerationCompleted, Outcome
from schemas.usage import EmbeddingsComputed, UsageRecorded
from topics.admission.account import Account
from topics.admission.amounts import is_free, leased_micros, tokens_of
from topics.admission.leases import Lease
from topics.admission.periods import Moment
from topics.admission.sums import Who


@dataclass(frozen=True, slots=True)
class Placed:
    """A record of admissions, where it stands and since when."""

    record: AdmissionRecord
    position: Position
    at_us: int


@dataclass(slots=True)
class Audit:
    """What was found. `problems`: every broken promise, in words."""

    accounts: dict[str, Account] = field(default_factory=dict)
    granted: int = 0
    denied: int = 0
    extensions: int = 0
    denied_extensions: int = 0
    embeddings: int = 0
    denied_embeddings: int = 0
    unbilled: int = 0
    problems: list[str] = field(default_factory=list)

    @property
    def open_leases(self) -> int:
        return sum(lease.is_open for account in self.accounts.values() for lease in account.leases.values())


Bill = UsageRecorded | EmbeddingsComputed


def audit(placed: Iterable[Placed], outcomes: Iterable[Outcome], bills: Iterable[Bill]) -> Audit:
    """Replay admissions, in the order of each partition, and compare them with all outcomes and bills."""
    found = Audit()
    announced: dict[str, dict[int, int]] = {}
    for entry in placed:
        record = entry.record
        account = found.accounts.setdefault(record.account, Account())
        before = {name: (lease.granted, len(lease.decisions)) for name, lease in account.leases.items()}
        known = isinstance(record, EmbeddingsRequested) and record.lease_id in account.settled
        account.apply(record, entry.position, entry.at_us)
        if isinstance(record, EmbeddingsRequested):
            if record.lease_id not in before and not known:
                _leased(found, record, account)
        elif isinstance(record, LeaseGranted | LeaseDenied):
            tokens = record.tokens if isinstance(record, LeaseGranted) else 0
            said = announced.setdefault(record.generation_id, {})
            if said.setdefault(record.number, tokens) != tokens:
                found.problems.append(f"{record.generation_id} was announced {tokens} and {said[record.number]} tokens")
        else:
            _decided(found, record, account, before)
    _settled(found, outcomes, bills, announced)
    return found


def taken(account: Account, budget: BudgetChanged, moment: Moment) -> int:
    """What is spent and leased of a budget, added up from leases and settlements."""
    total = account.spent.of(_key(budget, moment), budget.unit)
    for lease in account.leases.values():
        if (
            lease.is_open
            and _in(budget, lease.who)
            and lease.moment.index(budget.period) == moment.index(budget.period)
        ):
            if budget.unit == TOKENS:
                total += lease.prompt + lease.granted
            elif budget.unit == lease.price.currency:
                total += leased_micros(lease.price, lease.prompt, lease.granted)
    return total


def affordable(account: Account, lease: Lease, *, fresh: bool | None = None) -> bool:
    """Whether all hard budgets cover one more token of a lease, and of a new one its prompt; of one for embeddings,
    its prompt alone. `fresh`: it takes nothing yet."""
    fresh = not lease.is_open if fresh is None else fresh
    more = 1 if lease.embeddings is None else 0
    for budget in account.budgets.values():
        if not budget.hard or not _in(budget, lease.who):
            continue
        left = (budget.limit or 0) - taken(account, budget, lease.moment)
        if budget.unit == TOKENS:
            needed = more + (lease.prompt if fresh else 0)
        elif is_free(lease.price):
            continue
        elif budget.unit != lease.price.currency:
            return False
        else:
            had = 0 if fresh else leased_micros(lease.price, lease.prompt, lease.granted)
            needed = leased_micros(lease.price, lease.prompt, lease.granted + more) - had
        if needed > left:
            return False
    return True


def _decided(found: Audit, record: AdmissionRecord, account: Account, before: Mapping[str, tuple[int, int]]) -> None:
    for name, lease in account.leases.items():
        had, decided = before.get(name, (0, 0))
        for decision in lease.decisions[decided:]:
            found.granted += decision.number == 0 and decision.tokens > 0
            found.extensions += decision.number > 0 and decision.tokens > 0
            found.denied += decision.number == 0 and not decision.tokens
            found.denied_extensions += decision.number > 0 and not decision.tokens
            if not decision.tokens and affordable(account, lease):
                found.problems.append(f"{name} was refused although affordable (request {decision.number})")
        if lease.granted > had:
            _within(found, record.account, account, name, lease)


def _leased(found: Audit, request: EmbeddingsRequested, account: Account) -> None:
    """What a first request for embeddings brought: a lease, a denial, or nothing if it is too old."""
    lease, settled = account.leases.get(request.lease_id), account.settled.get(request.lease_id)
    if lease is not None:
        found.embeddings += 1
        _within(found, request.account, account, request.lease_id, lease)
    elif settled is not None:
        found.denied_embeddings += 1
        who = Who(request.user_id, request.key_id)
        asked = Lease(Position(0, 0, 0), who, request.price, request.tokens, account.moment, embeddings=request)
        if affordable(account, asked, fresh=True):
            found.problems.append(f"{request.lease_id} was refused although affordable")


def _within(found: Audit, name: str, account: Account, of: str, lease: Lease) -> None:
    for budget in account.budgets.values():
        free = budget.unit != TOKENS and is_free(lease.price)
        if budget.hard and _in(budget, lease.who) and not free:
            over = taken(account, budget, lease.moment) - (budget.limit or 0)
            if over > 0:
                found.problems.append(f"{name} is {over} over its budget by {of}")


def _settled(
    found: Audit,
    outcomes: Iterable[Outcome],
    bills: Iterable[Bill],
    announced: Mapping[str, Mapping[int, int]],
) -> None:
    ended: dict[str, Outcome] = {}
    for outcome in outcomes:
        ended.setdefault(outcome.turn.generation_id, outcome)
    billed: dict[str, Bill] = {}
    for bill in bills:
        billed.setdefault(bill.generation_id if isinstance(bill, UsageRecorded) else bill.embedding_id, bill)
    for name, account in found.accounts.items():
        found.problems += [f"the lease of {generation} is still open" for generation in account.leases]
        for generation, settled in account.settled.items():
            found.unbilled += settled.unbilled
            bill_of = billed.get(settled.embedding_id or generation)
            if settled.embedding_id and not settled.used:
                continue  # it costs nothing, whatever became of its key
            if generation not in ended and not settled.embedding_id:
                found.problems.append(f"{generation} was settled for {name} and has not ended")
            elif bill_of is None:
                found.problems.append(f"{generation} was settled for {name} and not billed")
            elif settled.leased and (bill_of.usage, bill_of.cost_micros) != (settled.usage, settled.cost_micros):
                charged = tokens_of(settled.usage), settled.cost_micros
                found.problems.append(f"{generation} was charged {charged} and billed {bill_of.usage}")
    for generation, outcome in ended.items():
        if isinstance(outcome, GenerationCompleted) and outcome.finish_reason == "budget":
            numbers = announced.get(generation, {})
            if not numbers or numbers[max(numbers)]:
                found.problems.append(f"{generation} ended by its budget without a denial in the log")


def _in(budget: BudgetChanged, who: Who) -> bool:
    return (budget.scope, budget.subject if budget.scope != "account" else "") in set(who.scopes)


def _key(budget: BudgetChanged, moment: Moment) -> tuple[str, str, str, int]:
    return budget.scope, "" if budget.scope == "account" else budget.subject, budget.period, moment.index(budget.period)
