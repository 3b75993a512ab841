"""What failed in `./verbatim test`, a line each, for the end of its output: where that is cut, its end is kept."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

FAILURES_VARIABLE = "TEST_FAILURES_FILE"
"""Names the file where a pytest run writes what failed: by test, what was wrong."""
MAX_SHOWN = 30
MAX_LINE_CHARACTERS = 320

Failures = Mapping[str, str]


def failures_of(file: Path) -> Failures:
    """The failures a pytest run wrote; none if it did not come to writing them."""
    try:
        found: Failures = json.loads(file.read_text())
    except (OSError, ValueError):
        return {}
    return found


def failure_lines(failures: Failures) -> list[str]:
    """One bounded line for each test, in the order in which they failed."""
    lines = [
        f"FAILED {test}: {' '.join(said.split())}"[:MAX_LINE_CHARACTERS]
        for test, said in list(failures.items())[:MAX_SHOWN]
    ]
    if len(failures) > MAX_SHOWN:
        lines.append(f"and {len(failures) - MAX_SHOWN} more")
    return lines
