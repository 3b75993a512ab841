"""What a stack was doing when a test on it failed: whoever reads the gate's output cannot look at its folder."""

from __future__ import annotations

import json
import re
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

MAX_LINES = 6
MAX_LINE = 300
ASKED_S = 2
SHOWN = re.compile(r"^verbatim_(?:\w*lag_records|recorder_open_generations|projector_waiting_records)\b.*")
_AS_EVER = re.compile(r'"(?:\[\^|\S+ HTTP/)|: (?:Starting|Stopping|Wait for streams|Flush producer)')


class StackState:
    """A plugin: the report of a failed test whose fixtures hold a stack (anything with a `state` folder) says how that
    stack is."""

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        report = yield
        if report.failed:
            for state in _states(getattr(item, "funcargs", {})):
                report.sections.append((f"the stack in {state.parent.name}", "\n".join(told(state))))
        return report


def _states(fixtures: dict[str, Any]) -> Iterator[Path]:
    """The folders of the stacks that a test used, each once."""
    found = {state for value in fixtures.values() if isinstance(state := getattr(value, "state", None), Path)}
    yield from sorted(state for state in found if (state / "stack.json").is_file())


def told(state: Path) -> Iterator[str]:
    """A line a child, how far consumers are behind, and the last that each log says out of the ordinary."""
    yield from _children(state)
    for log in sorted((state / "logs").glob("*.log")):
        lines = log.read_text(errors="replace").splitlines()
        ours = [line[:MAX_LINE] for line in lines if not _AS_EVER.search(line)]
        yield from (f"{log.name}: {line}" for line in ours[-MAX_LINES:])


def _children(state: Path) -> Iterator[str]:
    try:
        status = json.loads((state / "status.json").read_text())
        stack = json.loads((state / "stack.json").read_text())
    except (OSError, ValueError) as error:
        yield f"it says nothing of itself: {type(error).__name__}"
        return
    for child in status["children"]:
        trouble = " ".join(str(child[name]) for name in ("detail", "trouble") if child[name])
        yield f"{child['name']}: {child['state']}, restarts {child['restarts']} {trouble}"[:MAX_LINE]
    for url in sorted({child["metrics"] for child in stack["children"] if "metrics" in child}):
        try:
            answer = httpx.get(url, timeout=ASKED_S).text
        except httpx.HTTPError as error:
            yield f"{url}: {type(error).__name__}"
            continue
        behind = [line for line in answer.splitlines() if SHOWN.match(line) and not line.endswith(" 0.0")]
        yield from (f"{url}: {line}"[:MAX_LINE] for line in behind)
