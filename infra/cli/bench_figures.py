"""Percentiles, rows and the table of a measurement. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.table import Table

    from infra.cli.bench_load import Load, Sample

SERVER_ROLES = ("kafka", "cassandra", "redis", "triton")
HOT_PATH_ROLES = ("api", "worker", "recorder")
MUCH_FOREIGN_SHARE = 0.10


@dataclass(frozen=True, slots=True)
class Spread:
    """Milliseconds."""

    p50: float
    p99: float

    @classmethod
    def of_ns(cls, values: Sequence[int]) -> Spread:
        """Of nanoseconds; zeros for no values."""
        ordered = sorted(values)
        return cls(_percentile_ms(ordered, 0.5), _percentile_ms(ordered, 0.99))

    def __sub__(self, other: Spread) -> Spread:
        return Spread(self.p50 - other.p50, self.p99 - other.p99)


@dataclass(frozen=True, slots=True)
class Proxied:
    """The same load through the bare proxy."""

    first_token: Spread
    token: Spread
    tokens_per_s: float
    cpu_us_per_token: float

    @classmethod
    def of(cls, sample: Sample, cpu_ns: int) -> Proxied:
        """`cpu_ns`: what the proxy took for it."""
        first, token = Spread.of_ns(sample.first_token_ns), Spread.of_ns(sample.latencies_ns)
        return cls(first, token, sample.tokens_per_s, cpu_ns / 1000 / max(sample.tokens, 1))


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One number of streams: through the stack, directly at the upstream, and through a bare proxy.
    `cpu_us_per_token`: by role."""

    load: Load
    first_token: Spread
    token: Spread
    direct_first_token: Spread
    direct_token: Spread
    tokens_per_s: float
    direct_tokens_per_s: float
    cpu_us_per_token: dict[str, float]
    busy_share: float
    foreign_share: float
    errors: dict[str, int]
    proxy: Proxied

    @property
    def own_us(self) -> float:
        """CPU of our own processes a token."""
        return sum(us for role, us in self.cpu_us_per_token.items() if role not in SERVER_ROLES)

    @property
    def pace(self) -> float:
        """Tokens a second as a share of what comes directly."""
        return self.tokens_per_s / self.direct_tokens_per_s if self.direct_tokens_per_s else 0.0


def row_of(
    load: Load,
    via: Sample,
    direct: Sample,
    proxy: Proxied,
    cpu_ns: dict[str, int],
    busy_share: float,
    foreign_share: float,
) -> Row:
    """The figures of two samples; `cpu_ns` by role, over the time of `via`."""
    return Row(
        load=load,
        first_token=Spread.of_ns(via.first_token_ns),
        token=Spread.of_ns(via.latencies_ns),
        direct_first_token=Spread.of_ns(direct.first_token_ns),
        direct_token=Spread.of_ns(direct.latencies_ns),
        tokens_per_s=via.tokens_per_s,
        direct_tokens_per_s=direct.tokens_per_s,
        cpu_us_per_token={role: ns / 1000 / max(via.tokens, 1) for role, ns in cpu_ns.items()},
        busy_share=busy_share,
        foreign_share=max(foreign_share, 0.0),
        errors=dict(Counter(via.errors)),
        proxy=proxy,
    )


def table_of(rows: Sequence[Row]) -> Table:
    """For people."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    table = Table(box=SIMPLE_HEAD, header_style="bold", pad_edge=False, collapse_padding=True)
    for title in (
        "streams",
        "requests\nx tokens",
        "TTFT ms\np50 / p99",
        "added\np50 / p99",
        "added a token\np50 / p99 ms",
        "tokens/s\n",
        "pace\n",
        "CPU us/token\nours",
        "\nKafka",
        "\nCassandra",
        "errors\n",
    ):
        table.add_column(title, justify="right", no_wrap=True)
    for row in rows:
        load = row.load
        mark = "*" if row.foreign_share > MUCH_FOREIGN_SHARE else ""
        table.add_row(
            f"{load.streams}{mark}",
            f"{load.streams * load.requests} x {load.tokens}",
            _both(row.first_token, 1),
            _both(row.first_token - row.direct_first_token, 1),
            _both(row.token - row.direct_token, 2),
            f"{row.tokens_per_s:,.0f}",
            f"{row.pace:.1%}",
            f"{row.own_us:,.0f}",
            f"{row.cpu_us_per_token.get('kafka', 0):,.0f}",
            f"{row.cpu_us_per_token.get('cassandra', 0):,.0f}",
            str(sum(row.errors.values())),
        )
    return table


def notes_of(rows: Sequence[Row]) -> list[str]:
    """What a reader of the table must know."""
    notes = [
        "TTFT: request sent to first token received. Added: less the same measured directly at the upstream. "
        "Pace: tokens/s as a share of those that come directly.",
        "CPU counts all threads of a process, requests included: with few tokens a request it says little.",
    ]
    if any(row.foreign_share > MUCH_FOREIGN_SHARE for row in rows):
        most = max(row.foreign_share for row in rows)
        notes.append(f"* other programs used up to {most:.0%} of the machine: the true figures are better.")
    kinds: Counter[str] = Counter()
    for row in rows:
        kinds.update(row.errors)
    notes += [f"error, {count} times: {kind}" for kind, count in kinds.most_common(5)]
    return notes


def object_of(row: Row) -> dict[str, Any]:
    """For programmes. Milliseconds, microseconds, shares of 1."""
    hot = sum(us for role, us in row.cpu_us_per_token.items() if role in HOT_PATH_ROLES)
    return {
        "streams": row.load.streams,
        "requests": row.load.streams * row.load.requests,
        "tokens_a_request": row.load.tokens,
        "ttft_ms": _object(row.first_token),
        "ttft_direct_ms": _object(row.direct_first_token),
        "ttft_added_ms": _object(row.first_token - row.direct_first_token),
        "token_ms": _object(row.token),
        "token_direct_ms": _object(row.direct_token),
        "token_added_ms": _object(row.token - row.direct_token),
        "tokens_per_s": round(row.tokens_per_s, 1),
        "tokens_per_s_direct": round(row.direct_tokens_per_s, 1),
        "cpu_us_per_token": {role: round(us, 2) for role, us in sorted(row.cpu_us_per_token.items())},
        "cpu_us_per_token_own": round(row.own_us, 2),
        "cpu_us_per_token_hot_path": round(hot, 2),
        "proxy": {
            "ttft_ms": _object(row.proxy.first_token),
            "token_ms": _object(row.proxy.token),
            "tokens_per_s": round(row.proxy.tokens_per_s, 1),
            "cpu_us_per_token": round(row.proxy.cpu_us_per_token, 2),
        },
        "machine_busy": round(row.busy_share, 3),
        "other_programs": round(row.foreign_share, 3),
        "errors": row.errors,
    }


def _object(spread: Spread) -> dict[str, float]:
    return {"p50": round(spread.p50, 3), "p99": round(spread.p99, 3)}


def _both(spread: Spread, digits: int) -> str:
    return f"{spread.p50:.{digits}f} / {spread.p99:.{digits}f}"


def _percentile_ms(ordered: Sequence[int], share: float) -> float:
    """Nearest rank, as the project's load tools count."""
    if not ordered:
        return 0.0
    rank = min(max(int(share * len(ordered) + 0.5) - 1, 0), len(ordered) - 1)
    return ordered[rank] / 1e6
