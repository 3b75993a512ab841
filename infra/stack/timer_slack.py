"""Timer slack: by how much the kernel may prolong a thread's short waits, so that it wakes up less often.

Cassandra's stages park 10 µs at a time while they look for work: 50,000 wake-ups a second under a trickle of writes.
Work wakes a parked thread at once, so longer waits cost nothing there. A process gives its slack to its threads and to
what it becomes; infra.stack.shim sets it before it becomes the server.
"""

from __future__ import annotations

import ctypes
import threading

SERVERS_NS = 2_000_000
"""For both Java servers. Cassandra's writes cost less CPU with it: docs/performance.md."""

PR_SET_TIMERSLACK, PR_GET_TIMERSLACK = 29, 30


def settable_ns(wanted_ns: int) -> int:
    """What this host gives a thread that asks for `wanted_ns`, in nanoseconds. Tried in a thread of its own."""
    got: list[int] = []

    def attempt() -> None:
        prctl = ctypes.CDLL(None, use_errno=True).prctl
        prctl(PR_SET_TIMERSLACK, ctypes.c_ulong(wanted_ns), 0, 0, 0)
        got.append(prctl(PR_GET_TIMERSLACK, 0, 0, 0, 0))

    thread = threading.Thread(target=attempt, name="timer slack")
    thread.start()
    thread.join()
    return got[0]


def refused_note(wanted_ns: int, got_ns: int) -> str:
    """What an operator should know of a server whose slack could not be set; empty if it could."""
    if not wanted_ns or got_ns >= wanted_ns:
        return ""
    return f"timer slack is {slack_text(got_ns)}, {slack_text(wanted_ns)} was refused: it uses more CPU while it waits"


def slack_text(nanoseconds: int) -> str:
    """`50 µs`, `2 ms`; `unknown` for what could not be read."""
    if nanoseconds <= 0:
        return "unknown"
    if nanoseconds < 1_000_000:
        return f"{nanoseconds / 1000:g} µs"
    return f"{nanoseconds / 1e6:g} ms"
