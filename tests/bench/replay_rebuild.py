"""Every projection's rows out of a whole log into Cassandra: `python -m tests.bench.replay_rebuild STATE`, a JSON line.

The batch shell of `./verbatim replay rebuild` by itself, without the other process that keeps live versions current.
Fills a keyspace of its own, which is dropped afterwards.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from pathlib import Path
from typing import Any

import uvloop

from infra.cli.replay import collect_rarely
from infra.cli.replay.opened import open_log
from infra.settings import Settings
from projections.registry import PROJECTIONS
from projections.replay.bulk import BulkWriter
from projections.replay.fill import Fill
from tests.bench.replay_folds import resident_mb
from tests.fakes.cassandra_rows import own_keyspace
from tests.stack_fixture import settings_of
from topics.catalogue import catalogue


class NeverStop:
    def check(self) -> None:
        """Nobody asks for it."""


def filled(settings: Settings, writer: BulkWriter) -> dict[str, Any]:
    """Fill all projections from all there is."""
    topics = {topic for projection in PROJECTIONS for topic in projection.topics}
    fill = Fill(PROJECTIONS, catalogue(), writer)
    memory: list[int] = []
    with open_log(settings) as log:
        first, end = log.held({name: count for name, count in log.topics().items() if name in topics})
        total = sum(end.values()) - sum(first.values())

        def report(done: int) -> None:
            if total and done * 4 >= total * (len(memory) + 1):
                memory.append(round(resident_mb()))

        began_s, began_cpu_s = time.monotonic(), time.process_time()
        done = fill.run(log.read, first, end, report=report, stop=NeverStop())
    wall_s = time.monotonic() - began_s
    return {
        "records": done.records,
        "rows": writer.rows,
        "requests": writer.requests,
        "seconds": round(wall_s, 2),
        "cpu_seconds": round(time.process_time() - began_cpu_s, 2),
        "rows_per_s": round(writer.rows / wall_s),
        "memory_mb": memory,
    }


async def measure(settings: Settings) -> dict[str, Any]:
    async with own_keyspace(settings) as (own, session):
        writer = BulkWriter(session, own.cassandra.keyspace)
        return await asyncio.to_thread(filled, own, writer)


def main() -> None:
    collect_rarely()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        print(json.dumps(runner.run(measure(settings_of(Path(sys.argv[1]))))))


if __name__ == "__main__":
    main()
