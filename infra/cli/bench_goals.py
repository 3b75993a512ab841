"""The figures that must be reached, each beside its goal. Pure.

Goals are multiples or shares of a bare proxy's figures in the same run, or of llama.cpp alone: those can be compared
between machines and hours. What was not measured is left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from infra.cli.bench_figures import Row
from infra.cli.bench_ratios import ratios_of

if TYPE_CHECKING:
    from rich.table import Table

Unit = Literal["x", "share", "s", "CPU s/min"]


@dataclass(frozen=True, slots=True)
class Carried:
    """How many streams of 50 tokens/s keep their pace: through the stack, and through the bare proxy."""

    streams: int
    proxy_streams: int


@dataclass(frozen=True, slots=True)
class Real:
    """The real language model. `up_s`: `up`, warm, to its first token. Tokens/s of one stream, by the number of threads
    of llama.cpp alone; `threads`: those that the stack gives it."""

    up_s: float
    tokens_per_s: float
    alone_tokens_per_s: dict[int, float]
    threads: int

    @property
    def best_alone(self) -> float:
        return max(self.alone_tokens_per_s.values(), default=0.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """What was measured. `paced`: rows of 50 tokens/s a stream; `unpaced`: rows as fast as the upstream can."""

    paced: Sequence[Row]
    unpaced: Sequence[Row] = ()
    carried: Carried | None = None
    idle_cpu_s_a_minute: float | None = None
    real: Real | None = None


@dataclass(frozen=True, slots=True)
class Goal:
    """A figure and what it must reach: `most` or `least`; neither: it is compared by other means."""

    what: str
    value: float
    unit: Unit
    most: float | None = None
    least: float | None = None

    @property
    def reached(self) -> bool | None:
        if self.most is None and self.least is None:
            return None
        return (self.most is None or self.value <= self.most) and (self.least is None or self.value >= self.least)


def goals_of(figures: Figures) -> list[Goal]:
    """Every goal for which there is a figure, in the order in which they are set."""
    paced = {row.load.streams: ratios_of(row) for row in figures.paced}
    unpaced = {row.load.tokens: ratios_of(row) for row in figures.unpaced}
    found: list[Goal] = []
    if (many := paced.get(100)) is not None:
        found.append(Goal("CPU a token, ours, 100 streams, / proxy's", many["cpu_own"], "x", most=1.5))
    if (some := paced.get(16)) is not None:
        found.append(Goal("CPU a token, ours, 16 streams, / proxy's", some["cpu_own"], "x", most=2.5))
    if many is not None:
        servers = many["cpu_kafka"] + many["cpu_cassandra"]
        found.append(Goal("CPU a token, Kafka + Cassandra, 100 streams, / proxy's", servers, "x", most=0.7))
    if (carried := figures.carried) is not None:
        share = carried.streams / carried.proxy_streams if carried.proxy_streams else 0.0
        what = f"streams that keep their pace: {carried.streams} of the proxy's {carried.proxy_streams}"
        found.append(Goal(what, share, "share", least=0.7))
    if many is not None:
        found.append(Goal("token delay p50, 100 streams, / proxy's", many["token_p50"], "x", most=10))
        found.append(Goal("token delay p99, 100 streams, / proxy's", many["token_p99"], "x", most=5))
    if (one := paced.get(1)) is not None:
        found.append(Goal("TTFT p50, 1 stream, / proxy's", one["ttft_p50"], "x", most=4))
        found.append(Goal("token delay p50, 1 stream, / proxy's", one["token_p50"], "x", most=3.5))
        found.append(Goal("token delay p99, 1 stream, / proxy's", one["token_p99"], "x"))
    for tokens, least in ((200, 1.0), (2000, 4.0)):
        if (fast := unpaced.get(tokens)) is not None:
            what = f"unpaced tokens/s, {tokens:,} a request, / proxy's"
            found.append(Goal(what, fast["tokens_per_s"], "x", least=least))
    if figures.idle_cpu_s_a_minute is not None:
        found.append(Goal("the idle stack", figures.idle_cpu_s_a_minute, "CPU s/min"))
    if (real := figures.real) is not None:
        found.append(Goal("up, warm, to the first token of the real model", real.up_s, "s", most=25))
        share = real.tokens_per_s / real.best_alone if real.best_alone else 0.0
        each = ", ".join(f"{speed:.0f} with {count}" for count, speed in sorted(real.alone_tokens_per_s.items()))
        what = f"real model: {real.tokens_per_s:.0f} tokens/s on {real.threads} thread(s) / llama.cpp alone ({each})"
        found.append(Goal(what, share, "share", least=0.85))
    return found


def goals_table(goals: Sequence[Goal]) -> Table:
    """For people."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    table = Table(box=SIMPLE_HEAD, header_style="bold", pad_edge=False, collapse_padding=True)
    table.add_column("must reach")
    for title in ("measured", "goal", ""):
        table.add_column(title, justify="right", no_wrap=True)
    for goal in goals:
        verdict = {True: "reached", False: "missed", None: ""}[goal.reached]
        table.add_row(goal.what, _shown(goal.value, goal.unit), _limit(goal), verdict)
    return table


def goal_objects(goals: Sequence[Goal]) -> list[dict[str, Any]]:
    """For programmes."""
    return [
        {
            "what": goal.what,
            "value": round(goal.value, 3),
            "unit": goal.unit,
            "most": goal.most,
            "least": goal.least,
            "reached": goal.reached,
        }
        for goal in goals
    ]


def _limit(goal: Goal) -> str:
    if goal.most is not None:
        return f"<= {goal.most:g} {goal.unit if goal.unit in ('x', 's') else ''}".rstrip()
    return "" if goal.least is None else f">= {goal.least:g} {goal.unit if goal.unit in ('x', 's') else ''}".rstrip()


def _shown(value: float, unit: Unit) -> str:
    match unit:
        case "x":
            return f"{value:.2f} x"
        case "share":
            return f"{value:.2f}"
        case "s":
            return f"{value:.1f} s"
        case _:
            return f"{value:.1f} {unit}"
