"""How fast the log is replayed: `python -m tests.bench.bench_replay`.

Loads a realistic log (tests/realistic_log.py; 2 million events unless told otherwise) into servers of its own, then
measures, each in a fresh process: the whole log into folds, and every projection's rows into Cassandra. Medians of
--repeats. Servers and log stay in --state if it is given (a second run measures them again), else they are temporary.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections import Counter
from contextlib import nullcontext
from pathlib import Path
from statistics import median
from typing import Any

from infra.cli.bench_cpu import cpu_model, total_bytes
from infra.settings import Settings
from tests.realistic_log import Appended, produce
from tests.stack_fixture import REPO_ROOT, running_servers, settings_of
from topics.admin import create_topics
from topics.catalogue import catalogue

SEED = 20261121
MAX_S = 1800


def load(settings: Settings, events: int) -> dict[str, Any]:
    """Write the log; what stands in it."""
    topics = catalogue()
    properties = settings.kafka.client_properties()
    create_topics(properties, topics)
    kinds: Counter[str] = Counter()
    sizes: Counter[str] = Counter()

    def count(appended: Appended, value: bytes) -> None:
        name = type(appended.record).__name__
        kinds[name] += 1
        sizes[name] += len(value)

    began_s = time.monotonic()
    produce(properties, SEED, events, topics, each=count)
    _say(f"loaded {events:,} events, {sum(sizes.values()) / 1e6:,.0f} MB, in {time.monotonic() - began_s:.0f} s")
    return {name: [number, round(sizes[name] / number)] for name, number in kinds.most_common()}


def once(module: str, *arguments: str) -> dict[str, Any]:
    """A measurement in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-m", module, *arguments],
        cwd=REPO_ROOT,
        check=True,
        stdout=subprocess.PIPE,
        timeout=MAX_S,
    )
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def _report(name: str, runs: list[dict[str, Any]], rate: str) -> None:
    rates = [run[rate] for run in runs]
    cpu = [run["cpu_seconds"] / run["seconds"] for run in runs]
    print(
        f"{name}: {median(rates):,.0f} (median of {len(runs)}: {', '.join(f'{r:,}' for r in rates)}); "
        f"{median(cpu):.0%} of a core; memory at each quarter {runs[-1]['memory_mb']} MB"
    )


def _say(what: str) -> None:
    print(what, file=sys.stderr, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.bench_replay", description=__doc__)
    parser.add_argument("--events", type=int, default=2_000_000)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--state", type=Path, help="keep servers' data and log here")
    parser.add_argument("--without-rebuild", action="store_true")
    given = parser.parse_args()
    with (
        nullcontext(given.state) if given.state else tempfile.TemporaryDirectory(prefix="verbatim-replay-") as folder,
        running_servers(Path(folder) / "state"),
    ):
        state = Path(folder) / "state"
        settings = settings_of(state)
        mix_file = Path(folder) / "mix.json"
        if not mix_file.exists():
            mix_file.write_text(json.dumps(load(settings, given.events)))
        mix = json.loads(mix_file.read_text())
        bootstrap = settings.kafka.bootstrap or ""
        folds = [once("tests.bench.replay_folds", bootstrap) for _ in range(given.repeats)]
        rows = []
        if not given.without_rebuild:
            rows = [once("tests.bench.replay_rebuild", str(state)) for _ in range(given.repeats)]
    print(
        f"{cpu_model()}, {len(os.sched_getaffinity(0))} cores, {total_bytes() / 1e9:.0f} GB; "
        f"Linux {platform.release()}, Python {platform.python_version()}; seed {SEED}; load average before "
        f"{os.getloadavg()[0]:.1f}"
    )
    print("mix (records, bytes each): " + ", ".join(f"{name} {n:,} x {size}" for name, (n, size) in mix.items()))
    _report("events/s into folds", folds, "events_per_s")
    if rows:
        _report("rows/s into Cassandra", rows, "rows_per_s")
    print(json.dumps({"mix": mix, "folds": folds, "rebuild": rows}))


if __name__ == "__main__":
    main()
