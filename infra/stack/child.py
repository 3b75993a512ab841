"""What a child is: a description that says how to start it, when it is ready and how it ends. No behaviour."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

STACK_ID_VARIABLE = "VERBATIM_STACK_ID"


class Health(Protocol):
    """Asks a running server or process something only a working one can answer."""

    async def check(self) -> None:
        """Return when it answered; raise any exception, its message one line, when it did not. Bounded in time."""

    def close(self) -> None:
        """Give back connections. Callable at any time, also twice."""


@dataclass(frozen=True, slots=True)
class ChildSpec:
    """One child process.

    Ready is the first answer of `health`, or without one the first beat of its sign of life. A beat older than
    `hung_after_s` means hung; a child that never beats is never taken for hung.
    """

    name: str
    role: str
    argv: tuple[str, ...]
    env: Mapping[str, str] = field(repr=False)
    cwd: Path
    health: Health | None = None
    start_timeout_s: float = 60.0
    stop_grace_s: float = 8.0
    hung_after_s: float = 10.0
    is_server: bool = False
    beats: bool = False
    shared_memory_prefix: str = ""
