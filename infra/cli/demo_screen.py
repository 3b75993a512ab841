"""The output of the demo: a live view on a terminal, one line per event elsewhere; then two tables."""

from __future__ import annotations

from collections.abc import Sequence
from types import TracebackType
from typing import Self

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from infra.cli.demo_check import Finding
from infra.cli.demo_story import Attempt
from infra.cli.demo_table import LiveTable
from infra.cli.terminal import one_line
from infra.clock import monotonic_s

_SHOWN_CHARACTERS = 600


class Screen:
    """Shows one run for the length of a `with` block. Silent with `quiet`."""

    def __init__(self, console: Console, *, quiet: bool) -> None:
        self._console = console
        self._quiet = quiet
        self._began_s = monotonic_s()
        self._text = ""
        live = console.is_terminal and not quiet
        self._live = Live(console=console, refresh_per_second=12, get_renderable=self._answer) if live else None

    def __enter__(self) -> Self:
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live is not None:
            self._live.stop()

    def happened(self, what: str, style: str = "", at_s: float | None = None) -> None:
        """An event, now or at `at_s`, with its time since the beginning."""
        if not self._quiet:
            time = (monotonic_s() if at_s is None else at_s) - self._began_s
            line = Text(f"{time:7.2f} s  ", "dim").append(one_line(what), style)
            self._console.print(line, highlight=False, soft_wrap=True)

    def grew(self, delta: str) -> None:
        """The answer has become longer."""
        self._text += delta

    def attempts(self, attempts: Sequence[Attempt]) -> None:
        """The attempts that the log holds."""
        table = Table(title="attempts, as the log has them", title_justify="left")
        for name in ("attempt", "worker", "chunks", "void", "ended"):
            table.add_column(name)
        for attempt in attempts:
            chunks = "none" if attempt.first_seq is None else f"{attempt.first_seq} … {attempt.last_seq}"
            number = str(attempt.number) if attempt.owns else f"{attempt.number} (void)"
            table.add_row(number, one_line(attempt.worker), chunks, str(attempt.void), attempt.end or "no word")
        self._print(table)

    def findings(self, findings: Sequence[Finding]) -> None:
        """The verdicts."""
        table = Table(title="the check", title_justify="left")
        table.add_column("")
        table.add_column("promise")
        table.add_column("seen", overflow="fold")
        for finding in findings:
            mark = Text("✓", "green") if finding.holds else Text("✗", "bold red")
            table.add_row(mark, finding.promise, Text(one_line(finding.seen)))
        self._print(table)

    def table(self, title: str) -> LiveTable:
        """A table that changes, instead of the answer."""
        return LiveTable(self._console, title, quiet=self._quiet)

    def say(self, line: str, style: str = "") -> None:
        """A line without a time."""
        self._print(Text(one_line(line), style))

    def _print(self, shown: RenderableType) -> None:
        if not self._quiet:
            self._console.print(shown, highlight=False)

    def _answer(self) -> RenderableType:
        shown = one_line(self._text)
        cut = f"… {shown[-_SHOWN_CHARACTERS:]}" if len(shown) > _SHOWN_CHARACTERS else shown
        title = f"the answer, {len(self._text)} characters"
        return Group(Panel(Text(cut), title=title, title_align="left"))
