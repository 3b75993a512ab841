"""Compares every bill with the outcome that it is of, in a scratch database: memory stays flat.

Of a generation's outcomes the first counts, of its bills the first, of its prices the newest, by the order of the log.

A bill that says that a part is unbilled was capped by a lease: it must be its outcome's count without that part, at the
outcome's price. That the lease was so large is checked by the replay of admissions (topics/admission/audit.py).
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, fields, replace
from hashlib import sha256
from types import TracebackType

from schemas.codec import UndecodableRecord, decode
from schemas.envelope import Position
from schemas.outcome import Outcome
from schemas.price import Price, Usage
from schemas.turns import TITLES
from schemas.usage import EmbeddingsComputed, UsageRecorded, UsageRerated
from streams.metering.reactor import usage_record
from topics.admission.amounts import capped, tokens_of
from topics.catalogue import GENERATION_OUTCOMES, Catalogue
from topics.cuts import Cut
from topics.log import RawRecord

MAX_NAMED = 1000
_NEITHER = ("envelope", "outcome")
"""Where it stands and what it was made of: of an outcome that came twice there are two."""
_COMPARED = tuple(field.name for field in fields(UsageRecorded) if field.name not in _NEITHER)
_SCHEMA = """
CREATE TABLE bills (
    id TEXT PRIMARY KEY, currency TEXT, outcome TEXT, told TEXT, place TEXT, bill TEXT, bill_place TEXT, billed INTEGER,
    rated INTEGER, rated_place TEXT, counted TEXT
) WITHOUT ROWID
"""
Read = Callable[[Cut, Cut], Iterator[list[RawRecord]]]


@dataclass(frozen=True, slots=True)
class Wrong:
    """A bill that is not what its outcome says. `place`: of the record that shows it."""

    bill_id: str
    what: str
    place: str


@dataclass(frozen=True, slots=True)
class Total:
    """What was billed in a currency, and what that comes to at the newest prices."""

    currency: str
    bills: int
    billed_micros: int
    rated_micros: int


@dataclass(slots=True)
class Seen:
    """What was read. `repeats`: second copies of bills, which count for nothing. `ahead`: bills of outcomes at or above
    the cut, not compared. `unreadable`: records that no reader takes."""

    outcomes: int = 0
    bills: int = 0
    embeddings: int = 0
    reratings: int = 0
    repeats: int = 0
    ahead: int = 0
    unreadable: int = 0


class Audit:
    """Outcomes first, then bills. Use it as a context manager: its scratch database goes with it."""

    def __init__(self, topics: Catalogue, outcomes: Cut) -> None:
        """`outcomes`: up to where each of them has its bill in what `take_bills` is given."""
        self._topics = topics
        self._cut = {place[1]: offset for place, offset in outcomes.items() if place[0] == GENERATION_OUTCOMES}
        self._base = sqlite3.connect("", isolation_level=None, check_same_thread=False)  # a file, deleted with it
        self._base.execute(_SCHEMA)
        self._base.execute("BEGIN")
        self.seen = Seen()

    def __enter__(self) -> Audit:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._base.close()

    def take(self, raw: RawRecord) -> None:
        """The next record of its partition: of generation-outcomes, and after all of those of usage-records.

        Raises NewerRecord."""
        try:
            record = decode(raw.value)
        except UndecodableRecord:
            self.seen.unreadable += 1
            return
        where = f"{raw.topic}:{raw.partition} offset {raw.offset}"
        if isinstance(record, Outcome):
            self._outcome(record, self._topics.position(raw.topic, raw.partition, raw.offset), where)
        elif isinstance(record, UsageRecorded):
            self._bill(record, where)
        elif isinstance(record, UsageRerated):
            self._rerating(record, where)
        elif isinstance(record, EmbeddingsComputed):
            self._embeddings(record, where)

    def _outcome(self, outcome: Outcome, position: Position, where: str) -> None:
        self.seen.outcomes += 1
        made = usage_record(outcome, position)
        counted = json.dumps((asdict(made.usage), made.cost_micros, asdict(outcome.turn.price)))
        self._base.execute(
            "INSERT OR IGNORE INTO bills (id, outcome, told, place, counted) VALUES (?, ?, ?, ?, ?)",
            (made.generation_id, _digest(made), _figures(made), where, counted),
        )

    def _bill(self, bill: UsageRecorded, where: str) -> None:
        self.seen.bills += 1
        there = self._base.execute(
            "SELECT bill, outcome, counted FROM bills WHERE id = ?", (bill.generation_id,)
        ).fetchone()
        if there is not None and there[0] is not None:
            self.seen.repeats += 1
            return
        known = there is not None and there[1] is not None
        whole = _uncapped(bill, there[2]) if known and bill.unbilled_tokens else bill
        digest = _digest(whole) if known else "ahead" if self._is_ahead(bill.outcome) else "alone"
        self.seen.ahead += digest == "ahead"
        free = bill.price_version == TITLES
        self._base.execute(
            "INSERT INTO bills (id, currency, bill, told, bill_place, billed) VALUES (?, ?, ?, ?, ?, ?)"
            " ON CONFLICT (id) DO UPDATE SET currency = excluded.currency, bill = excluded.bill,"
            " bill_place = excluded.bill_place, billed = excluded.billed, told = CASE WHEN outcome = excluded.bill"
            " THEN '' ELSE told || ', the bill says ' || excluded.told END",
            (
                bill.generation_id,
                None if free else bill.currency,
                digest,
                _figures(bill),
                where,
                bill.cost_micros,
            ),
        )

    def _is_ahead(self, outcome: Position) -> bool:
        """Whether an outcome is not below the cut: then its bill need not be there yet."""
        return outcome.offset >= self._cut.get(outcome.partition, 0)

    def _rerating(self, rerated: UsageRerated, where: str) -> None:
        self.seen.reratings += 1
        self._base.execute(
            "INSERT INTO bills (id, rated, rated_place) VALUES (?, ?, ?) ON CONFLICT (id) DO UPDATE"
            " SET rated = excluded.rated, rated_place = excluded.rated_place",
            (rerated.generation_id, rerated.cost_micros, None if self._is_ahead(rerated.outcome) else where),
        )

    def _embeddings(self, computed: EmbeddingsComputed, where: str) -> None:
        self.seen.embeddings += 1
        done = self._base.execute(
            "INSERT OR IGNORE INTO bills (id, currency, bill, bill_place, billed) VALUES (?, ?, 'embeddings', ?, ?)",
            (computed.embedding_id, computed.price.currency, where, computed.cost_micros),
        )
        self.seen.repeats += done.rowcount == 0

    def wrong(self) -> Iterator[Wrong]:
        """The bills that are wrong, by their ids."""
        rows = self._base.execute(
            "SELECT id, outcome, told, place, bill, bill_place, rated_place FROM bills WHERE bill IS NULL"
            " OR bill = 'alone' OR (outcome IS NOT NULL AND outcome <> bill) ORDER BY id"
        )
        for bill_id, outcome, told, place, bill, bill_place, rated_place in rows:
            if bill is None and outcome is None and rated_place is None:
                continue
            if bill is None and outcome is None:
                yield Wrong(bill_id, "was re-rated and never billed", rated_place)
            elif bill is None:
                yield Wrong(bill_id, "has ended and was never billed", place)
            elif outcome is None:
                yield Wrong(bill_id, "was billed, and no outcome says so", bill_place)
            else:
                yield Wrong(bill_id, f"was billed otherwise than it ended: the outcome says {told}", bill_place)

    def totals(self) -> list[Total]:
        """The sums of each currency, titles left out."""
        sums: dict[str, list[int]] = {}
        # In Python no sum is too large.
        rows = self._base.execute(
            "SELECT currency, billed, coalesce(rated, billed) FROM bills WHERE currency IS NOT NULL"
        )
        for currency, billed, rated in rows:
            sum_ = sums.setdefault(currency, [0, 0, 0])
            for nth, more in enumerate((1, billed, rated)):
                sum_[nth] += more
        return [Total(currency, *sum_) for currency, sum_ in sorted(sums.items())]


def _uncapped(bill: UsageRecorded, counted: str) -> UsageRecorded:
    """The bill as it would be without a lease, of what its outcome counted; as it is, where it is no part of that."""
    usage, cost_micros, price = json.loads(counted)
    whole = Usage(**usage)
    part = capped(whole, bill.usage.prompt_tokens, bill.usage.completion_tokens)
    is_part = (bill.usage, bill.cost_micros, bill.unbilled_tokens) == (
        part,
        Price(**price).cost_micros(part),
        tokens_of(whole) - tokens_of(part),
    )
    return replace(bill, usage=whole, cost_micros=cost_micros, unbilled_tokens=0) if is_part else bill


def _digest(bill: UsageRecorded) -> str:
    return sha256(repr([(name, getattr(bill, name)) for name in _COMPARED]).encode()).hexdigest()


def _figures(bill: UsageRecorded) -> str:
    used = bill.usage
    return f"{used.prompt_tokens}+{used.completion_tokens} tokens of {bill.model}, {bill.cost_micros} {bill.currency}"
