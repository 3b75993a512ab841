"""`python -m tests.trials`: every trial against a stack of its own; a table; exit code 0 only if all are right."""

from __future__ import annotations

import argparse
import asyncio
import re
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from tests.fuzz.upstream import serving
from tests.fuzz.world import fuzzed_stack
from tests.trials.making import ground_of, make, row


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.trials", description=__doc__)
    parser.add_argument("--only", default="", help="a regular expression that the number must match")
    parser.add_argument("--folder", type=Path, help="an empty folder (default: a temporary one)")
    given = parser.parse_args(arguments)
    folder = given.folder or Path(tempfile.mkdtemp(prefix="verbatim-trials-"))
    folder.mkdir(parents=True, exist_ok=True)
    with serving({}) as upstream, fuzzed_stack(folder, upstream.address) as stack:

        async def run() -> int:
            wrong = 0
            async for trial, result in make(
                ground_of(stack, upstream), lambda one: bool(re.search(given.only, one.number))
            ):
                print(row(trial, result), flush=True)
                wrong += not result.right
            return wrong

        wrong = asyncio.run(run())
    print(f"\n{wrong} wrong; the stack's folder is {folder}" if wrong else "\nall right")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
