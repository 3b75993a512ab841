"""Prints backfills for people and scripts. Money is exact: integers of millionths, written as decimals."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from rich.console import Console
from rich.table import Table

from streams.backfill.backfill_log import BackfillLog
from streams.backfill.comparing import By, Comparison, Sum
from topics.cuts import Cut

_MICROS = 1_000_000
_WIDTH = 120


@dataclass(frozen=True, slots=True)
class Found:
    """A shadow beside what counted at the cut `against`."""

    name: str
    backfill_log: BackfillLog
    comparison: Comparison
    against: Cut


def money(micros: int, *, signed: bool = False) -> str:
    """Millionths as a decimal with six places, exactly."""
    sign = "-" if micros < 0 else "+" if signed else ""
    return f"{sign}{abs(micros) // _MICROS:,}.{abs(micros) % _MICROS:06d}"


def as_rows(found: list[tuple[str, BackfillLog]]) -> list[dict[str, Any]]:
    """The list for scripts."""
    return [
        {
            "name": name,
            "state": backfill_log.state,
            "processor": None if backfill_log.started is None else backfill_log.started.processor,
            "from": None if backfill_log.started is None else backfill_log.started.start,
            "to": None if backfill_log.started is None else backfill_log.started.stop,
            "offsets": backfill_log.total,
            "done": backfill_log.done,
            "produced": 0 if backfill_log.advanced is None else backfill_log.advanced.produced,
            "left": backfill_log.left,
        }
        for name, backfill_log in found
    ]


def print_list(found: list[tuple[str, BackfillLog]]) -> None:
    """The list for people."""
    if not found:
        print("there are no backfills")
        return
    table = _table("name", "processor", "state", "done", "of", "records")
    for row in as_rows(found):
        numbers = (f"{row['done']:,}", f"{row['offsets']:,}", f"{row['produced']:,}")
        table.add_row(row["name"], row["processor"] or "-", row["state"], *numbers)
    _print(table)


def print_counts(name: str, backfill_log: BackfillLog) -> None:
    """What a run came to, and what it left."""
    advanced = backfill_log.advanced
    if advanced is None:
        return
    print(f"{name}: {advanced.read:,} records read, {advanced.produced:,} made. See `backfill diff {name}`")
    for reason, count in sorted(backfill_log.left.items()):
        print(f"  left as they are: {count:,}, {reason}")


def print_totals(found: Found) -> None:
    """What a promotion would change in total, and by model."""
    _print_sums(found, ("model", "total"), 1000)
    _print_notes(found)


def print_difference(found: Found, top: int) -> None:
    """Everything for people; `top` users and generations."""
    _print_sums(found, ("user", "model", "month", "total"), top)
    singles = found.comparison.singles(top)
    if singles:
        table = _table("generation", "model", "from", "to", "today", "re-rated", "difference", "")
        for one in singles:
            change = money(one.new_micros - one.old_micros, signed=True)
            costs = (money(one.old_micros), money(one.new_micros), change, one.currency)
            table.add_row(one.generation_id, one.model, one.old_version, one.new_version, *costs)
        _print(table)
    _print_notes(found)


def as_document(found: Found, top: int) -> dict[str, Any]:
    """Everything for scripts: costs in millionths."""
    comparison = found.comparison
    by: tuple[By, ...] = ("model", "month")
    return {
        "name": found.name,
        "state": found.backfill_log.state,
        "total": [_plain(one) for one in comparison.sums("total")],
        **{f"by_{key}": [_plain(one) for one in comparison.sums(key)] for key in by},
        "by_user": [_plain(one) for one in _largest(comparison.sums("user"), top)],
        "largest": [asdict(one) for one in comparison.singles(top)],
        "not_billed_yet": comparison.not_billed(),
        "overtaken_by": sorted(comparison.overtaken),
        "left": found.backfill_log.left,
    }


def _plain(one: Sum) -> dict[str, Any]:
    return {**asdict(one), "difference_micros": one.difference_micros}


def _largest(sums: list[Sum], top: int) -> list[Sum]:
    return sorted(sums, key=lambda one: (-abs(one.difference_micros), one.key))[:top]


def _print_sums(found: Found, parts: tuple[By, ...], top: int) -> None:
    table = _table("", "generations", "today", "re-rated", "difference", "")
    for part in parts:
        sums = found.comparison.sums(part)
        shown = _largest(sums, top) if part in ("user", "model") else sums
        for one in shown:
            label = "total" if part == "total" else f"{part} {one.key}"
            change = money(one.difference_micros, signed=True)
            costs = (money(one.old_micros), money(one.new_micros), change, one.currency)
            table.add_row(label, f"{one.generations:,}", *costs)
        if len(shown) < len(sums):
            table.add_row(f"{len(sums) - len(shown):,} more of {part}", "", "", "", "", "")
        table.add_section()
    _print(table)


def _print_notes(found: Found) -> None:
    for reason, count in sorted(found.backfill_log.left.items()):
        print(f"left as they are: {count:,}, {reason}")
    if missing := found.comparison.not_billed():
        print(f"not in the ledger yet: {missing:,}; their cost today is that of their outcomes")
    if others := ", ".join(sorted(found.comparison.overtaken)):
        print(f"since the last comparison these were promoted for the same generations: {others}")
    if found.backfill_log.promoted is not None:
        print(f"{found.name} is promoted: what is shown as today's is what counts with it")


def _table(*columns: str) -> Table:
    table = Table(box=None, pad_edge=False, show_edge=False)
    for column in columns:
        right = column in {"generations", "today", "re-rated", "difference", "done", "of", "records"}
        table.add_column(column, justify="right" if right else "left", overflow="fold")
    return table


def _print(table: Table) -> None:
    console = Console(highlight=False, markup=False)
    if not console.is_terminal:
        console = Console(highlight=False, markup=False, width=_WIDTH)
    console.print(table)
