"""Becomes another program that dies with the supervisor: `python -I -S shim.py PARENT_PID ARGV…`.

The kernel sends SIGKILL when the thread that started us ends, so the supervisor starts children from its main
thread. A preexec function would do the same but is unsafe in a process with threads.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def main() -> None:
    parent = int(sys.argv[1])
    argv = sys.argv[2:]
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    # The parent may have died before prctl took hold.
    if os.getppid() != parent:
        sys.exit(1)
    try:
        os.execvpe(argv[0], argv, os.environ)  # noqa: S606 - becoming the program is the purpose
    except OSError as error:
        sys.exit(f"cannot run {argv[0]}: {error.strerror}")


main()
