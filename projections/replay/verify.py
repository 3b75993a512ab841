"""Verifies tables: compares every cell and timestamp with the log, and names each difference."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import BinaryIO

from projections.registry import Projection
from projections.replay.comparing import Comparison, Difference, Since
from projections.replay.counts import LocalCounts
from projections.replay.folding import Parked, RecordFold
from projections.replay.pace import Rests
from projections.replay.ring import RingOrder, Span
from projections.replay.spool import FoldedRow, Spool
from projections.replay.spooling import Read, Report, Stop, code_digest, fold_into, newer_of, parked_of
from projections.replay.stored import RowSource
from projections.rows import Table
from schemas.codec import NewerRecord
from topics.catalogue import Catalogue, catalogue
from topics.cuts import Cut

_ROWS_BETWEEN_CHECKS = 500


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a verification found. `differences` are the first of `different`, `parked` the first of `parked_count`.

    `newer`: the first of the `newer_count` records that a newer release wrote: what rows they make is not known here,
    so nothing of it was compared. `rows`, `cells`: of the log's side. The hashes are of canonical dumps at the cut,
    equal if there is no difference.
    """

    rows: int
    cells: int
    hash_log: str
    hash_tables: str
    differences: tuple[Difference, ...]
    different: int
    parked: tuple[Parked, ...]
    parked_count: int
    records: int
    newer: tuple[Parked, ...] = ()
    newer_count: int = 0

    @property
    def equal(self) -> bool:
        return self.different == 0


async def verify(
    log_read: Read,
    store: RowSource,
    projection: Projection,
    version: int,
    cut: Cut,
    *,
    ends: Callable[[], Cut],
    scratch: Path,
    report: Report,
    stop: Stop,
    rests: Rests | None = None,
    sample: Span | None = None,
    dump: BinaryIO | None = None,
    topics: Catalogue | None = None,
) -> Verdict:
    """Compare a version's tables with a fold of the log up to `cut`, below which everything must be in them.

    Writes may go on: what `ends` (the log's end now) shows to have come since explains a row that is ahead. `log_read`
    and `ends` are called in threads, one call at a time. `rests`: what holds the reading of the tables to a pace; None:
    nothing does. `scratch`: a folder of this verification's own; what an
    interrupted one folded is taken up there, and the folder is removed at the end. `dump` takes the canonical dump of
    the log's side. `report` counts records and then rows.

    Raises LogError, StoreError, ScratchError (also while another verification has the folder), and what `stop` raises.
    """
    span = sample or Span()
    fold = RecordFold(projection, topics or catalogue(), LocalCounts(scratch.with_name(f"{scratch.name}.counts")))
    mine = {place: offset for place, offset in cut.items() if place[0] in projection.topics}
    comparison = Comparison(projection.topics, dump)
    spool = await asyncio.to_thread(Spool, scratch, projection.tables, span, f"{projection.name} {code_digest()}")
    try:
        if projection.counts:
            await asyncio.to_thread(spool.forget)  # what an interrupted run counted is not here any more
        records = await fold_into(spool, fold, log_read, mine, report=report, stop=stop)
        settling = _Settling(
            comparison, fold, log_read, ends, mine, projection.topics, scratch.with_name(f"{scratch.name}.since")
        )
        total = records + spool.entries

        def came_to(rows: int) -> None:
            stop.check()
            report(records + rows, max(total, records + rows), 0)

        seen = 0
        for table in projection.tables:
            seen = await _compare(spool, store, table, version, span, settling, seen, came_to, rests)
        await settling.settle()
        parked_count, parked = parked_of(spool)
        newer_count, newer = newer_of(spool)
        await asyncio.to_thread(spool.discard)
    finally:
        fold.close()
        spool.close()
    return Verdict(
        comparison.rows,
        comparison.cells,
        *comparison.hashes(),
        tuple(comparison.differences),
        comparison.different,
        parked,
        parked_count,
        records,
        newer,
        newer_count,
    )


@dataclass(slots=True)
class _Settling:
    """Settles what is suspect with the records that came since the cut."""

    comparison: Comparison
    fold: RecordFold
    read: Read
    ends: Callable[[], Cut]
    cut: Cut
    topics: frozenset[str]
    scratch: Path

    async def settle(self) -> None:
        if not self.comparison.is_settled:
            self.comparison.settle(await asyncio.to_thread(self._since))

    def _since(self) -> Since:
        since = self.comparison.since()
        # The rows have been read: nothing that comes after this end can be in them.
        end = {place: offset for place, offset in self.ends().items() if place[0] in self.topics}
        fold = self.fold.apart(self.scratch)
        try:
            for batch in self.read(self.cut, end):
                for raw in batch:
                    try:
                        changes = fold.changes(raw)
                    except NewerRecord:
                        continue
                    for change in () if isinstance(changes, Parked) else changes:
                        since.add(change)
        finally:
            if fold is not self.fold:
                fold.close()
        return since


async def _compare(
    spool: Spool,
    store: RowSource,
    table: Table,
    version: int,
    span: Span,
    settling: _Settling,
    seen: int,
    came_to: Callable[[int], None],
    rests: Rests | None,
) -> int:
    comparison = settling.comparison
    order = RingOrder(table)
    folded = spool.rows(table)
    ahead: FoldedRow | None = next(folded, None)
    unchecked = 0

    async def check() -> None:
        came_to(seen)
        if comparison.is_full:
            await settling.settle()
        await asyncio.sleep(0)

    async with store.in_order(table, version, span) as pages:
        async for page in pages:
            for row in page:
                at = row.token, order.turned(row.key)
                while ahead is not None and ahead[0] < at:
                    comparison.row(table, ahead[1], ahead[2], None)
                    seen, ahead = seen + 1, next(folded, None)
                    if comparison.is_full:
                        await check()
                expected = None
                if ahead is not None and ahead[0] == at:
                    expected, ahead = ahead[2], next(folded, None)
                comparison.row(table, row.key, expected, row.cells)
                seen += 1
            await check()
            if rests is not None:
                await rests.after(len(page), partial(came_to, seen))
    while ahead is not None:
        comparison.row(table, ahead[1], ahead[2], None)
        seen, ahead, unchecked = seen + 1, next(folded, None), unchecked + 1
        if unchecked % _ROWS_BETWEEN_CHECKS == 0:
            await check()
    return seen
