"""Faults that a test plants in one process at its start: a crash at a named point, a clock that is wrong, schemas that
it does not know (as a process of an older release).

Nothing is planted unless a test did so: by VERBATIM_CRASHPOINT, VERBATIM_CLOCK_SKEW_S and VERBATIM_NEWEST_SCHEMA for a
process that it starts itself, or, since a supervisor hands down none of them, by a file beside the life sign of one
child. The process that starts next as that child, or carries it, takes the file away, so that only that one life of it
is struck.
"""

from __future__ import annotations

import functools
import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

CRASHPOINT_VARIABLE = "VERBATIM_CRASHPOINT"
CLOCK_SKEW_VARIABLE = "VERBATIM_CLOCK_SKEW_S"
NEWEST_SCHEMA_VARIABLE = "VERBATIM_NEWEST_SCHEMA"
_LIFESIGN_VARIABLE = "VERBATIM_LIFESIGN"
_CARRIES_VARIABLE = "VERBATIM_CARRIES"
_SUFFIX = ".fault"


@dataclass(frozen=True, slots=True)
class Planted:
    """`crash_point`: NAME or NAME:N, the N-th time that point is passed. `clock_skew_s`: added to the wall clock.

    `newest_schema`: the newest schema id that the process knows; 0: it knows all.
    """

    crash_point: str = ""
    clock_skew_s: float = 0.0
    newest_schema: int = 0


def fault_file(run_folder: Path, child: str) -> Path:
    """Where a fault for the next life of `child` is laid down."""
    return run_folder / f"{child}{_SUFFIX}"


def plant(run_folder: Path, child: str, planted: Planted) -> None:
    """Lay a fault down for the next life of `child`; it strikes once that child is started again."""
    content = json.dumps(asdict(planted))
    file = fault_file(run_folder, child)
    draft = file.with_name(f".{file.name}")
    draft.write_text(content)
    draft.replace(file)


@functools.cache
def planted() -> Planted:
    """What is planted in this process: looked for once, at the first question."""
    return take(os.environ)


def take(environment: Mapping[str, str]) -> Planted:
    """What an environment plants. Takes the file away that it was read from. Raises ValueError for what is no fault."""
    sign = environment.get(_LIFESIGN_VARIABLE)
    files = [Path(sign).with_suffix(_SUFFIX)] if sign else []
    for name in filter(None, environment.get(_CARRIES_VARIABLE, "").split(",") if sign else ()):
        files.append(fault_file(files[0].parent, name))
    for file in files:
        try:
            content = file.read_text()
            file.unlink()
        except OSError:
            pass  # nothing planted: as good as always
        else:
            read = json.loads(content)
            return Planted(str(read["crash_point"]), float(read["clock_skew_s"]), int(read["newest_schema"]))
    return Planted(
        environment.get(CRASHPOINT_VARIABLE, ""),
        float(environment.get(CLOCK_SKEW_VARIABLE) or 0),
        int(environment.get(NEWEST_SCHEMA_VARIABLE) or 0),
    )
