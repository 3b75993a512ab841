"""Errors of agents, by their consequence.

StreamError
├── Poison     this record can never be handled: to dead-letters, and on
└── Retry      something outside is away: the same record again, after a pause

Anything else ends the process with the record un-acknowledged, and the supervisor restarts it.
"""

from __future__ import annotations


class StreamError(Exception):
    """Root of the errors that agents handle."""


class Poison(StreamError):
    """A record that no number of attempts will get through. The message must hold no content of it."""


class Retry(StreamError):
    """What the handler needs is away for now; the record is handled again later."""


class GaveUp(Exception):
    """A record was tried for as long as is allowed, or too many in a row were poison: the process must end."""
