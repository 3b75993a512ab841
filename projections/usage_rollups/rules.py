"""How a bill is counted: states of rows, made of the states before. Pure.

The records of one partition come in their order; a row that counts a record already stays what it is. So the rows are
the same however often records come again, and however they are gathered. The sums of a batch have to be durable before
its bills: then a bill that counts a record says that all sums count it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from projections.order import last_wins, order_key
from projections.rows import Put, Unprojectable, checked
from projections.usage_rollups.entries import MOST, Entry, SumKey, Whose, entry_of, sum_keys
from projections.usage_rollups.table import USAGE_BILLS, USAGE_SUMS
from schemas.envelope import Position
from schemas.usage import UsageEntry

Cells = Mapping[str, Any]
BillKey = tuple[str | int, ...]

_SUMMED = tuple(name for name in USAGE_SUMS.cells if name != "counted")
_WHOSE = ("account", "organisation_id", "user_id", "key_id", "model", "tier", "currency")


@dataclass(frozen=True, slots=True)
class Move:
    """What the record at `position` adds to some rows of sums."""

    position: Position
    keys: tuple[SumKey, ...]
    added: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Counted:
    """The rows to write: first the sums, and once they are durable the bills."""

    sums: tuple[Put, ...]
    bills: tuple[Put, ...]


def billed(entry: Entry, position: Position, bill: Cells | None) -> tuple[Cells | None, Move | None]:
    """A bill after a record about it, and what moves with it. The same bill if the record changes nothing: a second
    copy of it, or one that is counted already."""
    key = order_key(position)
    if bill is not None and key <= bill["counted"]:
        return bill, None
    known = bill is not None and bill.get("billed_micros") is not None
    if entry.rerated:
        after = {**(bill or {}), "rated_micros": entry.cost_micros, "counted": key}
        if bill is None or not known or entry.cost_micros == bill["rated_micros"]:
            return after, None
        added = {"rated_micros": entry.cost_micros - bill["rated_micros"]}
        # It is counted where its record was, whatever the re-rating says of it.
        whose, at_us = Whose(**{name: bill[name] for name in _WHOSE}), bill["at_us"]
        return after, Move(position, tuple(sum_keys(at_us, whose, position.partition)), added)
    if known:
        return bill, None
    rated = entry.cost_micros if bill is None else bill["rated_micros"]
    whose = entry.whose
    after = {
        "rated_micros": rated,
        "counted": key,
        "at_us": entry.at_us,
        **{name: getattr(whose, name) for name in _WHOSE},
        "billed_micros": entry.cost_micros,
    }
    added = {
        "requests": 1,
        "embeddings": int(entry.embeddings),
        "estimated": int(entry.usage.estimated),
        "prompt_tokens": entry.usage.prompt_tokens,
        "completion_tokens": entry.usage.completion_tokens,
        "cached_tokens": entry.usage.cached_tokens,
        "reasoning_tokens": entry.usage.reasoning_tokens,
        "unbilled_tokens": entry.unbilled_tokens,
        "billed_micros": entry.cost_micros,
        "rated_micros": rated,
    }
    return after, Move(position, tuple(sum_keys(entry.at_us, whose, position.partition)), added)


def summed(row: Cells | None, move: Move) -> Cells:
    """A row of sums after a move; the same row if it counts that record already."""
    key = order_key(move.position)
    if row is not None and key <= row["counted"]:
        return row
    before = row or {}
    after = {name: min(before.get(name, 0) + move.added.get(name, 0), MOST) for name in _SUMMED}
    return {**after, "counted": key}


def countable(record: UsageEntry, position: Position) -> Entry | None:
    """What a record says; None: nothing is counted. Raises Unprojectable, ImpossiblePosition."""
    entry = entry_of(record)
    if entry is not None:
        order_key(position)
        keys = sum_keys(entry.at_us, entry.whose, position.partition)
        checked(Put(USAGE_SUMS, key, {}, 0) for key in keys)
        checked((Put(USAGE_BILLS, (entry.bill_id,), {}, 0),))
    return entry


@dataclass(slots=True)
class Batch:
    """Records of one partition, in their order. Ask for `bill_keys`, give the rows to `bills`, and so on; a row that is
    not there is None."""

    records: Sequence[tuple[UsageEntry, Position]]
    is_ahead: bool = False
    """Whether a bill counts one of the records already: whoever remembers rows of sums has to read them again."""
    _entries: list[tuple[Entry, Position]] = field(default_factory=list)
    _moves: list[Move] = field(default_factory=list)
    _bills: dict[BillKey, tuple[Cells, Position]] = field(default_factory=dict)

    @property
    def bill_keys(self) -> tuple[BillKey, ...]:
        """The bills that the records are about."""
        self._entries = list(_entries(self.records))
        return tuple(dict.fromkeys((entry.bill_id,) for entry, _ in self._entries))

    def sum_keys(self, bills: Mapping[BillKey, Cells | None]) -> tuple[SumKey, ...]:
        """The rows of sums that change."""
        state = dict(bills)
        for entry, position in self._entries:
            before = state[entry.bill_id,]
            if before is not None and bills[entry.bill_id,] is before and order_key(position) <= before["counted"]:
                self.is_ahead = True
            after, move = billed(entry, position, before)
            if after is not before and after is not None:
                state[entry.bill_id,] = after
                self._bills[entry.bill_id,] = after, position
            if move is not None:
                self._moves.append(move)
        return tuple(dict.fromkeys(key for move in self._moves for key in move.keys))

    def counted(self, sums: Mapping[SumKey, Cells | None]) -> Counted:
        """What is to be written."""
        state = dict(sums)
        changed: dict[SumKey, Position] = {}
        for move in self._moves:
            for key in move.keys:
                before = state[key]
                after = summed(before, move)
                if after is not before:
                    state[key] = after
                    changed[key] = move.position
        rows = (Put(USAGE_SUMS, key, cast(Cells, state[key]), last_wins(at)) for key, at in changed.items())
        bills = (Put(USAGE_BILLS, key, cells, last_wins(at)) for key, (cells, at) in self._bills.items())
        return Counted(tuple(rows), tuple(bills))


def _entries(records: Iterable[tuple[UsageEntry, Position]]) -> Iterable[tuple[Entry, Position]]:
    for record, position in records:
        try:
            entry = countable(record, position)
        except Unprojectable:
            continue  # it is parked: by `fold`
        if entry is not None:
            yield entry, position
