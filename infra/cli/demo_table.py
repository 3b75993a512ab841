"""A small table that changes while a demo runs: in place on a terminal, elsewhere a line whenever it has changed."""

from __future__ import annotations

from collections.abc import Sequence
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.live import Live
from rich.table import Table

from infra.cli.terminal import one_line

Row = tuple[str, str]


class LiveTable:
    """Shows rows (name, value) for the length of a `with` block. Silent with `quiet`."""

    def __init__(self, console: Console, title: str, *, quiet: bool) -> None:
        self._console = console
        self._title = title
        self._quiet = quiet
        self._last = ""
        self._live = Live(console=console, auto_refresh=False) if console.is_terminal and not quiet else None

    def __enter__(self) -> Self:
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live is not None:
            self._live.stop()

    def show(self, rows: Sequence[Row]) -> None:
        """These rows from now on."""
        if self._live is not None:
            self._live.update(table(self._title, rows), refresh=True)
        elif not self._quiet and (line := plain(rows)) != self._last:
            self._last = line
            self._console.print(line, markup=False, highlight=False, soft_wrap=True)


def table(title: str, rows: Sequence[Row]) -> Table:
    """The rows as a table."""
    shown = Table(title=title, title_justify="left", show_header=False)
    for name, value in rows:
        shown.add_row(one_line(name), one_line(value))
    return shown


def plain(rows: Sequence[Row]) -> str:
    """The rows as one line."""
    return "; ".join(f"{one_line(name)}: {one_line(value)}" for name, value in rows)
