"""Tables in memory that are verified, and what happens to them meanwhile."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from projections.registry import PROJECTIONS, Projection
from tests.fakes.replayed import MemoryLog, MemoryRows
from tests.unit.projections.replay.verifying import verified
from topics.log import RawRecord

BY_NAME = {projection.name: projection for projection in PROJECTIONS}


def written(log: MemoryLog, projection: Projection) -> MemoryRows:
    rows = MemoryRows()
    rows.project(projection, log.records, topics=log.topics)
    return rows


def dumped(log: MemoryLog, projection: Projection, scratch: Path, **others: Any) -> bytes:
    dump = io.BytesIO()
    verdict = verified(log, written(log, projection), projection, scratch, dump=dump, **others)
    assert (verdict.different, verdict.hash_log) == (0, verdict.hash_tables)
    assert verdict.hash_log == hashlib.sha256(dump.getvalue()).hexdigest()
    assert dump.getvalue().count(b"\n") == verdict.rows
    return dump.getvalue()


class StopAfter:
    """Asks the run to stop at its n-th look."""

    def __init__(self, looks: int) -> None:
        self.left = looks

    def check(self) -> None:
        if self.left == 0:
            raise InterruptedError
        self.left -= 1


def live_writes(whole: MemoryLog, folder: Path, data: st.DataObject) -> None:
    projection = data.draw(st.sampled_from(PROJECTIONS))
    ends = whole.ends()
    cut = {place: data.draw(st.integers(0, end)) for place, end in sorted(ends.items())}
    below = [r for r in whole.records if r.offset < cut[r.topic, r.partition]]
    above = [r for r in whole.records if r.offset >= cut[r.topic, r.partition]]
    # Of a partition that is left out of a cut nothing counts.
    cut = {place: offset for place, offset in cut.items() if offset or data.draw(st.booleans())}
    rows = MemoryRows()
    rows.project(projection, below, topics=whole.topics)
    rows.project(projection, _seen(projection, above, data), topics=whole.topics)
    verdict = verified(whole, rows, projection, folder, cut=cut)
    assert verdict.differences == ()
    assert verdict.hash_log == verdict.hash_tables


def _seen(projection: Projection, above: list[RawRecord], data: st.DataObject) -> list[RawRecord]:
    """Some of the records; one that counts sees all of a partition up to some place."""
    if not projection.counts:
        return [r for r in above if data.draw(st.booleans())]
    upto = {partition: data.draw(st.integers(0, 50)) for partition in sorted({r.partition for r in above})}
    return [r for r in above if r.offset < upto[r.partition]]


class Resting:
    """Counts the rows it was told of."""

    def __init__(self) -> None:
        self.rows = 0

    async def after(self, rows: int, check: Callable[[], None]) -> None:
        self.rows += rows
        check()
