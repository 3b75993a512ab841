"""How a process of ours ends: one exit status for each kind of error that ends it.

0 it was told to · 1 the supervisor starts it anew · 2 a setting is wrong (streams.mistakes) · 3 it met a record of a
newer release: nothing was acknowledged, and only an upgrade (or `replay dlq park`) takes it further.
"""

from __future__ import annotations

from typing import Any

from schemas.codec import NewerRecord

EXIT_FAILED = 1
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
    """The one line of a process that stops at a newer record: where it stands, and its schema id."""
    log.critical(
        "this record is newer than me: upgrade",
        source=f"{topic}/{partition}/{offset}",
        schema_id=error.schema_id,
        reason=str(error),
    )
