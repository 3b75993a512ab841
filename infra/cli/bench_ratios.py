"""A measurement as multiples of a bare proxy's: what can be compared between machines and hours. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from infra.cli.bench_figures import MUCH_FOREIGN_SHARE, Row

if TYPE_CHECKING:
    from rich.table import Table


def ratios_of(row: Row) -> dict[str, float]:
    """For programmes. CPU a token of our processes, Kafka and Cassandra, and delays: as multiples of the proxy's.
    `tokens_per_s`: as a share of the proxy's."""
    proxy, cpu = row.proxy, row.cpu_us_per_token
    found = {
        "cpu_own": _times(row.own_us, proxy.cpu_us_per_token),
        "cpu_kafka": _times(cpu.get("kafka", 0.0), proxy.cpu_us_per_token),
        "cpu_cassandra": _times(cpu.get("cassandra", 0.0), proxy.cpu_us_per_token),
        "ttft_p50": _times(row.first_token.p50, proxy.first_token.p50),
        "token_p50": _times(row.token.p50, proxy.token.p50),
        "token_p99": _times(row.token.p99, proxy.token.p99),
        "tokens_per_s": _times(row.tokens_per_s, proxy.tokens_per_s),
    }
    return {name: round(value, 3) for name, value in found.items()}


def ratios_table(rows: Sequence[Row]) -> Table:
    """For people."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    table = Table(box=SIMPLE_HEAD, header_style="bold", pad_edge=False, collapse_padding=True)
    for title in (
        "streams",
        "CPU a token\nours",
        "\nKafka",
        "\nCassandra",
        "TTFT\np50",
        "token\np50 / p99",
        "tokens/s\n",
        "the proxy's own CPU\nus/token",
        "TTFT ms\np50",
        "token ms\np50 / p99",
    ):
        table.add_column(title, justify="right", no_wrap=True)
    for row in rows:
        found, proxy = ratios_of(row), row.proxy
        mark = "*" if row.foreign_share > MUCH_FOREIGN_SHARE else ""
        table.add_row(
            f"{row.load.streams}{mark}",
            *(f"{found[name]:.2f} x" for name in ("cpu_own", "cpu_kafka", "cpu_cassandra")),
            f"{found['ttft_p50']:.1f} x",
            f"{found['token_p50']:.1f} / {found['token_p99']:.1f} x",
            f"{found['tokens_per_s']:.1%}",
            f"{proxy.cpu_us_per_token:,.0f}",
            f"{proxy.first_token.p50:.1f}",
            f"{proxy.token.p50:.2f} / {proxy.token.p99:.2f}",
        )
    return table


def _times(ours: float, proxys: float) -> float:
    return ours / proxys if proxys > 0 else 0.0
