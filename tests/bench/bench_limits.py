"""What limits and a hard budget cost until the first text: rounds of three prompts on one stack of its own.

    python -m tests.bench.bench_limits [--rounds 150] [--seed 1]

One user has neither; one has each limit of user and key, so high that none is reached; one has a hard budget that is
never spent. Each round asks for all three in an order of its own. Exit code 1 if a ratio of medians is over its bound.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from random import Random
from statistics import median, quantiles

import httpx
import uvloop

from infra.cli.budget_log import Named, budgets, change
from infra.cli.demo_budget_run import MODEL, new_user, settings_of
from infra.cli.demo_stack import own_stack
from infra.cli.stack_file import running_stack
from infra.tiers.tier import UNLIMITED_TIER
from schemas.admission import TOKENS

LIMITS = """
requests_per_minute = 1000000
messages_per_hour = 1000000
tokens_per_minute = 1000000000
concurrent_streams = 10000
"""
TIERS = f'[[tier]]\nid = "limited"\n{LIMITS}[tier.key]\n{LIMITS}'
"""User and key: eight limits."""
PLAIN, LIMITED, BUDGET = "neither", "limits", "hard budget"
BOUNDS = {LIMITED: 1.1, BUDGET: 1.3}
WARM_UP = 20
DRAWS = 2000
BUDGET_TOKENS = 1_000_000_000


async def first_text_ms(client: httpx.AsyncClient, key: str) -> float:
    """From the request to the first text of its answer."""
    body = {"model": MODEL, "stream": True, "messages": [{"role": "user", "content": "say one"}]}
    headers = {"Authorization": f"Bearer {key}"}
    took = None
    began = time.perf_counter()
    async with client.stream("POST", "/v1/chat/completions", json=body, headers=headers) as response:
        assert response.status_code == 200, await response.aread()
        async for line in response.aiter_lines():
            if took is None and '"content":' in line:
                took = (time.perf_counter() - began) * 1000
    assert took is not None
    return took


async def measured(state: Path, tiers: Path, rounds: int, rng: Random) -> list[Mapping[str, float]]:
    """The milliseconds of each round."""
    settings = settings_of(state, own=True).model_copy(update={"tiers": tiers})
    _, plain = await new_user(settings, "bench-plain", UNLIMITED_TIER)
    _, limited = await new_user(settings, "bench-limited", "limited")
    account, held = await new_user(settings, "bench-budget", UNLIMITED_TIER)
    await change(settings, Named(account, "account", "", "total", True), TOKENS, BUDGET_TOKENS)
    keys, found = [(PLAIN, plain), (LIMITED, limited), (BUDGET, held)], list[Mapping[str, float]]()
    async with httpx.AsyncClient(base_url=running_stack(state).api_url, timeout=60) as client:
        for number in range(WARM_UP + rounds):
            rng.shuffle(keys)
            took = {name: await first_text_ms(client, key) for name, key in keys}
            if number >= WARM_UP:
                found.append(took)
    held_back = next(each for each in await budgets(settings) if each["account"] == account)
    assert held_back["spent"] > 0, "nothing was charged to the budget: what was measured is not its cost"
    return found


def ratio(rounds: Sequence[Mapping[str, float]], name: str) -> float:
    """Of the medians, with it and without."""
    return median(each[name] for each in rounds) / median(each[PLAIN] for each in rounds)


def told(rounds: Sequence[Mapping[str, float]], name: str, rng: Random) -> str:
    """The ratio, and its 95 % interval by drawing rounds again."""
    drawn = quantiles((ratio(rng.choices(rounds, k=len(rounds)), name) for _ in range(DRAWS)), n=40)
    ms = median(each[name] for each in rounds)
    return f"{name}: {ms:.2f} ms, {ratio(rounds, name):.3f} x (95 %: {drawn[0]:.3f} to {drawn[-1]:.3f})"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=150)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    rng = Random(asked.seed)
    with tempfile.TemporaryDirectory() as folder:
        tiers = Path(folder) / "tiers.toml"
        tiers.write_text(TIERS)
        with own_stack(f'tiers = "{tiers}"\n') as state, asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            rounds = runner.run(measured(state, tiers, asked.rounds, rng))
    print(f"first text, median of {len(rounds)} rounds, seed {asked.seed}")
    for name in (PLAIN, *BOUNDS):
        print(told(rounds, name, rng))
    return int(any(ratio(rounds, name) > bound for name, bound in BOUNDS.items()))


if __name__ == "__main__":
    sys.exit(main())
