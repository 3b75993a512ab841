"""`./verbatim up`, `down`, `reset`."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from infra.cli.stack_file import state_folder
from infra.cli.state_option import StateOption
from infra.cli.terminal import complain
from infra.clock import monotonic_s
from infra.stack.errors import StackError
from infra.stack.layout import Layout
from infra.stack.leftovers import end_marked
from infra.stack.snapshot import Snapshot, read_snapshot

if TYPE_CHECKING:
    from infra.cli.stack_progress import Progress
    from infra.settings import Settings

POLL_S = 0.1
DOWN_TIMEOUT_S = 40.0
CONFIG_VARIABLE = "VERBATIM_CONFIG"


def register(app: typer.Typer) -> None:
    """Add the commands to the command line."""
    app.command()(up)
    app.command()(down)
    app.command()(reset)


def up(
    detach: Annotated[
        bool, typer.Option("--detach", help="Run in the background: return when everything is ready.")
    ] = False,
    state: StateOption = None,
    port: Annotated[
        int | None,
        typer.Option("--port", metavar="N", min=0, max=65535, help="The API's port (default 8080)."),
    ] = None,
    models: Annotated[
        list[Path] | None, typer.Option("--models", metavar="FILE", help="Add a models file; repeatable.")
    ] = None,
    scale: Annotated[
        list[str] | None,
        typer.Option("--scale", metavar="ROLE=N", help="Run N processes of a role; repeatable."),
    ] = None,
    config: Annotated[
        Path | None,
        typer.Option("--config", metavar="FILE", help="The settings file (default verbatim.toml)."),
    ] = None,
    spare: Annotated[
        bool | None,
        typer.Option("--spare/--no-spare", help="Keep a spare worker ready to replace one that ends (default: yes)."),
    ] = None,
) -> None:
    """Start the servers and our processes, and print their addresses. Ctrl-C stops everything."""
    from infra.cli.stack_progress import state_option
    from infra.cli.supervise import parse_scale

    counts = parse_scale(scale or [])
    settings = _settings(state, port, models or [], config)
    if spare is not None:
        settings = settings.model_copy(update={"worker": settings.worker.model_copy(update={"spare": spare})})
    layout = Layout.at(settings.state)
    console = Console()
    if layout.supervisor_pid() is not None:
        snapshot = read_snapshot(layout.status_file)
        where = f" at {snapshot.api_url}" if snapshot is not None else ""
        console.print(f"Already running{where} (state {layout.root}).", markup=False, soft_wrap=True)
        console.print(f"Open it: ./verbatim key link{state_option(layout)}", markup=False, soft_wrap=True)
        return
    try:
        if detach:
            _detached(settings, layout, counts, console)
        else:
            _foreground(settings, layout, counts, console)
    except StackError as error:
        complain(error)


def _settings(state: Path | None, port: int | None, models: list[Path], config: Path | None) -> Settings:
    """The settings with what the command line says; says what is wrong and exits with 1 otherwise."""
    from infra.cli.preparations import check_models
    from infra.settings import load
    from infra.settings.errors import SettingsError
    from infra.stack.models_that_run import with_models_that_run

    if config is not None:
        os.environ[CONFIG_VARIABLE] = str(config)
    try:
        settings = load(**({"state": state} if state is not None else {}))
    except SettingsError as error:
        complain(error)
    if port is not None:
        settings = settings.model_copy(update={"api": settings.api.model_copy(update={"port": port})})
    settings = settings.model_copy(update={"models": (*settings.models, *models)})
    try:
        if Layout.at(settings.state).supervisor_pid() is None:
            settings, note = with_models_that_run(settings, lambda: _what_is_missing(settings))
            if note:
                typer.echo(note, err=True)
        check_models(settings)
    except StackError as error:
        complain(error)
    return settings


def _what_is_missing(settings: Settings) -> str:
    """What the language model lacks on this host. What pip says of a failure is for the supervisor's log."""
    from infra.cache import cache_dir
    from infra.logging import configure
    from infra.stack.local_models import is_fetched
    from infra.stack.models_that_run import what_is_missing
    from infra.stack.openmp import has_openmp

    if has_openmp() and is_fetched(cache_dir()):
        return ""
    layout = Layout.at(settings.state)
    layout.create()
    with layout.log_of("supervisor").open("a") as log_file:
        configure("up", settings.log_level, log_file)
        try:
            return what_is_missing(lambda doing: typer.echo(f"{doing} …", err=True))
        finally:
            configure("up", settings.log_level)


def _foreground(settings: Settings, layout: Layout, counts: dict[str, int], console: Console) -> None:
    from infra.cli.stack_progress import Progress
    from infra.cli.supervise import supervise
    from infra.logging import configure

    layout.create()
    with layout.log_of("supervisor").open("a") as log_file, Progress(console) as progress:
        configure("supervisor", settings.log_level, log_file)
        asyncio.run(supervise(settings, layout, counts, _Screen(progress, console, layout)))
    console.print("Stopped.")


