"""The fairness demo: a heavy user beside light ones, and what the log says was served. `served` and below are pure."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from random import Random
from typing import Any

import aiohttp

from infra.cli.budget_clients import MAX_CONNECTIONS, Storm, Tally, stream
from infra.cli.demo_budget_run import MODEL, new_user
from infra.cli.demo_check import Finding
from infra.cli.demo_fairness_shares import Share, shares
from infra.cli.demo_screen import Screen
from infra.cli.demo_table import Row
from infra.cli.plot import Line, svg
from infra.cli.replay.opened import log_errors
from infra.cli.stack_file import running_stack
from infra.cli.terminal import UserError
from infra.settings import Settings
from infra.tiers.tier import UNLIMITED_TIER
from schemas.codec import NewerRecord, UndecodableRecord
from schemas.generation import AttemptStarted, GenerationRecord, TokenChunk
from topics.catalogue import TOKEN_CHUNKS, catalogue
from topics.counts import on_broker
from topics.fairness.replay import Report
from topics.scan import scan, watermarks

LOOK_S = 1.0
LIGHT_USERS = ("light 1", "light 2")
WEIGHTIER = f"heavy, tier {UNLIMITED_TIER}"
"""As heavy a user, of a tier of more weight in the shipped tiers."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """`jobs`: of each heavy user. `light`: of each light one. `plot`: the file of the picture."""

    jobs: int
    light: int
    limit_s: float
    plot: Path


@dataclass(frozen=True, slots=True)
class Served:
    """What one user was served. `points`: (seconds, tokens of answers so far). `weight_milli`: as the picks say."""

    name: str
    weight_milli: int
    points: Sequence[tuple[float, int]]

    @property
    def tokens(self) -> int:
        return self.points[-1][1] if self.points else 0


@dataclass(frozen=True, slots=True)
class Seen:
    """What clients saw, by the name of the user, and what the log says."""

    asked: Mapping[str, int]
    tallies: Mapping[str, Tally]
    served: Sequence[Served]
    shares: Sequence[Share] = ()


async def run(state: Path, settings: Settings, wanted: Wanted, screen: Screen) -> Seen:
    """Let it happen, with a table of it. Raises UserError."""
    url = running_stack(state).api_url
    asked = {"heavy": wanted.jobs, WEIGHTIER: wanted.jobs, **dict.fromkeys(LIGHT_USERS, wanted.light)}
    tiers = {WEIGHTIER: UNLIMITED_TIER}
    users = {name: await new_user(settings, "demo-fairness", tiers.get(name)) for name in asked}
    properties = settings.kafka.client_properties()
    with log_errors():
        topics = await asyncio.to_thread(on_broker, properties, catalogue())
        partitions = range(topics[TOKEN_CHUNKS].partitions)
        begin = {each: await asyncio.to_thread(_end, properties, each) for each in partitions}
    tallies = {name: Tally() for name in asked}
    screen.happened(", ".join(f"{count} jobs of {name}" for name, count in asked.items()))
    try:
        with screen.table("who is served") as shown:
            await _ask(url, wanted, asked, users, tallies, lambda: shown.show(rows(asked, tallies)))
    except TimeoutError:
        raise UserError(f"the answers did not end in {wanted.limit_s:g} s: see ./verbatim status") from None
    names = {user_id: name for name, (user_id, _) in users.items()}
    with log_errors():
        log = await asyncio.to_thread(lambda: [each for part in partitions for each in _read(properties, part, begin)])
    return Seen(asked, tallies, served(log, names), shares(log, names))


async def _ask(
    url: str,
    wanted: Wanted,
    asked: Mapping[str, int],
    users: Mapping[str, tuple[str, str]],
    tallies: Mapping[str, Tally],
    show: Callable[[], None],
) -> None:
    async with (
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=MAX_CONNECTIONS)) as session,
        asyncio.timeout(wanted.limit_s),
        asyncio.TaskGroup() as tasks,
    ):
        storms = {name: Storm(*users[name], MODEL, 0, count, 0, 0, leaving=0.0) for name, count in asked.items()}
        streams = [
            tasks.create_task(stream(session, url, storms[name], tallies[name], Random(f"{name} {number}")))
            for number, name in _in_turn(asked)
        ]
        while any(not each.done() for each in streams):
            show()
            await asyncio.wait(streams, timeout=LOOK_S)
        show()


def _in_turn(asked: Mapping[str, int]) -> list[tuple[int, str]]:
    """Each user's jobs by their numbers, so that nobody's come first."""
    return sorted((number, name) for name, count in asked.items() for number in range(count))


def _end(properties: Mapping[str, str], partition: int) -> int:
    return watermarks(properties, TOKEN_CHUNKS, partition)[1]


def _read(
    properties: Mapping[str, str], partition: int, begin: Mapping[int, int]
) -> Iterable[tuple[int, GenerationRecord]]:
    for message in scan(properties, TOKEN_CHUNKS, partition, begin[partition], _end(properties, partition)):
        try:
            record = TOKEN_CHUNKS.decode(message.value())
        except (UndecodableRecord, NewerRecord):
            continue
        yield message.timestamp()[1], record


def served(log: Sequence[tuple[int, GenerationRecord]], names: Mapping[str, str]) -> list[Served]:
    """What each user of `names` (by id) was served, from records and their times in ms; each partition in its order."""
    users: dict[str, str] = {}
    weights: dict[str, int] = {}
    chunks: list[tuple[int, str, int]] = []
    for at_ms, record in log:
        if isinstance(record, AttemptStarted) and (name := names.get(record.turn.user_id)) is not None:
            users[record.attempt_id] = name
            if record.pick is not None:
                weights[name] = record.pick.weight_milli
        elif isinstance(record, TokenChunk) and (name := users.get(record.attempt_id)) is not None:
            chunks.append((at_ms, name, max(record.tokens, 0)))
    chunks.sort(key=lambda chunk: chunk[0])
    points: dict[str, list[tuple[float, int]]] = {name: [(0.0, 0)] for name in names.values()}
    for at_ms, name, tokens in chunks:
        points[name].append(((at_ms - chunks[0][0]) / 1e3, points[name][-1][1] + tokens))
    return [Served(name, weights.get(name, 0), found) for name, found in points.items()]


def rows(asked: Mapping[str, int], tallies: Mapping[str, Tally]) -> list[Row]:
    """The live table."""
    return [
        (name, f"{tallies[name].ends.total()} of {count} ended, {tallies[name].chunks} pieces")
        for name, count in asked.items()
    ]


def picture(found: Sequence[Served]) -> str:
    """Tokens served over time, a line a user."""
    lines = [Line(f"{each.name} (weight {each.weight_milli / 1000:g})", each.points, steps=True) for each in found]
    return svg("Tokens served by user", "tokens", lines)


def findings(seen: Seen, report: Report) -> tuple[Finding, ...]:
    """The verdicts."""
    ended = {name: tally.ends["stop"] for name, tally in seen.tallies.items()}
    reasons = ", ".join(f"{count} {reason}" for reason, count in sorted(report.reasons.items()))
    return (
        Finding(
            "every job has its answer",
            ended == dict(seen.asked),
            ", ".join(f"{name}: {_counts(tally.ends)}" for name, tally in seen.tallies.items()),
        ),
        Finding(
            "each pick is what fair queueing gives",
            not report.wrong and report.checked > 0,
            f"{report.checked} checked ({reasons or 'none'}), {report.unchecked} not, {report.wrong} wrong",
        ),
        Finding(
            "users of one tier who wait are served alike",
            report.most_gap <= report.bound,
            f"their work differed by {report.most_gap} at most, the bound is {report.bound}",
        ),
    )


def document(wanted: Wanted, seen: Seen, report: Report, found: Sequence[Finding]) -> dict[str, Any]:
    """All of it as JSON has it."""
    users = [{"name": each.name, "weight_milli": each.weight_milli, "tokens": each.tokens} for each in seen.served]
    return {
        "holds": all(finding.holds for finding in found),
        "users": users,
        "shares": [asdict(share) for share in seen.shares],
        "checked": report.checked,
        "unchecked": report.unchecked,
        "wrong": report.wrong,
        "most_gap": report.most_gap,
        "bound": report.bound,
        "findings": [asdict(finding) for finding in found],
        "plot": str(wanted.plot),
    }


def _counts(counted: Counter[str]) -> str:
    return ", ".join(f"{count} {name}" for name, count in sorted(counted.items())) or "none"
