"""The fold of an account against a naive one, for any order of requests, settlements and changes of budgets."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.admission import (
    TOKENS,
    AdmissionRecord,
    BudgetChanged,
    LeaseExtensionRequested,
    LeaseRequested,
    LeaseSettled,
)
from schemas.envelope import Envelope, Position
from schemas.price import Price, Usage
from topics.admission.account import Account
from topics.admission.amounts import is_free, leased_micros, tokens_of
from topics.admission.leases import CURRENCY, SPENT, Decision, Lease
from topics.admission.periods import DAY_US, moment_of

ACCOUNT = "org"
DOLLARS = Price("d", "USD", 1_300_000, 100_000, 2_700_000)
EUROS = Price("e", "EUR", 1_000_000, 1_000_000, 1_000_000)
FREE = Price("f", "USD", 0, 0, 0)
START_US = 20_000 * DAY_US + 23 * 3600 * 1_000_000


def envelope(event_id: str) -> Envelope:
    return Envelope(event_id, 0, None, "", "test")


def budget(
    limit: int | None,
    *,
    scope: str = "account",
    subject: str = "",
    period: str = "total",
    hard: bool = True,
    unit: str = TOKENS,
    n: int = 0,
) -> BudgetChanged:
    name = f"budget {scope} {subject} {period} {hard} {unit} {limit} {n}"
    return BudgetChanged(
        envelope=envelope(name),
        account=ACCOUNT,
        scope=scope,
        subject=subject,
        period=period,
        hard=hard,
        unit=unit,
        limit=limit,
    )


def request(generation: str, tokens: int, *, prompt: int = 10, price: Price = DOLLARS, **who: str) -> LeaseRequested:
    return LeaseRequested(
        envelope=envelope(f"request {generation} {tokens} {prompt}"),
        account=ACCOUNT,
        user_id=who.get("user", "ada"),
        key_id=who.get("key", ""),
        generation_id=generation,
        model="m",
        price=price,
        prompt_tokens=prompt,
        tokens=tokens,
    )


def extension(generation: str, number: int, tokens: int) -> LeaseExtensionRequested:
    name = f"extension {generation} {number} {tokens}"
    return LeaseExtensionRequested(
        envelope=envelope(name), account=ACCOUNT, generation_id=generation, number=number, tokens=tokens
    )


def settlement(generation: str, prompt: int, said: int, *, price: Price = DOLLARS, **who: str) -> LeaseSettled:
    return LeaseSettled(
        envelope=envelope(f"settlement {generation} {prompt} {said}"),
        account=ACCOUNT,
        user_id=who.get("user", "ada"),
        key_id=who.get("key", ""),
        generation_id=generation,
        usage=Usage(prompt, said),
        price=price,
        outcome=Position(0, 0, 0),
    )


@dataclass(slots=True)
class Log:
    """Applies records one after another."""

    account: Account
    first: dict[str, int]
    offset: int = 0
    at_us: int = START_US

    def __call__(self, *records: AdmissionRecord, after_us: int = 0) -> Account:
        self.at_us += after_us
        for record in records:
            name = getattr(record, "generation_id", record.envelope.event_id)
            # What begins and ends a generation is said when its first record is, or again much later.
            at_us = self.first.setdefault(name, self.at_us)
            said = replace(record, envelope=replace(record.envelope, occurred_at_us=at_us))
            self.account.apply(said, Position(0, 0, self.offset), self.at_us)
            self.offset += 1
        return self.account


def log() -> Log:
    return Log(Account(), {})


def decisions(account: Account, generation: str) -> list[tuple[int, str]]:
    return [(decision.tokens, decision.reason) for decision in account.leases[generation].decisions]


# -- examples ----------------------------------------------------------------------------------------------------------


def test_what_is_left_is_granted_to_the_token_and_then_nothing() -> None:
    account = log()(budget(100), request("a", 64), request("b", 64), request("c", 64))
    assert decisions(account, "a") == [(64, "")]
    assert decisions(account, "b") == [(16, "")], "100 - (10 + 64) - 10"
    assert decisions(account, "c") == [(0, SPENT)]
    assert account.left(budget(100), account.moment) == 0


def test_a_settlement_gives_back_what_was_not_used_and_bills_at_most_the_lease() -> None:
    apply = log()
    account = apply(budget(100), request("a", 64), settlement("a", 10, 4), request("b", 100))
    assert decisions(account, "b") == [(76, "")]
    apply(settlement("b", 12, 80))
    assert account.settled["b"].usage == Usage(10, 76)
    assert account.settled["b"].unbilled == 2 + 4
    assert account.left(budget(100), account.moment) == 0


def test_an_extension_is_granted_what_there_is_and_waits_while_another_lease_may_give_something_back() -> None:
    apply = log()
    account = apply(budget(100), request("a", 30), request("b", 40), extension("a", 1, 30))
    assert decisions(account, "a") == [(30, ""), (10, "")]
    apply(extension("a", 2, 30))
    assert account.leases["a"].waiting == 30
    apply(settlement("b", 10, 25))
    assert decisions(account, "a") == [(30, ""), (10, ""), (15, "")]


def test_an_extension_is_denied_when_no_other_lease_is_open() -> None:
    account = log()(budget(50), request("a", 40), extension("a", 1, 30))
    assert decisions(account, "a") == [(40, ""), (0, SPENT)]


def test_of_leases_that_wait_for_each_other_the_newest_is_denied_and_the_oldest_goes_on() -> None:
    apply = log()
    account = apply(budget(100), request("a", 40), request("b", 40), extension("a", 1, 30))
    assert account.leases["a"].waiting
    apply(extension("b", 1, 30))
    assert decisions(account, "b")[1:] == [(0, SPENT)]
    assert account.leases["a"].waiting, "b goes on to the end of its lease, and may give some of it back"
    apply(settlement("b", 10, 39))
    assert decisions(account, "a")[1:] == [(1, "")]


def test_a_budget_that_is_raised_or_removed_lets_those_go_on_that_wait() -> None:
    apply = log()
    account = apply(budget(100), request("a", 40), request("b", 40), extension("a", 1, 30))
    apply(budget(110))
    assert decisions(account, "a")[1:] == [(10, "")]
    apply(extension("a", 2, 30), budget(None, n=1))
    assert decisions(account, "a")[2:] == [(30, "")]
    assert not account.is_limited(account.leases["a"].who)


def test_a_budget_lowered_below_what_is_spent_refuses_new_ones_and_running_ones_keep_their_lease() -> None:
    apply = log()
    account = apply(budget(1000), request("a", 500), settlement("a", 10, 400), request("b", 100), budget(50))
    apply(request("c", 1), extension("b", 1, 10))
    assert decisions(account, "c") == [(0, SPENT)]
    assert decisions(account, "b") == [(100, ""), (0, SPENT)]
    apply(settlement("b", 10, 100))
    assert account.settled["b"].usage == Usage(10, 100)


def test_a_request_of_a_settled_generation_is_void() -> None:
    account = log()(budget(100), settlement("a", 10, 5), request("a", 30))
    assert not account.leases
    assert account.left(budget(100), account.moment) == 85


def test_periods_follow_the_logs_time_and_a_lease_stays_in_its_own() -> None:
    apply = log()
    daily = budget(100, period="day")
    account = apply(daily, request("a", 50))
    apply(request("b", 90), after_us=2 * 3600 * 1_000_000)
    assert decisions(account, "b") == [(90, "")], "another day"
    apply(settlement("a", 10, 50), extension("b", 1, 5))
    assert account.left(daily, account.moment) == 0
    assert decisions(account, "b")[1:] == [(0, SPENT)]
    apply(request("c", 1), after_us=-5 * 3600 * 1_000_000)
    assert decisions(account, "c") == [(0, SPENT)], "the log's time does not go back"


def test_a_user_and_a_key_have_budgets_of_their_own_and_the_smallest_counts() -> None:
    apply = log()
    account = apply(
        budget(1000), budget(100, scope="user", subject="ada"), budget(40, scope="key", subject="k", period="month")
    )
    apply(request("a", 500, user="ada", key="k"), request("b", 500, user="ada"), request("c", 500, user="eve"))
    assert [decisions(account, name) for name in "abc"] == [[(30, "")], [(50, "")], [(500, "")]]


def test_money_is_leased_rounded_up_and_another_currency_is_refused() -> None:
    apply = log()
    account = apply(budget(100, unit="USD"))
    apply(request("a", 500), request("b", 5, price=EUROS), request("c", 5, price=FREE))
    assert decisions(account, "a") == [(32, "")], "(100 - 10 * 1.3) / 2.7"
    assert leased_micros(DOLLARS, 10, 32) == 100
    assert decisions(account, "b") == [(0, CURRENCY)]
    assert decisions(account, "c") == [(5, "")], "what costs nothing needs no money"


def test_a_soft_budget_refuses_nothing() -> None:
    account = log()(budget(1, hard=False), request("a", 64))
    assert decisions(account, "a") == [(64, "")]
    assert not account.is_limited(account.leases["a"].who)
    assert account.has_budgets


# -- any interleaving --------------------------------------------------------------------------------------------------

GENERATIONS = ["a", "b", "c", "d", "e"]
WHO = {"a": ("ada", "k"), "b": ("ada", ""), "c": ("eve", "k"), "d": ("eve", "j"), "e": ("ada", "j")}
PRICES = {"a": DOLLARS, "b": DOLLARS, "c": EUROS, "d": FREE, "e": DOLLARS}
small = st.integers(0, 60)


def _who(generation: str) -> dict[str, str]:
    user, key = WHO[generation]
    return {"user": user, "key": key}


generations = st.sampled_from(GENERATIONS)
budgets = st.builds(
    lambda limit, scope, period, hard, unit, n: budget(
        limit, scope=scope[0], subject=scope[1], period=period, hard=hard, unit=unit, n=n
    ),
    st.one_of(st.integers(0, 200), st.integers(0, 200), st.none()),
    st.sampled_from([("account", ""), ("account", ""), ("user", "ada"), ("key", "k")]),
    st.sampled_from(["day", "month", "total"]),
    st.sampled_from([True, True, True, False]),
    st.sampled_from([TOKENS, TOKENS, "USD"]),
    st.integers(0, 3),
)
requests = st.builds(
    lambda generation, tokens, prompt: request(
        generation, tokens, prompt=prompt, price=PRICES[generation], **_who(generation)
    ),
    generations,
    small,
    st.integers(0, 30),
)
extensions = st.builds(extension, generations, st.integers(0, 3), small)
settlements = st.builds(
    lambda generation, prompt, said: settlement(generation, prompt, said, price=PRICES[generation], **_who(generation)),
    generations,
    st.integers(0, 35),
    st.integers(0, 150),
)
HOURS = st.sampled_from([0, 0, 0, 0, 1, 3, 30, 24 * 40, -2])
records = st.one_of(budgets, requests, requests, extensions, extensions, settlements)
logs = st.lists(st.tuples(records, HOURS), max_size=40)
Spent = list[tuple[Any, LeaseSettled, Any, Usage]]
"""Of each settlement its lease, itself, when it counts and what was charged."""


@dataclass
class Naive:
    """Taken by whom and when, added up anew from the leases and the settlements each time."""

    account: Account

    def taken(self, change: BudgetChanged, moment: Any, spent: Spent) -> int:
        total = 0
        for lease in self.account.leases.values():
            if lease.granted and self._in(change, lease.who.user_id, lease.who.key_id, lease.moment, moment):
                micros = leased_micros(lease.price, lease.prompt, lease.granted)
                total += (
                    lease.prompt + lease.granted if change.unit == TOKENS else self._money(change, lease.price, micros)
                )
        for _, record, at, usage in spent:
            if self._in(change, record.user_id, record.key_id, at, moment):
                cost = record.price.cost_micros(usage)
                total += tokens_of(usage) if change.unit == TOKENS else self._money(change, record.price, cost)
        return total

    @staticmethod
    def _money(change: BudgetChanged, price: Price, micros: int) -> int:
        return micros if price.currency == change.unit else 0

    @staticmethod
    def _in(change: BudgetChanged, user: str, key: str, at: Any, moment: Any) -> bool:
        if change.scope != "account" and change.subject != (user if change.scope == "user" else key):
            return False
        return bool(at.index(change.period) == moment.index(change.period))


def _counting(account: Account, lease: Lease) -> list[BudgetChanged]:
    return [
        change
        for change in account.budgets.values()
        if change.hard and Naive._in(change, lease.who.user_id, lease.who.key_id, lease.moment, lease.moment)
    ]


def _covers(account: Account, naive: Naive, spent: Spent, lease: Lease, more: int) -> bool:
    """Whether all hard budgets cover `more` tokens beyond what the lease has, with everything else as it is."""
    for change in _counting(account, lease):
        left = (change.limit or 0) - naive.taken(change, lease.moment, spent)
        fresh = lease.granted == 0
        if change.unit == TOKENS:
            needed = more + (lease.prompt if fresh else 0)
        elif is_free(lease.price):
            continue
        elif change.unit != lease.price.currency:
            return False
        else:
            had = 0 if fresh else leased_micros(lease.price, lease.prompt, lease.granted)
            needed = leased_micros(lease.price, lease.prompt, lease.granted + more) - had
        if needed > left:
            return False
    return True


@settings(max_examples=600, deadline=None)
@given(logs)
def test_spent_and_leased_never_go_over_a_budget_and_nothing_affordable_is_denied(
    entries: list[tuple[AdmissionRecord, int]],
) -> None:
    apply = log()
    spent: Spent = []
    account, naive = apply.account, Naive(apply.account)
    settled_before: set[str] = set()
    for record, hours in entries:
        before = {name: (lease.granted, len(lease.decisions)) for name, lease in account.leases.items()}
        known = dict(account.leases)
        apply(record, after_us=hours * 3600 * 1_000_000)
        assert account.moment == moment_of(account.at_us)
        for name in set(account.settled) - settled_before:
            assert isinstance(record, LeaseSettled)
            lease = known.get(name)
            at = account.moment if lease is None else lease.moment
            usage = account.settled[name].usage
            assert lease is None or usage.completion_tokens <= lease.granted
            assert lease is None or lease.granted == 0 or usage.prompt_tokens <= lease.prompt
            assert lease is None or lease.granted or not tokens_of(usage), "refused: billed 0"
            assert tokens_of(usage) + account.settled[name].unbilled == tokens_of(record.usage)
            spent.append((lease, record, at, usage))
        settled_before |= set(account.settled)
        for change in account.budgets.values():
            limit = change.limit or 0
            assert limit - account.left(change, account.moment) == naive.taken(change, account.moment, spent)
        for name, lease in account.leases.items():
            had, decided = before.get(name, (0, 0))
            for change in _counting(account, lease):
                if lease.granted > had and not (change.unit != TOKENS and is_free(lease.price)):
                    assert naive.taken(change, lease.moment, spent) <= (change.limit or 0)
            for decision in lease.decisions[decided:]:
                if decision.number == 0 and not decision.tokens:
                    assert not _covers(account, naive, spent, lease, 1), "denied although affordable"
                elif not decision.tokens:
                    assert not _covers(account, naive, spent, lease, 1), "denied although affordable"
                    assert _alone(account, naive, spent, lease), "denied although another lease goes on"
            if lease.waiting:
                assert not _covers(account, naive, spent, lease, 1), "waits although affordable"
        _hopes(account)


def _alone(account: Account, naive: Naive, spent: Spent, lease: Lease) -> bool:
    """Whether for some budget that holds it back every other open lease waited or was denied with it."""
    for change in _counting(account, lease):
        others = [
            other
            for other in account.leases.values()
            if other is not lease
            and other.granted
            and Naive._in(change, other.who.user_id, other.who.key_id, other.moment, lease.moment)
        ]
        if all(other.waiting or other.denied for other in others):
            return True
    return False


def _hopes(account: Account) -> None:
    """Something goes on wherever something waits."""
    waiting = [lease for lease in account.leases.values() if lease.waiting]
    if waiting:
        assert any(lease.granted and not lease.waiting for lease in account.leases.values())


def _state(account: Account) -> Any:
    sums: dict[Any, Any] = defaultdict(dict)
    for name, kept in (("spent", account.spent), ("leased", account.leased)):
        for key, units in kept._sums.items():
            sums[name][key] = {unit: number for unit, number in units.items() if number}
    leases = {
        name: (lease.granted, lease.waiting, lease.denied, list(lease.decisions), lease.moment, lease.position)
        for name, lease in account.leases.items()
    }
    return dict(sums), leases, dict(account.settled), dict(account.budgets)


@settings(max_examples=300, deadline=None)
@given(logs, st.randoms(use_true_random=False))
def test_every_record_twice_and_again_later_changes_nothing(
    entries: list[tuple[AdmissionRecord, int]], rng: Any
) -> None:
    apply = log()
    seen: list[AdmissionRecord] = []
    for record, hours in entries:
        unchanged = _state(apply.account)
        apply(record, after_us=hours * 3600 * 1_000_000)
        if not isinstance(record, LeaseExtensionRequested) or _state(apply.account) != unchanged:
            seen.append(record)  # no worker asks for an extension before it has what comes before it
        before = _state(apply.account)
        apply(record, *(rng.choice(seen) for _ in seen[:2]))
        assert _state(apply.account) == before


@settings(max_examples=200, deadline=None)
@given(logs)
def test_when_everything_is_settled_nothing_is_leased(entries: list[tuple[AdmissionRecord, int]]) -> None:
    apply = log()
    for record, hours in entries:
        apply(record, after_us=hours * 3600 * 1_000_000)
    for name, lease in tuple(apply.account.leases.items()):
        apply(replace(settlement(name, 5, 5), price=lease.price))
    assert not apply.account.leases
    assert not any(number for units in apply.account.leased._sums.values() for number in units.values())


def test_what_nobody_announced_is_to_be_announced() -> None:
    account = log()(budget(100), request("a", 30), request("b", 30), request("c", 90))
    assert [(name, decision) for name, _, decision in account.to_announce()] == [
        ("a", Decision(0, 30)),
        ("b", Decision(0, 30)),
        ("c", Decision(0, 10)),
    ]
