"""Making a case that went wrong smaller, as long as it still goes wrong."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import replace

from tests.fuzz.plans import Event, Plan

MAX_ROUNDS = 12
MAX_TRIED = 48

StillWrong = Callable[[Sequence[Plan]], Awaitable[list[bool]]]
"""Plays all plans, and says of each whether anything about it is wrong."""


def simpler(plan: Plan) -> Iterator[Plan]:
    """The same with one thing less; the largest steps first."""
    count = len(plan.events)
    if plan.repeat is not None:
        yield replace(plan, repeat=None)
    for half in (plan.events[: count // 2], plan.events[count // 2 :]) if count > 3 else ():
        yield replace(plan, events=half, cuts=())
    if plan.cuts:
        yield replace(plan, cuts=())
    if plan.framing != "close":
        yield replace(plan, framing="close")
    if plan.end != "close":
        yield replace(plan, end="close")
    if plan.max_tokens is not None:
        yield replace(plan, max_tokens=None)
    if any(event.pause_s for event in plan.events):
        yield replace(plan, events=tuple(Event(event.data) for event in plan.events))
    for index in range(count):
        yield plan.without(index)


async def shrunk(plan: Plan, still_wrong: StillWrong) -> Plan:
    """The smallest plan that was found, which goes wrong as well. All of a round are played together."""
    for _ in range(MAX_ROUNDS):
        tried = list(simpler(plan))[:MAX_TRIED]
        wrong = await still_wrong(tried) if tried else []
        found = next((one for one, bad in zip(tried, wrong, strict=True) if bad), None)
        if found is None:
            break
        plan = found
    return plan
