"""One row of several: each figure is the median of its own. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from statistics import median

from infra.cli.bench_figures import Proxied, Row, Spread


def median_row(rows: Sequence[Row]) -> Row:
    """Of repeats of one load. Errors are counted over all of them, what other programs used is the most they did."""
    roles = {role for row in rows for role in row.cpu_us_per_token}
    errors: Counter[str] = Counter()
    for row in rows:
        errors.update(row.errors)
    return Row(
        load=rows[0].load,
        first_token=_spread(row.first_token for row in rows),
        token=_spread(row.token for row in rows),
        direct_first_token=_spread(row.direct_first_token for row in rows),
        direct_token=_spread(row.direct_token for row in rows),
        tokens_per_s=median(row.tokens_per_s for row in rows),
        direct_tokens_per_s=median(row.direct_tokens_per_s for row in rows),
        cpu_us_per_token={role: median(row.cpu_us_per_token.get(role, 0.0) for row in rows) for role in sorted(roles)},
        busy_share=median(row.busy_share for row in rows),
        foreign_share=max(row.foreign_share for row in rows),
        errors=dict(errors),
        proxy=_proxied([row.proxy for row in rows]),
    )


def _proxied(repeats: Sequence[Proxied]) -> Proxied:
    return Proxied(
        _spread(proxy.first_token for proxy in repeats),
        _spread(proxy.token for proxy in repeats),
        median(proxy.tokens_per_s for proxy in repeats),
        median(proxy.cpu_us_per_token for proxy in repeats),
    )


def _spread(spreads: Iterable[Spread]) -> Spread:
    each = list(spreads)
    return Spread(median(spread.p50 for spread in each), median(spread.p99 for spread in each))
