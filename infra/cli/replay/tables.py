"""Tables for the commands that inspect the pipeline."""

from __future__ import annotations

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

_PIPE_WIDTH = 200


def table(*columns: str) -> Table:
    """An empty table. A column whose name ends with ">" holds numbers: they stand at its right."""
    made = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name in columns:
        right = name.endswith(">")
        made.add_column(name.rstrip(">"), justify="right" if right else "left", no_wrap=right)
    return made


def shown(made: Table) -> None:
    """Print a table; in a pipe as wide as it needs."""
    console = Console(highlight=False)
    if not console.is_terminal:
        console = Console(highlight=False, width=_PIPE_WIDTH)
    console.print(made)


def say(line: str) -> None:
    """Print a line as it is: no mark-up in it means anything."""
    Console(highlight=False, soft_wrap=True).print(Text(line))


def age(seconds: float | None) -> str:
    """A time span in the unit that suits it; "-" for none."""
    if seconds is None:
        return "-"
    for limit, unit, name in ((120, 1, "s"), (7200, 60, "min"), (172_800, 3600, "h")):
        if seconds < limit:
            return f"{seconds / unit:.1f} {name}" if unit == 1 and seconds < 10 else f"{seconds / unit:.0f} {name}"
    return f"{seconds / 86_400:.0f} d"


def size(number: int | None) -> str:
    """Bytes in the unit that suits them; "-" if unknown."""
    if number is None:
        return "-"
    for limit, unit, name in ((1000, 1, "B"), (10**6, 1000, "kB"), (10**9, 10**6, "MB")):
        if number < limit:
            return f"{number / unit:.0f} {name}"
    return f"{number / 1e9:.1f} GB"
