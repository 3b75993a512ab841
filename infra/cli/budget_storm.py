"""Many streams at once on a budget for a few answers, while processes are killed; then the check by replay.

The budget is one account's own, made for this. Whatever dies, what is spent is at most the budget, to the token.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import cycle
from pathlib import Path
from random import Random
from typing import TypeVar

import aiohttp

from infra.cli.budget_clients import MAX_CONNECTIONS, Storm, Tally, stream
from infra.cli.demo_victims import kill, victims
from infra.cli.stack_file import StackChild, running_stack
from infra.cli.terminal import UserError
from infra.clock import monotonic_s
from infra.settings import Settings
from schemas.codec import NewerRecord, UndecodableRecord
from schemas.outcome import Outcome
from schemas.usage import UsageRecorded
from topics.admission.audit import Audit, Placed, audit
from topics.catalogue import ADMISSIONS, GENERATION_OUTCOMES, USAGE_RECORDS, Catalogue, catalogue
from topics.counts import on_broker
from topics.errors import LogError
from topics.scan import scan, watermarks
from topics.topic import R, Topic

KINDS = {
    "worker": ("worker",),
    "api": ("api",),
    "agents": ("agents", "conversation", "metering"),
    "recorder": ("recorder",),
}
"""What is killed, kind by kind in turn, and the roles of each; one that this stack does not run is passed over."""
MUST_DIE = frozenset(("worker", "api", "agents"))
"""Kinds that a storm of as many kills strikes, each of them."""
DRAIN_S = 180.0
LOOK_S = 1.0
D = TypeVar("D")


@dataclass(slots=True)
class Judged:
    """What came of it. `problems`: every broken promise."""

    tally: Tally
    audit: Audit
    spent: int
    left: int
    problems: list[str]
    placed: list[Placed] = field(default_factory=list)
    """The account's records, in the order of the log."""


async def storm(settings: Settings, state: Path, asked: Storm, say: Callable[[Tally], None]) -> Judged:
    """Let all of it happen, wait until it is over, and check it. Raises UserError for a stack that is not there."""
    tally, url = Tally(), running_stack(state).api_url
    rng = Random(asked.seed)
    over = asyncio.Event()
    connector = aiohttp.TCPConnector(limit=MAX_CONNECTIONS)
    async with (
        aiohttp.ClientSession(connector=connector) as session,
        asyncio.timeout(asked.within_s + DRAIN_S),
        asyncio.TaskGroup() as tasks,
    ):
        telling = tasks.create_task(_tell(tally, say))
        killing = tasks.create_task(_kill(state, asked, tally, rng, over))
        seeds = [rng.randrange(1 << 30) for _ in range(asked.streams)]
        streams = [tasks.create_task(stream(session, url, asked, tally, Random(seed))) for seed in seeds]
        await asyncio.wait(streams)
        over.set()
        await killing
        telling.cancel()
    return await _judged(settings, asked, tally)


async def _tell(tally: Tally, say: Callable[[Tally], None]) -> None:
    while True:
        say(tally)
        await asyncio.sleep(LOOK_S)


async def _kill(state: Path, asked: Storm, tally: Tally, rng: Random, over: asyncio.Event) -> None:
    """SIGKILL one process after another, each kind in turn, until there were enough and no stream is open."""
    for kind in cycle(KINDS):
        if sum(tally.kills.values()) >= asked.kills or (over.is_set() and not tally.kills):
            return
        # Beside each other at times, before what was killed is back.
        await asyncio.sleep(rng.uniform(0.1, 1.2))
        with contextlib.suppress(UserError):
            chosen = rng.choice(_of_kind(state, kind))
            kill(state, (chosen,))
            tally.kills[chosen.name] += 1
            tally.kinds[kind] += 1
            tally.amid += tally.open > 0


def _of_kind(state: Path, kind: str) -> list[StackChild]:
    """The processes of a kind. Raises UserError if there are none."""
    found = list[StackChild]()
    for role in KINDS[kind]:
        with contextlib.suppress(UserError):
            found += victims(state, role, None)
    if not found:
        raise UserError(f"this stack runs no {kind} process")
    return found


async def _judged(settings: Settings, asked: Storm, tally: Tally) -> Judged:
    properties = settings.kafka.client_properties()
    topics = await asyncio.to_thread(on_broker, properties, catalogue())
    until_s = monotonic_s() + DRAIN_S
    while True:
        judged = await asyncio.to_thread(_check, properties, topics, asked, tally)
        if not judged.problems or monotonic_s() > until_s:
            return judged
        await asyncio.sleep(LOOK_S)


def _check(properties: Mapping[str, str], topics: Catalogue, asked: Storm, tally: Tally) -> Judged:
    try:
        placed = [
            Placed(record, topics.position(ADMISSIONS, partition, offset), at_us)
            for record, partition, offset, at_us in _records(properties, topics, ADMISSIONS)
            if record.account == asked.account
        ]
        outcomes: list[Outcome] = [found[0] for found in _records(properties, topics, GENERATION_OUTCOMES)]
        bills = [found[0] for found in _records(properties, topics, USAGE_RECORDS)]
    except LogError as error:
        return Judged(tally, Audit(), 0, 0, [str(error)])
    billed = [bill for bill in bills if isinstance(bill, UsageRecorded)]
    ours = [outcome for outcome in outcomes if outcome.turn.user_id == asked.account]
    once, twice = audit(placed, ours, billed), audit(_doubled(placed), _doubled(ours), _doubled(billed))
    problems = list(once.problems)
    account = once.accounts.get(asked.account)
    if account is None:
        return Judged(tally, once, 0, 0, ["nothing is in admissions"])
    budget = next(iter(account.budgets.values()))
    spent, _, left = account.standing(budget, account.moment)
    if left < 0:
        problems.append(f"{-left} tokens more than the budget were spent")
    if _comes_to(twice, asked.account) != _comes_to(once, asked.account):
        problems.append("every record delivered twice changes what the log comes to")
    first: dict[str, UsageRecorded] = {}
    for bill in billed:
        if bill.user_id == asked.account:
            first.setdefault(bill.generation_id, bill)
    ledger = sum(bill.usage.prompt_tokens + bill.usage.completion_tokens for bill in first.values())
    if ledger != spent:
        problems.append(f"the ledger says {ledger} tokens, the budget {spent}")
    unsettled = {outcome.turn.generation_id for outcome in ours} - set(account.settled)
    problems += [f"{generation} ended and is not settled" for generation in unsettled]
    return Judged(tally, once, spent, left, problems, placed)


def _comes_to(found: Audit, name: str) -> tuple[object, ...]:
    """All that a replay of an account says: charges, open leases, budgets, decisions and broken promises."""
    account = found.accounts[name]
    stands = [account.standing(budget, account.moment) for budget in account.budgets.values()]
    decided = found.granted, found.denied, found.extensions, found.denied_extensions, found.unbilled
    return account.settled, account.leases, stands, decided, found.problems


def _doubled(delivered: Sequence[D]) -> list[D]:
    return [each for each in delivered for _ in (0, 1)]


def _records(properties: Mapping[str, str], topics: Catalogue, topic: Topic[R]) -> list[tuple[R, int, int, int]]:
    """Every record of a topic: itself, partition, offset, time. Raises LogError."""
    found = []
    for partition in range(topics[topic].partitions):
        first, end = watermarks(properties, topic, partition)
        for message in scan(properties, topic, partition, first, end):
            with contextlib.suppress(UndecodableRecord, NewerRecord):
                at_us = message.timestamp()[1] * 1000
                found.append((topic.decode(message.value()), partition, message.offset() or 0, at_us))
    return found
