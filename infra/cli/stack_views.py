"""`./verbatim status`, `logs`, `doctor`: read-only views of a stack."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, BinaryIO

import typer

from infra.cli.stack_file import state_folder
from infra.cli.state_option import StateOption
from infra.cli.terminal import complain, end_quietly, printable
from infra.clock import utc_now
from infra.stack.layout import Layout
from infra.stack.snapshot import ChildView, Snapshot, read_snapshot
from infra.stack.timer_slack import slack_text

FOLLOW_POLL_S = 0.2
TAIL_BLOCK_BYTES = 64 * 1024


def register(app: typer.Typer) -> None:
    """Add the commands to the command line."""
    app.command()(status)
    app.command()(logs)
    app.command()(doctor)


def status(
    state: StateOption = None, as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False
) -> None:
    """Show all processes: name, role, pid, state, restarts, uptime, memory, metrics port. Exits with 1 if none runs."""
    layout = Layout.at(state_folder(state))
    pid = layout.supervisor_pid()
    snapshot = read_snapshot(layout.status_file) if pid is not None else None
    rows = _rows(snapshot.children) if snapshot is not None else []
    if as_json:
        document = {
            "running": pid is not None,
            "supervisor_pid": pid,
            "phase": snapshot.phase if snapshot is not None else "stopped",
            "api_url": snapshot.api_url if snapshot is not None else None,
            "children": rows,
        }
        print(json.dumps(document, indent=2))
    elif snapshot is None:
        print(f"Nothing is running in {layout.root}." if pid is None else "Starting.")
    else:
        _print_table(snapshot, rows)
    if pid is None:
        raise typer.Exit(1)


def _rows(children: Sequence[ChildView]) -> list[dict[str, Any]]:
    """A row a child. The memory of a process that carries several stands in the first row of it."""
    rows, shown = [], set[str]()
    for child in children:
        rows.append(_row(child, is_first=child.process not in shown))
        shown.add(child.process)
    return rows


def _row(child: ChildView, *, is_first: bool) -> dict[str, Any]:
    uptime_s = None
    if child.pid is not None and child.started_at:
        uptime_s = max(0, int((utc_now() - datetime.fromisoformat(child.started_at)).total_seconds()))
    rss = group_rss_bytes(child.pid) if child.pid is not None and is_first else None
    return asdict(child) | {"uptime_s": uptime_s, "rss_bytes": rss}


def group_rss_bytes(leader: int) -> int:
    """Resident memory of a child and of what it started (same process group), in bytes."""
    page = os.sysconf("SC_PAGE_SIZE")
    total = 0
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            # the name in parentheses may hold spaces: fields are counted from behind it
            fields = (entry / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[2]) == leader:
            total += int(fields[21]) * page
    return total


def _print_table(snapshot: Snapshot, rows: list[dict[str, Any]]) -> None:
    lines = [("NAME", "ROLE", "PID", "STATE", "RESTARTS", "UPTIME", "MEMORY", "METRICS", "")]
    for row in rows:
        memory = f"{row['rss_bytes'] / 2**20:.0f} MiB" if row["rss_bytes"] else "-"
        lines.append(
            (
                row["name"],
                row["role"],
                str(row["pid"] or "-"),
                row["state"],
                str(row["restarts"]),
                _duration(row["uptime_s"]),
                memory,
                str(row["metrics_port"] or "-"),
                row["detail"] or row["trouble"] or _place(row["within"]) or _slack(row["timer_slack_ns"]),
            )
        )
    widths = [max(len(line[column]) for line in lines) for column in range(8)]
    for line in lines:
        print("  ".join([*(cell.ljust(width) for cell, width in zip(line, widths, strict=False)), line[8]]).rstrip())
    total = sum(row["rss_bytes"] or 0 for row in rows)
    print(f"{snapshot.phase}; {snapshot.api_url}; {total / 2**20:.0f} MiB in all")


def _place(within: str) -> str:
    return f"in {within}" if within else ""


def _slack(nanoseconds: int) -> str:
    return f"timer slack {slack_text(nanoseconds)}" if nanoseconds else ""


def _duration(seconds: int | None) -> str:
    if seconds is None:
        return "-"
    if seconds < 120:
        return f"{seconds} s"
    if seconds < 7200:
        return f"{seconds // 60} min"
    return f"{seconds // 3600} h"


def logs(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A child's name, or supervisor.")],
    state: StateOption = None,
    follow: Annotated[bool, typer.Option("-f", "--follow", help="Print new lines as they are written.")] = False,
    lines: Annotated[
        int, typer.Option("-n", "--lines", min=0, max=100_000, help="The number of last lines to print.")
    ] = 50,
) -> None:
    """Print the log of one child. Children that share a process share its log."""
    layout = Layout.at(state_folder(state))
    name = _process_of(layout, name)
    known = sorted(file.stem for file in layout.logs.glob("*.log")) if layout.logs.is_dir() else []
    if not known:
        complain(f"no logs in {layout.root}: nothing has been started there")
    if name not in known:
        raise typer.BadParameter(f"no log of {name!r}; there are: {', '.join(known)}", param_hint="NAME")
    try:
        with layout.log_of(name).open("rb") as file:
            for line in last_lines(file, lines):
                print(printable(line))
            if follow:
                _follow(file)
    except KeyboardInterrupt:
        return
    except BrokenPipeError:
        end_quietly()


def _process_of(layout: Layout, name: str) -> str:
    """The process that carries the child `name` now, whose log is its; else the name itself."""
    snapshot = read_snapshot(layout.status_file)
    return next((child.process for child in snapshot.children if child.name == name), name) if snapshot else name


def last_lines(file: BinaryIO, count: int) -> list[str]:
    """The last `count` lines; the file is left at its end."""
    end = position = file.seek(0, os.SEEK_END)
    data = b""
    while position > 0 and data.count(b"\n") <= count:
        step = min(TAIL_BLOCK_BYTES, position)
        position -= step
        file.seek(position)
        data = file.read(step) + data
    file.seek(end)
    wanted = data.decode("utf-8", "replace").splitlines()
    return wanted[-count:] if count else []


def _follow(file: BinaryIO) -> None:
    while True:
        chunk = file.read()
        if chunk:
            print(printable(chunk.decode("utf-8", "replace")), end="", flush=True)
        elif os.fstat(file.fileno()).st_size < file.tell():
            # emptied because it had grown too long
            file.seek(0)
        else:
            time.sleep(FOLLOW_POLL_S)


def doctor(state: StateOption = None) -> None:
    """Check whether this host can run Verbatim: one line per requirement, and what to do about problems.

    For Java, Redis and Triton the line shows version, path and publicly known faults of that version.
    Exits with 1 if a stack cannot start; known faults alone do not count.
    """
    from infra.settings import load
    from infra.settings.errors import SettingsError
    from infra.stack.addresses import external_servers
    from infra.stack.host import gather, judge

    try:
        settings = load(**({"state": state} if state is not None else {}))
    except SettingsError as error:
        complain(error)
    layout = Layout.at(settings.state)
    findings = judge(gather(settings, layout), external_servers(settings))
    if layout.supervisor_pid() is not None:
        # Its own API holds the port, and its own servers the memory.
        findings = [finding for finding in findings if finding.what not in ("port", "memory")]
    for finding in findings:
        mark = "PROBLEM" if finding.advice else "note" if finding.note else "ok"
        print(f"{mark:<7}  {finding.what}: {'; '.join(filter(None, (finding.found, finding.advice, finding.note)))}")
    if any(finding.advice for finding in findings):
        raise typer.Exit(1)