class _Screen:
    """The watcher of a stack in the foreground."""

    def __init__(self, progress: Progress, console: Console, layout: Layout) -> None:
        self._progress = progress
        self._console = console
        self._layout = layout
        self._is_ready = False
        self._said: dict[str, str] = {}
        self._last: Snapshot | None = None

    def show(self, snapshot: Snapshot) -> None:
        self._last = snapshot
        if not self._is_ready:
            self._progress.show(snapshot)
            return
        # Once ready the terminal belongs to the user: only news is printed.
        for child in snapshot.children:
            line = f"{child.name} {child.state}: {child.detail}" if child.state in ("waiting", "failed") else ""
            if snapshot.phase == "running" and line and self._said.get(child.name) != line:
                self._console.print(line, markup=False, soft_wrap=True)
            self._said[child.name] = line

    def ready(self, settings: Settings, key: str) -> None:
        from infra.cli.stack_progress import notes_of, welcome
        from infra.models.catalogue import ModelCatalogue
        from infra.stack.stack_file import api_url

        self._is_ready = True
        self._progress.close()
        notes = notes_of(self._last)
        model = ModelCatalogue.of(settings).default_model.id
        welcome(self._console, self._layout, api_url(settings), key, self._progress.elapsed_s, notes, model)


def _detached(settings: Settings, layout: Layout, counts: dict[str, int], console: Console) -> None:
    """Start the daemon and wait until it is ready or has failed. Raises StackError with its error."""
    from infra.cli.stack_file import read_stack_file
    from infra.cli.stack_progress import Progress, notes_of, welcome
    from infra.models.catalogue import ModelCatalogue
    from infra.settings.environment import PREFIX, host_variables
    from infra.stack.addresses import settings_env
    from infra.stack.children import REPO_ROOT

    layout.create()
    layout.status_file.unlink(missing_ok=True)
    environment = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
    environment |= host_variables()
    with layout.log_of("supervisor").open("a") as log_file:
        daemon = subprocess.Popen(
            [sys.executable, "-m", "infra.cli.supervise", *(f"{role}={n}" for role, n in counts.items())],
            env=environment | settings_env(settings) | {"PYTHONPATH": str(REPO_ROOT)},
            cwd=layout.run,
            stdin=subprocess.DEVNULL,
            stdout=log_file,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    with Progress(console) as progress:
        try:
            while True:
                ended = daemon.poll() is not None
                snapshot = read_snapshot(layout.status_file)
                if snapshot is not None:
                    progress.show(snapshot)
                    if snapshot.phase == "running":
                        break
                if ended:
                    reason = snapshot.error if snapshot is not None and snapshot.error else ""
                    raise StackError(reason or f"the supervisor ended. See {layout.log_of('supervisor')}")
                time.sleep(POLL_S)
        except KeyboardInterrupt:
            daemon.send_signal(signal.SIGTERM)
            daemon.wait(DOWN_TIMEOUT_S)
            raise StackError("interrupted; everything was stopped again") from None
    stack = read_stack_file(layout.stack_file)
    model = ModelCatalogue.of(settings).default_model.id
    welcome(console, layout, stack.api_url, stack.api_key, progress.elapsed_s, notes_of(snapshot), model)


def down(state: StateOption = None) -> None:
    """Stop our processes, then the servers. All data is kept."""
    from infra.cli.stack_progress import Progress

    layout = Layout.at(state_folder(state))
    console = Console()
    pid = layout.supervisor_pid()
    if pid is None:
        ended = end_marked(layout.stack_id()) if layout.marker.is_file() else 0
        rest = f"; ended {ended} processes that a killed supervisor left behind" if ended else ""
        console.print(f"Nothing is running in {layout.root}{rest}.", markup=False, soft_wrap=True)
        return
    with Progress(console) as progress:
        os.kill(pid, signal.SIGTERM)
        deadline = monotonic_s() + DOWN_TIMEOUT_S
        while layout.supervisor_pid() == pid:
            if monotonic_s() > deadline:
                os.kill(pid, signal.SIGKILL)
                end_marked(layout.stack_id())
                complain(f"the supervisor (pid {pid}) did not stop within {DOWN_TIMEOUT_S:g} s and was killed")
            if (snapshot := read_snapshot(layout.status_file)) is not None:
                progress.show(snapshot)
            time.sleep(POLL_S)
    console.print(
        f"Stopped after {progress.elapsed_s:.1f} s; data stay in {layout.root}.", markup=False, soft_wrap=True
    )


def reset(
    state: StateOption = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask for confirmation.")] = False,
) -> None:
    """Delete all data of a stopped stack: conversations, accounts, keys, logs."""
    layout = Layout.at(state_folder(state))
    if not layout.root.exists():
        print(f"Nothing to delete: {layout.root} does not exist.")
        return
    if layout.supervisor_pid() is not None:
        complain(f"a stack is running in {layout.root}: stop it first with ./verbatim down")
    if not yes and not typer.confirm(f"Delete everything in {layout.root}?"):
        complain("nothing deleted")
    try:
        if layout.marker.is_file():
            end_marked(layout.stack_id())
        layout.delete()
    except (StackError, OSError) as error:
        complain(error)
    print(f"Deleted {layout.root}.")
