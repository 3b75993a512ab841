"""Verifying logs in memory."""

from __future__ import annotations

import asyncio
import io
from pathlib import Path
from typing import Any

from projections.registry import Projection
from projections.replay.ring import Span
from projections.replay.verify import Verdict, verify
from tests.fakes.replayed import MemoryLog, MemoryRows
from topics.cuts import Cut


class Never:
    """Nobody asks the run to stop."""

    def check(self) -> None:
        pass


def verified(
    log: MemoryLog,
    rows: MemoryRows,
    projection: Projection,
    scratch: Path,
    *,
    cut: Cut | None = None,
    stop: Any = None,
    rests: Any = None,
    sample: Span | None = None,
    dump: io.BytesIO | None = None,
) -> Verdict:
    """The verdict on `rows` at `cut` (left out: the end)."""
    return asyncio.run(
        verify(
            log.read,
            rows,
            projection,
            1,
            log.ends() if cut is None else cut,
            ends=log.ends,
            scratch=scratch,
            report=lambda done, total, lag: None,
            stop=stop or Never(),
            rests=rests,
            sample=sample,
            dump=dump,
            topics=log.topics,
        )
    )
