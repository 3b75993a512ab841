"""The modules by which the release before starts its processes.

A supervisor that runs through an upgrade restarts processes by the names it knows (docs/operations.md, Upgrading). Each
of those modules is a line that goes on as the process of today: same pid, same streams, same environment. They go with
the release after next.
"""

from __future__ import annotations

import os
import sys
from typing import NoReturn


def become(role: str, *arguments: str) -> NoReturn:
    """Go on as `python -m infra.processes.ROLE`."""
    sys.stdout.flush()
    sys.stderr.flush()
    os.execv(sys.executable, [sys.executable, "-m", f"infra.processes.{role}", *arguments])  # noqa: S606  # our own program


def become_for_faust(role: str) -> None:
    """The same in a module that `python -m faust -A MODULE worker` imports; nothing for any other importer."""
    if sys.argv[0].endswith("faust/__main__.py"):
        become(role)
