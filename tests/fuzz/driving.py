"""Sending the cases, a bounded number at a time, and remembering what their clients saw."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from tests.fuzz.asking import Door, Seen, ask
from tests.fuzz.bodies import BodyCase
from tests.fuzz.plans import Plan
from tests.fuzz.upstream import case_prompt
from tests.fuzz.wire import Answer, exchange

AT_ONCE = 16
BODY_TIMEOUT_S = 70.0
"""Longer than a body may take to arrive and a model to answer."""
PLACES_FOR = 60
"""So many cases of one client use the same conversation; its tree stays as small as people's."""
CANARY = "zebra-canary-3f0d"
"""Stands in every prompt of a plan; no log file may hold it."""

Say = Callable[[str], None]


@dataclass
class Driven:
    """What was sent, and seen of it."""

    plans: dict[str, Plan] = field(default_factory=dict)
    seen: dict[str, Seen] = field(default_factory=dict)
    bodies: dict[str, BodyCase] = field(default_factory=dict)
    answers: dict[str, Answer] = field(default_factory=dict)


async def drive_plans(
    door: Door, plans: Mapping[str, Plan], driven: Driven, say: Say, *, at_once: int = AT_ONCE
) -> None:
    """Ask for the answer of every plan; the upstream knows them by then."""
    driven.plans.update(plans)

    async def one(name: str, places: dict[str, str]) -> None:
        plan = plans[name]
        driven.seen[name] = await ask(
            door,
            plan.ask,
            case_prompt(name, CANARY),
            "fuzz",
            conversation=places["conversation"],
            max_tokens=plan.max_tokens,
        )

    await _each(list(plans), one, door, say, "upstream streams", at_once)


async def drive_bodies(door: Door, bodies: Mapping[str, BodyCase], driven: Driven, say: Say) -> None:
    """Send every request."""
    driven.bodies.update(bodies)

    async def one(name: str, places: dict[str, str]) -> None:
        case = bodies[name]
        driven.answers[name] = await exchange(
            door.port, case.writes(places, door.key), timeout_s=BODY_TIMEOUT_S, then_shut=case.shuts
        )

    await _each(list(bodies), one, door, say, "request bodies", AT_ONCE)


async def _each(
    names: list[str],
    one: Callable[[str, dict[str, str]], Awaitable[None]],
    door: Door,
    say: Say,
    what: str,
    at_once: int,
) -> None:
    waiting = list(reversed(names))
    done = 0

    async def client() -> None:
        nonlocal done
        places: dict[str, str] = {}
        used = 0
        while waiting:
            if used % PLACES_FOR == 0:
                places = await _places(door)
            used += 1
            await one(waiting.pop(), places)
            done += 1
            if done % max(len(names) // 10, 1) == 0:
                say(f"{done} of {len(names)} {what}")

    async with asyncio.TaskGroup() as clients:
        for _ in range(min(at_once, len(names))):
            clients.create_task(client())


async def _places(door: Door) -> dict[str, str]:
    """A conversation with one answer in it, and another that may be lost."""
    conversation, other = await door.new_conversation(), await door.new_conversation()
    seen = await ask(door, "conversation", "Say something.", "fuzz", conversation=conversation)
    assert seen.status == "completed", (seen.code, seen.problems, seen.answer.body[:300])
    return {"conversation": conversation, "other": other, "answer": seen.generation_id}
