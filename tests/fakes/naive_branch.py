"""A branch found the plain way: with all messages at hand."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from projections.messages.branch import MAX_SIBLINGS


@dataclass(frozen=True, slots=True)
class NaiveBranch:
    """Ids with their siblings, oldest first."""

    messages: tuple[tuple[str, tuple[str, ...]], ...]
    leaf: str | None
    next_before: str | None


def naive_branch(
    messages: Sequence[tuple[str, str | None]],
    leaf: str | None,
    through: str | None,
    before: str | None,
    limit: int,
    hidden: Collection[str] = (),
) -> NaiveBranch | None:
    """The page of a branch among (id, parent) oldest first, parents before children; as BranchWalk has it."""
    parents = dict(messages)
    shown = [message_id for message_id in parents if message_id not in hidden]
    if any(named is not None and named not in shown for named in (leaf, through, before)):
        return None

    def path_to(message_id: str) -> list[str]:
        path = [message_id]
        while (parent := parents[path[-1]]) is not None:
            path.append(parent)
        return path[::-1]

    passed = through or before
    if leaf is None and passed is not None:
        leaf = [message_id for message_id in shown if passed in path_to(message_id)][-1]
    elif leaf is None and shown:
        leaf = shown[-1]
    path = [] if leaf is None else [message_id for message_id in path_to(leaf) if message_id not in hidden]
    if before is not None:
        if before not in path:
            return None
        path = path[: path.index(before)]
    page = path[-limit:]

    def siblings(message_id: str) -> tuple[str, ...]:
        family = [other for other in shown if parents[other] == parents[message_id]]
        start = min(max(0, family.index(message_id) - MAX_SIBLINGS // 2), max(0, len(family) - MAX_SIBLINGS))
        return tuple(family[start : start + MAX_SIBLINGS])

    return NaiveBranch(
        tuple((message_id, siblings(message_id)) for message_id in page),
        leaf,
        page[0] if page and len(path) > len(page) else None,
    )
