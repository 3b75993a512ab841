"""Errors of the local stack, by what the user can do. Messages are one line, without a traceback.

StackError
├── CannotStart        the host lacks something (port, memory, disk, module, glibc)
├── DownloadFailed     a jar could not be fetched or is not what the lock says
├── ChildFailed        a server or process did not become ready
├── ForeignFolder      a folder that is not a state folder of ours
└── AlreadyRunning     this state folder has a running supervisor
"""

from __future__ import annotations


class StackError(Exception):
    """Root: the message is meant for the user."""


class CannotStart(StackError):
    """The host lacks something; nothing was started."""


class DownloadFailed(StackError):
    """A jar could not be fetched, or its checksum is not that of the lock file."""


class ChildFailed(StackError):
    """A child did not become ready in time or kept ending."""

    def __init__(self, name: str, reason: str, log: str) -> None:
        self.name = name
        super().__init__(f"{name} did not start: {reason}. See {log}")


class ForeignFolder(StackError):
    """The folder is not empty and not ours."""


class AlreadyRunning(StackError):
    """Another supervisor holds this state folder."""
