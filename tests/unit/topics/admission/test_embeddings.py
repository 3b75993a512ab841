"""Embeddings in the fold of an account: leased whole or denied, charged once, and void without a lease."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.admission import TOKENS, AdmissionRecord, BudgetChanged, EmbeddingsRequested, EmbeddingsSettled
from schemas.envelope import Position
from schemas.price import Price, Usage
from schemas.usage import EmbeddingsComputed
from tests.unit.topics.admission.test_account import (
    ACCOUNT,
    EUROS,
    FREE,
    _state,
    budget,
    envelope,
    extension,
    log,
    request,
    settlement,
)
from topics.admission.account import OLD_US, Account
from topics.admission.amounts import leased_micros, tokens_of
from topics.admission.audit import Placed, audit
from topics.admission.embeddings import bill
from topics.admission.embeddings import settlement as settling
from topics.admission.leases import CURRENCY, SPENT
from topics.admission.periods import DAY_US

HELD_US = 60_000_000
DOLLARS = Price("d", "USD", 1_300_000, 1_300_000, 0)


def asked(
    lease_id: str, tokens: int, *, embedding: str = "", price: Price = DOLLARS, **who: str
) -> EmbeddingsRequested:
    return EmbeddingsRequested(
        envelope=envelope(f"asked {lease_id}"),
        account=ACCOUNT,
        user_id=who.get("user", "ada"),
        key_id=who.get("key", ""),
        lease_id=lease_id,
        embedding_id=embedding or lease_id,
        model="m",
        price=price,
        tokens=tokens,
        held_us=HELD_US,
    )


def settled(lease_id: str, counted: int | None, *, embedding: str = "", hashed: str = "h") -> EmbeddingsSettled:
    """None: as unused."""
    return EmbeddingsSettled(
        envelope=envelope(f"settled {lease_id} {counted}"),
        account=ACCOUNT,
        user_id="ada",
        lease_id=lease_id,
        lease=Position(0, 0, 0),
        embedding_id=embedding or lease_id,
        used=counted is not None,
        model="m",
        model_version="1",
        texts=1,
        dimensions=8,
        usage=Usage(counted or 0, 0),
        price=DOLLARS,
        request_hash=hashed,
    )


def standing(account: Account, change: BudgetChanged) -> tuple[int, int, int]:
    return account.standing(change, account.moment)


def test_all_of_it_is_leased_or_nothing_and_the_last_token_too() -> None:
    account = log()(budget(100), asked("a", 60), asked("b", 41), asked("c", 40), asked("d", 1), asked("e", 0))
    assert set(account.leases) == {"a", "c", "e"}
    assert [account.settled[name].denied for name in ("b", "d")] == [SPENT, SPENT]
    assert standing(account, budget(100)) == (0, 100, 0)
    assert not list(account.to_announce())


def test_what_was_counted_is_charged_at_most_the_lease_and_the_rest_is_given_back() -> None:
    account = log()(budget(100), asked("a", 60), asked("b", 40), settled("a", 25), settled("b", 50))
    assert (account.settled["a"].usage, account.settled["a"].unbilled) == (Usage(25, 0), 0)
    assert (account.settled["b"].usage, account.settled["b"].unbilled) == (Usage(40, 0), 10)
    assert standing(account, budget(100)) == (65, 0, 35)


def test_of_two_settlements_the_first_counts_that_of_who_gave_it_up_too() -> None:
    account = log()(budget(100), asked("a", 60), settled("a", None), settled("a", 25), asked("b", 100))
    assert not account.settled["a"].used
    assert standing(account, budget(100)) == (0, 100, 0)
    account = log()(budget(100), asked("a", 60), settled("a", 25), settled("a", None), settled("a", 60))
    assert account.settled["a"].usage == Usage(25, 0)
    assert standing(account, budget(100)) == (25, 0, 75)


def test_without_a_lease_a_settlement_is_void() -> None:
    account = log()(budget(10), settled("a", 5), asked("b", 11), settled("b", 5))
    assert "a" not in account.settled and account.settled["b"].denied == SPENT
    assert standing(account, budget(10)) == (0, 0, 10)


def test_what_is_asked_for_again_with_its_key_is_charged_once() -> None:
    apply = log()
    account = apply(
        budget(100),
        asked("try 1", 30, embedding="e"),
        asked("try 2", 30, embedding="e"),
        settled("try 2", 20, embedding="e"),
    )
    charged = account.charged("e")
    assert charged is not None and (charged.usage, charged.request_hash) == (Usage(20, 0), "h")
    apply(settled("try 1", 20, embedding="e", hashed="other"))
    assert not account.settled["try 1"].used and account.settled["try 2"].used
    assert standing(account, budget(100)) == (20, 0, 80)
    apply(asked("alone", 5), settled("alone", 5), asked("again", 5, embedding="alone"))
    apply(settled("again", 5, embedding="alone"))
    assert standing(account, budget(100)) == (25, 0, 75), "a key that was drawn here and told is used again"
    apply(budget(100, n=1), after_us=36 * DAY_US)
    assert account.charged("e") is None and not account.settled


def test_money_is_leased_rounded_up_and_another_currency_is_denied() -> None:
    account = log()(budget(2, unit="USD"), asked("a", 1), asked("b", 1), asked("c", 1, price=FREE))
    assert set(account.leases) == {"a", "c"}, "1.3 millionths are leased as 2"
    account = log()(budget(1_000, unit="USD"), asked("e", 1, price=EUROS))
    assert account.settled["e"].denied == CURRENCY


def test_what_is_held_too_long_is_given_up_and_what_is_too_old_is_void() -> None:
    apply = log()
    account = apply(budget(100), asked("a", 60))
    assert not list(account.given_up(account.at_us + HELD_US))
    (lease,) = account.given_up(account.at_us + HELD_US + 1)
    apply(settling(ACCOUNT, lease, "system:metering", None))
    assert not account.leases and standing(account, budget(100)) == (0, 0, 100)
    late = asked("late", 1)
    account.apply(late, Position(0, 0, 9), late.envelope.occurred_at_us + OLD_US + account.at_us)
    assert not account.leases and "late" not in account.settled


def test_an_answer_waits_for_what_embeddings_may_give_back() -> None:
    apply = log()
    account = apply(budget(100), request("g", 40), asked("a", 50), extension("g", 1, 30))
    assert account.leases["g"].waiting == 30
    apply(extension("a", 0, 30))
    assert account.leases["a"].prompt == 50, "embeddings are not extended"
    apply(settled("a", 20))
    assert [decision.tokens for decision in account.leases["g"].decisions] == [40, 30]


def test_a_user_and_a_key_have_budgets_of_their_own() -> None:
    limits = budget(5, scope="key", subject="k"), budget(8, scope="user", subject="ada")
    account = log()(*limits, asked("a", 6, key="k"), asked("b", 6), asked("c", 6, user="bob"))
    assert set(account.leases) == {"b", "c"}


def test_the_bill_is_what_was_charged() -> None:
    account = log()(budget(100), asked("a", 30, embedding="e"))
    computed = EmbeddingsComputed(
        envelope=envelope("computed"),
        user_id="ada",
        embedding_id="e",
        model="m",
        model_version="1",
        texts=2,
        dimensions=8,
        usage=Usage(31, 0),
        price=DOLLARS,
        cost_micros=DOLLARS.cost_micros(Usage(31, 0)),
        request_hash="h",
    )
    ending = settling(ACCOUNT, account.leases["a"], "user:ada", computed)
    account.apply(ending, Position(0, 0, 9), account.at_us)
    made = bill(ending, account.settled["a"])
    assert (made.usage, made.cost_micros) == (Usage(30, 0), DOLLARS.cost_micros(Usage(30, 0)))
    assert (made.embedding_id, made.texts, made.dimensions, made.request_hash) == ("e", 2, 8, "h")
    assert made == bill(ending, account.settled["a"])


# -- any order ---------------------------------------------------------------------------------------------------------

TRIES = {"try 1": "x", "try 2": "x", "try 3": "y", "alone": "alone", "free": "free"}
tries = st.sampled_from(sorted(TRIES))
small = st.integers(0, 60)
records = st.one_of(
    st.builds(
        lambda limit, unit, n: budget(limit, unit=unit, n=n), st.integers(0, 150), st.just(TOKENS), st.integers(0, 3)
    ),
    st.builds(
        lambda name, tokens: asked(name, tokens, embedding=TRIES[name], price=FREE if name == "free" else DOLLARS),
        tries,
        small,
    ),
    st.builds(lambda name, counted: settled(name, counted, embedding=TRIES[name]), tries, st.one_of(st.none(), small)),
    st.builds(lambda name, tokens: request(name, tokens), st.sampled_from("gh"), small),
    st.builds(
        lambda name, number, tokens: extension(name, number, tokens), st.sampled_from("gh"), st.integers(0, 2), small
    ),
    st.builds(lambda name, said: settlement(name, 10, said), st.sampled_from("gh"), small),
)
logs = st.lists(records, max_size=40).map(lambda found: [budget(100), *found])


@dataclass
class Naive:
    """What was charged, added up anew."""

    charges: dict[str, int] = field(default_factory=dict)

    def taken(self, account: Account) -> int:
        leased = sum(lease.prompt + lease.granted for lease in account.leases.values() if lease.is_open)
        return leased + sum(self.charges.values())


@settings(max_examples=500, deadline=None)
@given(logs)
def test_never_over_nothing_affordable_denied_and_each_charged_once(entries: list[AdmissionRecord]) -> None:
    apply, naive = log(), Naive()
    account = apply.account
    for record in entries:
        leases, before, was = dict(account.leases), dict(account.settled), naive.taken(account)
        apply(record)
        for name in set(account.settled) - set(before):
            naive.charges[name] = tokens_of(account.settled[name].usage)
        (change,) = account.budgets.values()
        taken, limit = naive.taken(account), change.limit or 0
        assert limit - account.left(change, account.moment) == taken
        if isinstance(record, EmbeddingsRequested) and record.lease_id not in leases | before:
            fits = was + record.tokens <= limit
            assert (record.lease_id in account.leases) == fits
            assert fits or account.settled[record.lease_id].denied
        if taken > was and not isinstance(record, EmbeddingsSettled):
            # A generation that ends without a lease is charged as it is.
            assert taken <= limit or getattr(record, "generation_id", "") not in leases
    for embedding in set(TRIES.values()):
        assert sum(one.used and one.embedding_id == embedding for one in account.settled.values()) <= 1


@settings(max_examples=300, deadline=None)
@given(logs, st.randoms(use_true_random=False))
def test_every_record_twice_and_again_later_changes_nothing(entries: list[AdmissionRecord], rng: Any) -> None:
    apply = log()
    seen: list[AdmissionRecord] = []
    for record in entries:
        unchanged = _state(apply.account)
        apply(record)
        early = isinstance(record, EmbeddingsSettled) or hasattr(record, "number")
        if not early or _state(apply.account) != unchanged:
            seen.append(record)  # nobody settles or extends what was not asked for before
        before = _state(apply.account)
        apply(record, *(rng.choice(seen) for _ in seen[:2]))
        assert _state(apply.account) == before


@settings(max_examples=200, deadline=None)
@given(logs)
def test_the_replay_finds_nothing_wrong_with_the_fold(entries: list[AdmissionRecord]) -> None:
    """Once all is settled and billed as it was charged."""
    account = log()(*entries)
    used = [settled(name, 1, embedding=TRIES[name]) for name in account.leases if name in TRIES]
    kept = [
        record
        for record in (*entries, *used)
        if isinstance(record, BudgetChanged | EmbeddingsRequested | EmbeddingsSettled)
    ]
    placed = [Placed(record, Position(0, 0, offset), 0) for offset, record in enumerate(kept)]
    folded = Account()
    bills = []
    for entry in placed:
        folded.apply(entry.record, entry.position, entry.at_us)
        record = entry.record
        charged = folded.settled.get(record.lease_id) if isinstance(record, EmbeddingsSettled) else None
        if isinstance(record, EmbeddingsSettled) and charged is not None and charged.used:
            bills.append(bill(record, charged))
    for name in tuple(folded.leases):
        ending = settled(name, None, embedding=TRIES[name])
        placed.append(Placed(ending, Position(0, 0, len(placed)), 0))
    found = audit(placed, (), bills)
    assert not found.problems
    wrong = audit(placed, (), [])
    assert len(wrong.problems) == sum(one.used for one in found.accounts[ACCOUNT].settled.values())
    assert leased_micros(DOLLARS, 1, 0) == 2
