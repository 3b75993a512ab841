"""Becomes another program that dies with the supervisor: `python -I -S shim.py PARENT_PID ARGV…`.

The kernel sends SIGKILL when the thread that started us ends, so the supervisor starts children from its main
thread. A preexec function would do the same but is unsafe in a process with threads.

With `--timer-slack NANOSECONDS FILE` before ARGV the program gets this timer slack (infra.stack.timer_slack). What the
kernel gave is written to FILE, since only root may read it of another process. A refusal is no failure. Without the
option this must work as it always did: the supervisor of the release before starts its children by this file, too.
"""

import contextlib
import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1
PR_SET_TIMERSLACK, PR_GET_TIMERSLACK = 29, 30


def main() -> None:
    parent = int(sys.argv[1])
    argv = sys.argv[2:]
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    # The parent may have died before prctl took hold.
    if os.getppid() != parent:
        sys.exit(1)
    if argv[0] == "--timer-slack":
        slack_ns, slack_file, argv = int(argv[1]), argv[2], argv[3:]
        prctl(PR_SET_TIMERSLACK, ctypes.c_ulong(slack_ns), 0, 0, 0)
        with contextlib.suppress(OSError), open(slack_file, "w") as file:
            file.write(str(prctl(PR_GET_TIMERSLACK, 0, 0, 0, 0)))
    try:
        os.execvpe(argv[0], argv, os.environ)  # noqa: S606 - becoming the program is the purpose
    except OSError as error:
        sys.exit(f"cannot run {argv[0]}: {error.strerror}")


main()
