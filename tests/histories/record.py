"""`python -m tests.histories.record NAME --state DIR`: keep the log of a small running stack as a history.

`python -m tests.histories.record NAME --again`: of a history that is there, write anew what its log comes to, after a
projection was given another definition on purpose. The log itself is never written again.
"""

from __future__ import annotations

import argparse
import re
import tempfile
from contextlib import nullcontext
from pathlib import Path

from infra.cli.stack_file import connected_settings
from tests.histories.history import HISTORIES, read_log, replayed, write_log
from topics.catalogue import CONTROL, DEAD_LETTERS, catalogue
from topics.log import Log, RawRecord

MAX_BYTES = 2 * 1024 * 1024
_MACHINE = re.compile(rb"/(?:work|root|home|tmp|Users|var)/|vk_[A-Za-z0-9_-]{43}")


def main() -> None:
    """Record a history, or what it comes to."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name")
    parser.add_argument("--state", type=Path)
    parser.add_argument("--again", action="store_true")
    asked = parser.parse_args()
    folder = HISTORIES / asked.name
    if not asked.again:
        write_log(folder, _from_stack(asked.state))
    # Only here: that history is written by means of this module.
    from tests.histories.older import NAME, older_schemas

    with older_schemas() if asked.name == NAME else nullcontext():
        write_results(folder)


def write_results(folder: Path) -> None:
    """Write what the log of a history comes to."""
    with tempfile.TemporaryDirectory() as scratch:
        for name, content in replayed(read_log(folder), Path(scratch)).files.items():
            file = folder / name
            file.parent.mkdir(exist_ok=True)
            file.write_bytes(content)


def _from_stack(state: Path | None) -> list[RawRecord]:
    settings = connected_settings(state, cassandra=False)
    log = Log(settings.kafka.client_properties())
    try:
        there = log.topics()
        wanted = {
            spec.name: there[spec.name]
            for spec in catalogue()
            if spec.name in there and spec.name not in (CONTROL, DEAD_LETTERS)
        }
        first, end = log.held(wanted)
        records = [raw for batch in log.read(first, end) for raw in batch]
    finally:
        log.close()
    size = sum(len(raw.value or b"") for raw in records)
    if size > MAX_BYTES:
        raise SystemExit(f"{size:,} bytes are too many for the repository: record a smaller log")
    for raw in records:
        if raw.value is not None and (found := _MACHINE.search(raw.value)):
            raise SystemExit(f"{raw.topic}:{raw.partition} offset {raw.offset} names {found[0]!r}: record another log")
    return records


if __name__ == "__main__":
    main()
