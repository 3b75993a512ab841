"""Who got which part of the work while all of them waited, beside what their weights say. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from schemas.generation import AttemptStarted, GenerationRecord, TokenChunk
from topics.fairness.flows import OUTPUT_WEIGHT


@dataclass(frozen=True, slots=True)
class Share:
    """`got` and `by_weight` are parts of one. `weight_milli`: of class and tier together, as the picks say."""

    name: str
    weight_milli: int
    got: float
    by_weight: float


def shares(log: Iterable[tuple[int, GenerationRecord]], names: Mapping[str, str]) -> list[Share]:
    """Of each user of `names` (by id) that was picked at all, from records and their times in ms.

    It counts from when each was picked once until the first of them had no more job that waits: before and after that
    fewer share what there is.
    """
    users: dict[str, str] = {}
    weights: dict[str, int] = {}
    first: dict[str, int] = {}
    last: dict[str, int] = {}
    work: dict[str, list[tuple[int, int]]] = defaultdict(list)
    for at_ms, record in log:
        if isinstance(record, AttemptStarted) and record.pick is not None:
            name = names.get(record.turn.user_id)
            if name is not None:
                users[record.attempt_id] = name
                weights[name] = record.pick.weight_milli
                first[name] = min(first.get(name, at_ms), at_ms)
                last[name] = max(last.get(name, at_ms), at_ms)
                work[name].append((at_ms, record.pick.work))
        elif isinstance(record, TokenChunk) and (name := users.get(record.attempt_id)) is not None:
            work[name].append((at_ms, max(record.tokens, 0) * OUTPUT_WEIGHT))
    since, until = max(first.values(), default=0), min(last.values(), default=0)
    served = {name: sum(done for at_ms, done in work[name] if since <= at_ms <= until) for name in weights}
    total, of_weights = sum(served.values()) or 1, sum(weights.values()) or 1
    return [
        Share(name, weights[name], served[name] / total, weights[name] / of_weights)
        for name in names.values()
        if name in weights
    ]


def told(found: Sequence[Share]) -> str:
    """One line of it."""
    each = ", ".join(
        f"{one.name} {one.got:.1%} (weight {one.weight_milli / 1000:g}: {one.by_weight:.1%})" for one in found
    )
    return f"Shares of the work while all waited: {each or 'nothing was picked'}"
