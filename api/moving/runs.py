"""A tree of messages as runs, each message following the one before: what one record holds of it. Pure."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import NamedTuple

from api.http.errors import bad_request
from api.moving.import_body import Message

MAX_RUN = 20
"""Messages of one record: as many as those of the Responses API hold, for readers take records whole."""
MAX_RUN_BYTES = 256 * 1024
"""Of one record with several messages."""


class Run(NamedTuple):
    """`parent`: the source id of the message that the first one follows."""

    parent: str | None
    messages: tuple[Message, ...]


def runs_of(messages: Sequence[Message], known: Collection[str]) -> list[Run]:
    """The messages that are not `known` (source ids), in their order, in as few records as may be.

    Raises ApiError 400 for a parent that neither comes before its message nor is known: so no tree has a cycle.
    """
    there = set(known)
    runs: list[Run] = []
    run: list[Message] = []
    size = 0

    def end() -> None:
        if run:
            runs.append(Run(run[0].parent, tuple(run)))
            run.clear()

    for message in messages:
        if message.parent is not None and message.parent not in there:
            param = f"{message.place}.parent"
            raise bad_request(f"Invalid value for '{param}': no earlier message has this id.", param=param)
        there.add(message.source_id)
        if message.source_id in known:
            continue
        follows = bool(run) and message.parent == run[-1].source_id
        if not follows or len(run) == MAX_RUN or size + message.size > MAX_RUN_BYTES:
            end()
            size = 0
        run.append(message)
        size += message.size
    end()
    return runs
