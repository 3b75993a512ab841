"""One run of `./verbatim bench`: its loads, in turn through the stack, directly, and through the bare proxy."""

from __future__ import annotations

import asyncio
import sys
from contextlib import AbstractContextManager

import uvloop

from infra.cli.bench_carried import carried
from infra.cli.bench_cpu import cpu_ns
from infra.cli.bench_figures import Proxied, Row, row_of
from infra.cli.bench_goals import Carried, Figures
from infra.cli.bench_load import Load, run_load
from infra.cli.bench_medians import median_row
from infra.cli.bench_stack import Bench, Usage
from infra.cli.terminal import UserError

_WARM_STREAMS, _WARM_REQUESTS, _WARM_TOKENS = 8, 10, 5
_SETTLE_S, _IDLE_S = 15.0, 60.0


def load_for(streams: int, tokens: int | None) -> Load:
    """The load of the project's reference measurements: 50 short answers one by one, else at least 48 long ones."""
    if streams == 1:
        return Load(1, 50, tokens or 5, 0)
    return Load(streams, max(2, -(-48 // streams)), tokens or 100, min(2.0, streams * 0.02))


def unpaced_loads() -> list[Load]:
    """16 streams as fast as can be: short answers and long ones."""
    return [Load(16, 30, 200, 0), Load(16, 8, 2000, 0)]


def measure(place: AbstractContextManager[Bench], loads: list[Load], repeats: int, *, everything: bool) -> Figures:
    """The figures of these loads; with `everything` also the others of one stack. Raises UserError."""
    with place as found, asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(_run(found, loads, repeats, everything=everything))


async def _run(bench: Bench, loads: list[Load], repeats: int, *, everything: bool) -> Figures:
    say("warming up …")
    warm = await run_load(bench.via, Load(_WARM_STREAMS, _WARM_REQUESTS, _WARM_TOKENS, 0))
    if not warm.tokens:
        raise UserError(f"no stamped token came through the stack: {warm.errors[0] if warm.errors else 'no answer'}")
    for other in (bench.direct, bench.proxy):
        await run_load(other, Load(_WARM_STREAMS, 1, _WARM_TOKENS, 0))
    paced = await _rows(bench, loads, repeats)
    if not everything:
        return Figures(paced=paced)
    unpaced = await _rows(bench.unpaced(), unpaced_loads(), repeats, "unpaced ")
    say("how many streams of 50 tokens/s keep their pace, through the proxy and through the stack (about 5 minutes) …")
    most = Carried(proxy_streams=await carried(bench.proxy), streams=await carried(bench.via))
    say(f"the idle stack, for {_IDLE_S:.0f} s …")
    idle_s = await _idle_cpu_s(bench)
    return Figures(paced=paced, unpaced=unpaced, carried=most, idle_cpu_s_a_minute=idle_s)


async def _rows(bench: Bench, loads: list[Load], repeats: int, kind: str = "") -> list[Row]:
    rows = []
    for load in loads:
        times = f", {repeats} times" if repeats > 1 else ""
        say(f"{load.streams} {kind}streams: {load.streams * load.requests} answers of {load.tokens} tokens{times} …")
        rows.append(median_row([await _row(bench, load) for _ in range(repeats)]))
    return rows


async def _idle_cpu_s(bench: Bench) -> float:
    """CPU seconds a minute of all processes of the stack while nobody asks for anything."""
    await asyncio.sleep(_SETTLE_S)
    before = sum(bench.cpu_ns_by_role().values())
    await asyncio.sleep(_IDLE_S)
    return (sum(bench.cpu_ns_by_role().values()) - before) / 1e9 * 60.0 / _IDLE_S


async def _row(bench: Bench, load: Load) -> Row:
    """The three ways in turn."""
    direct = await run_load(bench.direct, load)
    if not direct.tokens:
        raise UserError(
            f"the upstream sends no stamped tokens: {direct.errors[0] if direct.errors else 'no stamped token'}"
        )
    proxy_ns = cpu_ns([bench.proxy_pid])
    proxied = await run_load(bench.proxy, load)
    proxy = Proxied.of(proxied, cpu_ns([bench.proxy_pid]) - proxy_ns)
    before = Usage.now(bench)
    via = await run_load(bench.via, load)
    after = Usage.now(bench)
    return row_of(load, via, direct, proxy, after.roles_since(before), *after.shares_since(before))


def say(what: str) -> None:
    """Tell what is being done, beside the output."""
    print(what, file=sys.stderr, flush=True)
