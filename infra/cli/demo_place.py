"""Where a demo runs: on the running stack, or on one of its own."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from infra.cli.terminal import UserError

if TYPE_CHECKING:
    from infra.cli.demo_screen import Screen

T = TypeVar("T")
_WIDTH = 120


def on_a_stack(
    own: bool, state: Path | None, as_json: bool, demo_on: Callable[[Path, Screen], T], settings: str = ""
) -> T:
    """What `demo_on` returns for the state folder. `settings`: TOML, for a stack of its own.

    Raises UserError, also for `own` together with a state folder.
    """
    from rich.console import Console

    from infra.cli.demo_screen import Screen
    from infra.cli.demo_stack import own_stack
    from infra.cli.stack_file import state_folder

    if own and state is not None:
        raise UserError("--own-stack and --state exclude each other")
    # A terminal's narrow encoding must not end the demo.
    sys.stdout.reconfigure(errors="replace")  # type: ignore[union-attr]  # a TextIOWrapper, its type says TextIO
    console = Console()
    if not console.is_terminal:
        console = Console(width=_WIDTH)
    if own and not as_json:
        console.print("Starting a stack for the demo …")
    place: AbstractContextManager[Path] = own_stack(settings) if own else nullcontext(state_folder(state))
    with place as folder:
        return demo_on(folder, Screen(console, quiet=as_json))
