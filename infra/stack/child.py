"""The description of a child: how it starts, when it is ready, how it ends. No behaviour."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

STACK_ID_VARIABLE = "VERBATIM_STACK_ID"


class Unwell(Exception):
    """The server answers, but does not do its work; the message says what it answered."""


class Health(Protocol):
    """Asks a running server or process something only a working one can answer."""

    async def check(self) -> None:
        """Return when it works. Bounded in time. Raises Unwell when it answers that it does not, and any other
        exception, its message one line, when it does not answer.
        """

    def close(self) -> None:
        """Give back connections. Callable at any time, also twice."""


@dataclass(frozen=True, slots=True)
class ChildSpec:
    """One child process.

    Ready is the first answer of `health`, or without one the first beat of its sign of life. Beats that stay away for
    `hung_after_s` mean hung (a child that never beats is never taken for hung), and so do queries of `health` that
    no query is answered for `unanswered_after_s`. A hung child is killed and restarted.
    `takes_orders`: its standard input is a pipe for one line, see infra.stack.spare. A stack does not start without
    what `is_required`. `before_start` is called before each life, in a thread; an OSError of it is a start that failed.
    `env_now`: additional environment, computed before each start. `metrics_port`: where it serves /metrics
    of this host; 0: nowhere. `note`: what an operator should know of it while all is well.
    `timer_slack_ns`: see infra.stack.timer_slack; 0: as the host has it. `carries`: the agents that share this process,
    each as the child that it is in a process of its own (infra.stack.joining).
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
    unanswered_after_s: float | None = None
    takes_orders: bool = False
    is_server: bool = False
    is_required: bool = True
    shared_memory_prefix: str = ""
    metrics_port: int = 0
    before_start: Callable[[], object] | None = None
    env_now: Callable[[], Mapping[str, str]] | None = field(default=None, repr=False)
    note: str = ""
    timer_slack_ns: int = 0
    carries: tuple[ChildSpec, ...] = ()
