"""Exporting from one log in memory and importing into another."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

from tests.unit.topics.slices.memory import MemoryLog
from topics.cuts import Cut
from topics.log import Log
from topics.slices.export import Origin, export_slice
from topics.slices.folder import open_slice
from topics.slices.manifest import Manifest
from topics.slices.replay import Replay
from topics.slices.selection import Selection
from topics.slices.target import Plan, plan

ORIGIN = Origin("cluster", "2026-11-21T08:30:00.000+00:00", "verbatim 0.1.0", {"conversations": []})


def ignored(done: int, total: int) -> None:
    """Nobody watches."""


def exported(
    log: MemoryLog,
    folder: Path,
    selection: Selection | None = None,
    start: Cut | None = None,
    stop: Cut | None = None,
    report: Any = ignored,
) -> Manifest:
    return export_slice(
        cast(Log, log),
        log.layouts(),
        selection or Selection(),
        start or {},
        log.ends if stop is None else stop,
        folder,
        ORIGIN,
        report,
    )


def planned(log: MemoryLog, folder: Path, owner: str | None = None) -> Plan:
    return plan(cast(Log, log), open_slice(folder, owner, ignored), ignored)


def imported(log: MemoryLog, folder: Path, owner: str | None = None) -> int:
    """How many records were appended."""
    opened = open_slice(folder, owner, ignored)
    made = plan(cast(Log, log), opened, ignored)
    return Replay(log, opened, made, owner).run(ignored)
