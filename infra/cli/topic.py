"""`./verbatim topic grow`: more partitions for a topic, in a new epoch."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import IO, TYPE_CHECKING, Annotated

import typer

from infra.cli.state_option import StateOption
from infra.cli.terminal import UserError, complain, one_line

if TYPE_CHECKING:
    from infra.settings import Settings
    from topics.groups import Member

FORGOTTEN_S = 60.0
"""How long the broker may take to forget a process that was stopped."""
SERVERS_S = 240.0
STOPPED_S = 60.0
LOOK_S = 0.2
MAX_SAID_BYTES = 1024 * 1024

app = typer.Typer(
    name="topic", help="Change a topic's partitions.", no_args_is_help=True, pretty_exceptions_enable=False
)


def register(parent: typer.Typer) -> None:
    """Add the command group to the command line."""
    parent.add_typer(app)


@app.callback()
def root() -> None:
    """Change a topic's partitions."""


@app.command()
def grow(
    topic: Annotated[str, typer.Argument(metavar="TOPIC", help="The topic's name.")],
    partitions: Annotated[
        int, typer.Option("--partitions", min=1, metavar="N", help="How many partitions are written to from then on.")
    ],
    yes: Annotated[
        bool,
        typer.Option("--yes", help="Confirm that no process of ours, API processes too, runs on any host."),
    ] = False,
    state: StateOption = None,
) -> None:
    """Write a topic to N new partitions from now on. What it holds stays where it is and is read before.

    All processes must be stopped (./verbatim down), and every record must have been read. The servers of this state
    folder are started for the change, and stopped after it.
    """
    try:
        print(_grow(topic, partitions, yes, state))
    except UserError as error:
        complain(error)


def _grow(topic: str, partitions: int, yes: bool, state: Path | None) -> str:
    from infra.cli.replay.opened import log_errors
    from infra.cli.stack_file import connected_settings
    from infra.settings import load
    from infra.settings.errors import SettingsError
    from infra.stack.layout import Layout
    from topics.growing import CannotGrow, can_grow
    from topics.growing import grow as grow_topic

    if not can_grow(topic):
        raise UserError(f"{one_line(topic)[:100]!r} cannot be grown: topics keyed by conversation or user can")
    try:
        given = load(**({"state": state} if state is not None else {}))
    except SettingsError as error:
        raise UserError(str(error)) from None
    layout = Layout.at(given.state)
    if layout.supervisor_pid() is not None:
        raise UserError("the stack is running: stop it first (./verbatim down)")
    external = bool(given.kafka.bootstrap)
    if external and not yes:
        raise UserError(
            "stop all processes of this installation on every host first. API processes are in no consumer group, so"
            " this command cannot see them: say --yes when none runs"
        )
    if not external and not layout.root.is_dir():
        raise UserError(f"there is no stack in {layout.root}: start one with ./verbatim up")
    with log_errors(), nullcontext() if external else _servers(layout.root):
        settings = given if external else connected_settings(state, cassandra=False)
        problem = _problem(settings)
        if problem is not None:
            raise UserError(f"nothing was changed: {problem}")
        kafka = settings.kafka
        try:
            made = grow_topic(kafka.client_properties(), topic, partitions, kafka.replication_factor)
        except CannotGrow as error:
            raise UserError(f"nothing was changed: {error}") from None
    return f"{topic} is at epoch {made.epoch}: it is written to partitions {made.first} to {made.partitions - 1}"


def _problem(settings: Settings) -> str | None:
    """What speaks against growing now. Raises LogError."""
    from topics.groups import committed
    from topics.growing import problem_of, unread
    from topics.log import Log
    from topics.slices.selection import is_ours

    properties = settings.kafka.client_properties()
    running = _members(settings)
    log = Log(properties)
    try:
        # Other applications' topics on the cluster are no concern of ours, their groups that read our topics are.
        first, end = log.held({topic: partitions for topic, partitions in log.topics().items() if is_ours(topic)})
    finally:
        log.close()
    return problem_of(running, unread(first, end, committed(properties)))


def _members(settings: Settings) -> list[Member]:
    """Who is in a consumer group of ours, when the broker had time to forget who was stopped. Raises LogError."""
    from infra.clock import monotonic_s
    from topics.groups import members

    until_s = monotonic_s() + FORGOTTEN_S
    while found := members(settings.kafka.client_properties(), "verbatim-"):
        if monotonic_s() > until_s:
            break
        time.sleep(0.5)
    return found


@contextmanager
def _servers(state: Path) -> Iterator[None]:
    """The servers of a state folder, without our processes, for the length of the block. Raises UserError."""
    command = [sys.executable, "-m", "infra.stack.servers", "--state", str(state)]
    print("starting the servers …", file=sys.stderr)
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT)
        try:
            _until_ready(process, output)
            yield
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
            try:
                process.wait(STOPPED_S)
            except subprocess.TimeoutExpired:  # as in the middle of a download; its servers die with it
                process.kill()
                process.wait(STOPPED_S)


def _until_ready(process: subprocess.Popen[bytes], output: IO[bytes]) -> None:
    from infra.clock import monotonic_s

    until_s = monotonic_s() + SERVERS_S
    while True:
        ended = process.poll() is not None
        lines = os.pread(output.fileno(), MAX_SAID_BYTES, 0).decode(errors="replace").splitlines()
        if any(line.startswith("ready: ") for line in lines):
            return
        if ended or monotonic_s() > until_s:
            last = next((line for line in reversed(lines) if line.strip()), "no reason was given")
            raise UserError(f"the servers did not start: {one_line(last.strip())[:300]}")
        time.sleep(LOOK_S)
