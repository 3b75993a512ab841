"""`./verbatim replay …`: inspect the log, rebuild and verify projections, travel in time.

One module a command or family of commands; each has a `register(app)`.
"""

from __future__ import annotations

import gc
import importlib

import typer

# Modules of this package with a `register(app)`, in the order of `--help`.
COMMANDS: tuple[str, ...] = (
    "rebuild",
    "versions",
    "backfill",
    "dlq",
    "archive",
    "verify",
    "show",
    "diff",
    "export",
    "import_",
    "lag",
    "picks",
    "offsets",
    "topics",
    "schemas",
    "stream",
)


_ALLOCATIONS = 50_000


def collect_rarely() -> None:
    """Collect garbage seldom from now on: records and rows are made by the million and hold no cycles, so looking for
    some takes up to a quarter of the time of a long run and finds none."""
    gc.freeze()
    gc.set_threshold(_ALLOCATIONS, 20, 100)


def register(app: typer.Typer) -> None:
    """Add the commands to the command line."""
    replay = typer.Typer(
        help="Rebuild, verify and travel in time: everything the log can do again.",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        callback=collect_rarely,
    )
    for name in COMMANDS:
        importlib.import_module(f"{__name__}.{name}").register(replay)
    app.add_typer(replay, name="replay")
