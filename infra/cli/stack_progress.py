"""The output of `up` and `down`: a live table on a terminal, one line per change elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.live import Live
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from infra.cli.sign_in_link import sign_in_link
from infra.clock import monotonic_s
from infra.models.catalogue import SCRIPTED
from infra.settings import Settings
from infra.stack.layout import Layout
from infra.stack.snapshot import ChildView, Snapshot

STYLES = {
    "ready": "green",
    "working": "cyan",
    "done": "green",
    "starting": "cyan",
    "waiting": "yellow",
    "unwell": "yellow",
    "failed": "red",
    "stopped": "dim",
}
MARKS = {
    "ready": "●",
    "working": "○",
    "done": "●",
    "starting": "○",
    "waiting": "↻",
    "unwell": "!",
    "failed": "✗",
    "stopped": "·",
}


class Progress:
    """Shows snapshots for the length of a `with` block."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._began_s = monotonic_s()
        self._since: dict[str, tuple[str, float]] = {}
        self._said: dict[str, str] = {}
        self._spinner = Spinner("dots")
        self._live = Live(console=console, transient=True, refresh_per_second=8) if console.is_terminal else None

    def __enter__(self) -> Self:
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Leave the terminal as it was. Callable twice."""
        if self._live is not None:
            self._live.stop()

    @property
    def elapsed_s(self) -> float:
        return monotonic_s() - self._began_s

    def show(self, snapshot: Snapshot) -> None:
        """Draw what changed."""
        now = self.elapsed_s
        for child in snapshot.children:
            if self._since.get(child.name, ("", 0.0))[0] != child.state:
                self._since[child.name] = (child.state, now)
        if self._live is not None:
            self._live.update(self._table(snapshot))
        else:
            self._lines(snapshot)

    def _table(self, snapshot: Snapshot) -> Table:
        table = Table.grid(padding=(0, 2))
        for child in snapshot.children:
            state, since = self._since[child.name]
            spent = f"{since if state == 'ready' else self.elapsed_s:.1f} s"
            mark = Text(f"{MARKS.get(state, '?')} {child.name}", STYLES.get(state, ""))
            table.add_row(mark, state, spent, Text(child.detail, "dim", overflow="ellipsis", no_wrap=True))
        if snapshot.phase in ("starting", "stopping"):
            self._spinner.update(text=f" {snapshot.doing or snapshot.phase} … {self.elapsed_s:.0f} s")
            table.add_row(self._spinner)
        return table

    def _lines(self, snapshot: Snapshot) -> None:
        if snapshot.doing:
            self._say("", snapshot.doing)
        for child in snapshot.children:
            self._say(child.name, _line(child))

    def _say(self, key: str, line: str) -> None:
        if self._said.get(key) != line:
            self._said[key] = line
            self._console.print(f"{self.elapsed_s:5.1f} s  {line}", highlight=False, markup=False, soft_wrap=True)


def _line(child: ChildView) -> str:
    return f"{child.name} {child.state}{': ' + child.detail if child.detail else ''}"


def notes_of(snapshot: Snapshot | None) -> tuple[str, ...]:
    """What an operator should know although all is well."""
    children = snapshot.children if snapshot is not None else ()
    return tuple(child.detail for child in children if child.state == "ready" and child.detail)


def welcome(
    console: Console,
    layout: Layout,
    url: str,
    key: str,
    elapsed_s: float,
    notes: Sequence[str] = (),
    model: str = SCRIPTED[0],
) -> None:
    """Where to go now: printed once everything is ready. The link is new each time. `model` answers the example."""
    link = sign_in_link(url, sha256(key.encode()).hexdigest(), layout) if key else None
    option = state_option(layout)
    lines = [f"Verbatim is ready after {elapsed_s:.1f} s.", "", f"  open   {link or url}", f"  API    {url}"]
    if key:
        lines += [f"  key    {key}"]
    if link is not None:
        lines += ["", f"The link signs one browser in, once, within an hour; another: ./verbatim key link{option}"]
    if notes:
        lines += ["", *notes]
    lines += [
        "",
        "Talk to it here:",
        f"  ./verbatim chat{option}",
        f"  curl -N {url}/v1/chat/completions -H 'Authorization: Bearer {key or 'KEY'}' \\",
        "    -H 'Content-Type: application/json' \\",
        f"""    -d '{{"model": "{model}", "stream": true, "messages": [{{"role": "user", "content": "Hello"}}]}}'""",
        "",
        f"Status: ./verbatim status{option}   Stop: ./verbatim down{option}",
    ]
    for line in lines:
        console.print(line, highlight=False, markup=False, soft_wrap=True)


def state_option(layout: Layout) -> str:
    """What to add to a command about this state folder; nothing for the default one."""
    default = Layout.at(Settings.model_fields["state"].default)
    return "" if layout == default else f" --state {layout.root}"
