"""Runs pip, and what belongs to it: apart from our own modules, without a word unless it fails."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence

from infra.logging import get_logger

LAST_LINES = 10
MAX_SHOWN = 200
PIP = (sys.executable, "-m", "pip", "--disable-pip-version-check", "--no-input")
_UNREACHED = ("NewConnectionError", "NameResolutionError", "ConnectTimeoutError", "ProxyError", "ReadTimeoutError")
"""What pip says of a package index that does not answer; its last line then speaks of a package that does not exist."""

_log = get_logger(__name__)


class NotInstalled(Exception):
    """A command did not do it; the text says why, without the command."""


def run_quietly(command: Sequence[str], what: str, timeout_s: float) -> None:
    """Run a command to its end. Raises NotInstalled with the reason in one line; the log has its last lines."""
    try:
        done = subprocess.run(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace",
            timeout=timeout_s, check=False, env=_without_ours(),
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        raise NotInstalled(f"not within {timeout_s:.0f} s") from None
    except OSError as error:
        raise NotInstalled(type(error).__name__) from None
    if done.returncode != 0:
        lines = [line.strip() for line in done.stdout.splitlines() if line.strip()]
        _log.error("cannot install packages", what=what, said=lines[-LAST_LINES:])
        raise NotInstalled(_why(lines))


def _why(lines: Sequence[str]) -> str:
    if any(word in line for line in lines for word in _UNREACHED):
        return "the package index cannot be reached"
    return lines[-1][:MAX_SHOWN] if lines else "no reason given"


def _without_ours() -> dict[str, str]:
    """The environment without what would lead another Python to our own modules."""
    return {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "PYTHONHOME")}
