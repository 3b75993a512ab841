"""How fast the batch shell fills tables: `python -m tests.bench.bench_rebuild --state DIR [--shape real|small] …`.

Records come from memory, as they would from the log: so what is measured is decoding, folding and Cassandra, one
process. `small`: short prompts and answers, rows of about 200 bytes. `real`: answers of about 1,500 characters with
their marks. The keyspace is the benchmark's own and is dropped.
"""

from __future__ import annotations

import argparse
import asyncio
import cProfile
import gc
import json
import resource
from collections.abc import Iterator
from pathlib import Path

from infra.clock import monotonic_s
from projections.registry import PROJECTIONS
from projections.replay.bulk import BulkWriter
from projections.replay.fill import Fill
from schemas.codec import encode
from schemas.outcome import ChunkMark
from tests.fakes.cassandra_rows import own_keyspace
from tests.fakes.projection_logs import LogBuilder
from tests.fakes.projection_records import AT, outcome, prompt, turn_of, used
from tests.stack_fixture import settings_of
from topics.catalogue import catalogue
from topics.cuts import Cut
from topics.log import RawRecord

_TURNS = 6
_OPEN = 60
_BATCH = 1000


class NeverStop:
    def check(self) -> None:
        """A benchmark runs to its end."""


def log_of(turns: int, shape: str) -> tuple[list[RawRecord], dict[tuple[str, int], int]]:
    """So many turns of interleaved conversations, and the end of their log."""
    said, answered, marks = (300, 1500, 60) if shape == "real" else (40, 60, 2)
    log = LogBuilder()
    for group in range(0, turns, _OPEN * _TURNS):
        for turn in range(_TURNS):
            for n in range(group, group + _OPEN * _TURNS, _TURNS):
                user, conversation = f"user-{n % 500:08}-1234-5678", f"conversation-{n:012}-abcd"
                asked = prompt(conversation, f"{turn}", user, AT + (n + turn) * 1_000_000, content="q" * said)
                ended = outcome(turn_of(asked, log.said(asked)), text="a" * answered)
                object.__setattr__(ended, "chunks", tuple(ChunkMark(25, 6, AT + m) for m in range(marks)))
                log.recorded(used(ended, log.ended(ended)))
    raw = [RawRecord(p.topic, p.position.partition, p.position.offset, 0, None, encode(p.record)) for p in log.placed]
    return raw, {(r.topic, r.partition): r.offset + 1 for r in raw}


async def measure(arguments: argparse.Namespace) -> dict[str, float | int | str]:
    records, end = log_of(arguments.turns, arguments.shape)
    # As the command does.
    gc.freeze()
    gc.set_threshold(100_000)
    size = sum(len(record.value or b"") for record in records)
    projections = tuple(p for p in PROJECTIONS if arguments.projection in (None, p.name))
    wanted = {topic for p in projections for topic in p.topics}
    records = [record for record in records if record.topic in wanted]

    def read(start: Cut, stop: Cut) -> Iterator[list[RawRecord]]:
        for at in range(0, len(records), _BATCH):
            yield records[at : at + _BATCH]

    async with own_keyspace(settings_of(arguments.state)) as (settings, session):
        writer = BulkWriter(session, settings.cassandra.keyspace, max_rate=arguments.max_rate)
        fill = Fill(projections, catalogue(), writer)
        profile = cProfile.Profile() if arguments.profile else None
        before_s, cpu_s = monotonic_s(), resource.getrusage(resource.RUSAGE_SELF)

        def run() -> None:
            if profile is not None:
                profile.enable()
            fill.run(read, {}, end, report=lambda done: None, stop=NeverStop())
            if profile is not None:
                profile.disable()

        await asyncio.to_thread(run)
        took_s, cpu_after = monotonic_s() - before_s, resource.getrusage(resource.RUSAGE_SELF)
    if profile is not None:
        profile.dump_stats(arguments.profile)
    changes = fill.filled.changes
    return {
        "shape": arguments.shape,
        "records": len(records),
        "bytes_a_record": round(size / max(1, len(records))),
        "rows": changes,
        "requests": writer.requests,
        "seconds": round(took_s, 2),
        "cpu_seconds": round(cpu_after.ru_utime + cpu_after.ru_stime - cpu_s.ru_utime - cpu_s.ru_stime, 2),
        "rows_a_second": round(changes / took_s),
        "records_a_second": round(len(records) / took_s),
        "max_rss_mb": round(cpu_after.ru_maxrss / 1024),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--state", type=Path, required=True)
    parser.add_argument("--shape", choices=("real", "small"), default="real")
    parser.add_argument("--turns", type=int, default=36_000)
    parser.add_argument("--projection")
    parser.add_argument("--max-rate", type=int)
    parser.add_argument("--profile")
    print(json.dumps(asyncio.run(measure(parser.parse_args()))))


if __name__ == "__main__":
    main()
