"""Exit statuses of our processes: one for each kind of error.

0 it was told to · 1 the supervisor restarts it · 2 a setting, or another file of the user's, is wrong · 3 it met a
record of a newer release: nothing was acknowledged, and only an upgrade (or `replay dlq park`) takes it further.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import Any

from infra.lifesign import LIFESIGN_VARIABLE
from schemas.codec import NewerRecord

EXIT_FAILED = 1
EXIT_WRONG_SETTING = 2
EXIT_NEWER = 3


def newer_in(error: BaseException | None) -> NewerRecord | None:
    """The newer record that is behind `error`, also inside exception groups and as a cause; None if there is none."""
    found: list[BaseException | None] = [error]
    seen: set[int] = set()
    while found:
        each = found.pop()
        if each is None or id(each) in seen:
            continue
        seen.add(id(each))
        if isinstance(each, NewerRecord):
            return each
        if isinstance(each, BaseExceptionGroup):
            found += each.exceptions
        found += [each.__cause__, each.__context__]
    return None


def exit_status(error: BaseException | None) -> int:
    """What a process that ends because of `error` exits with."""
    return EXIT_FAILED if newer_in(error) is None else EXIT_NEWER


def tell_newer(log: Any, error: NewerRecord, topic: str, partition: int, offset: int) -> None:
    """The one line of a process that stops at a newer record: where it stands, and its schema id. A supervisor gets it
    too, for `status` and /health. Of an error that has been told of, nothing is said again.
    """
    if getattr(error, "__notes__", None):
        return
    error.add_note(f"{topic}:{partition}@{offset}")
    log.critical(
        "this record was written by a newer release: upgrade this process",
        source=f"{topic}/{partition}/{offset}",
        schema_id=error.schema_id,
        reason=str(error),
    )
    if sign := os.environ.get(LIFESIGN_VARIABLE):
        # Without this file the exit status and the log still say it.
        with contextlib.suppress(OSError):
            newer_note(Path(sign)).write_text(f"{topic}:{partition}@{offset}: {error}\n", "utf-8")


def newer_note(sign: Path) -> Path:
    """Where a process with this sign of life says at which record of a newer release it stopped."""
    return sign.with_suffix(".newer")
