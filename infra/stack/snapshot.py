"""The supervisor's state as plain data: written to status.json, shown by `up` and `status`."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from infra.stack.layout import write_private

Phase = Literal["starting", "running", "stopping", "stopped", "failed"]

MAX_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True)
class ChildView:
    """`trouble`: why it cannot stay up, in words; empty while it can. `metrics_port` 0: it serves none.

    `timer_slack_ns`: what it got, 0 where none was wanted. `within`: the process that carries it, together with others;
    empty if it has one of its own.
    """

    name: str
    role: str
    state: str
    detail: str
    pid: int | None
    restarts: int
    started_at: str
    trouble: str = ""
    metrics_port: int = 0
    timer_slack_ns: int = 0
    within: str = ""

    @property
    def process(self) -> str:
        """The process that it is, or that carries it."""
        return self.within or self.name


@dataclass(frozen=True, slots=True)
class Snapshot:
    """`error` is one line, set when `phase` is failed; `doing` is what `up` waits for, in words."""

    phase: Phase
    doing: str
    error: str
    api_url: str
    started_at: str
    children: tuple[ChildView, ...]


def write_snapshot(path: Path, snapshot: Snapshot) -> None:
    """Replace status.json at once."""
    write_private(path, json.dumps(asdict(snapshot)) + "\n")


def read_snapshot(path: Path) -> Snapshot | None:
    """The last snapshot written, or None when there is none that can be read."""
    try:
        with path.open("rb") as file:
            data: dict[str, Any] = json.loads(file.read(MAX_BYTES))
        children = tuple(ChildView(**child) for child in data.pop("children"))
        return Snapshot(**data, children=children)
    except (OSError, ValueError, TypeError, KeyError):
        return None


def troubles(path: Path) -> dict[str, str]:
    """The roles that cannot stay up, and why, as the last snapshot says."""
    snapshot = read_snapshot(path)
    return {child.role: child.trouble for child in snapshot.children if child.trouble} if snapshot is not None else {}
