"""What limits cost until the first text: pairs of prompts, to an API whose tier limits all there is and to one without.

    python -m tests.bench.bench_limits --plain URL --limited URL --key KEY --model MODEL [--pairs 200]

Both are APIs of one installation; the second is started with a tiers file whose `default` has each limit, all so high
that none is reached. The two take turns within each pair.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import time

import httpx
import uvloop

LIMITS = """
requests_per_minute = 1000000
messages_per_hour = 1000000
tokens_per_minute = 1000000000
concurrent_streams = 10000
"""
TIERS = f'[[tier]]\nid = "default"\n{LIMITS}[tier.key]\n{LIMITS}'
"""User and key: eight limits."""
WARM_UP = 10


async def first_text_ms(client: httpx.AsyncClient, model: str) -> float:
    """From the request to the first text of its answer."""
    body = {"model": model, "stream": True, "messages": [{"role": "user", "content": "say one"}]}
    took = None
    began = time.perf_counter()
    async with client.stream("POST", "/v1/chat/completions", json=body) as response:
        assert response.status_code == 200, await response.aread()
        async for line in response.aiter_lines():
            if took is None and '"content":' in line:
                took = (time.perf_counter() - began) * 1000
    assert took is not None
    return took


async def measured(plain: str, limited: str, key: str, model: str, pairs: int) -> tuple[float, float]:
    """The medians without and with limits."""
    headers = {"Authorization": f"Bearer {key}"}
    async with (
        httpx.AsyncClient(base_url=plain, headers=headers, timeout=60) as without,
        httpx.AsyncClient(base_url=limited, headers=headers, timeout=60) as under,
    ):
        took: dict[int, list[float]] = {0: [], 1: []}
        for pair in range(WARM_UP + pairs):
            order = ((0, without), (1, under)) if pair % 2 else ((1, under), (0, without))
            for which, client in order:
                ms = await first_text_ms(client, model)
                if pair >= WARM_UP:
                    took[which].append(ms)
    return statistics.median(took[0]), statistics.median(took[1])


def told(plain_ms: float, limited_ms: float) -> str:
    return (
        f"first text, median: {plain_ms:.2f} ms without limits, {limited_ms:.2f} ms with: {limited_ms / plain_ms:.3f}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("--plain", "--limited", "--key", "--model"):
        parser.add_argument(name, required=True)
    parser.add_argument("--pairs", type=int, default=200)
    asked = parser.parse_args()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        both = runner.run(measured(asked.plain, asked.limited, asked.key, asked.model, asked.pairs))
    print(told(*both))


if __name__ == "__main__":
    main()
