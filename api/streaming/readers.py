"""The clients that read streams, and the tick that sends heartbeats or drops them."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from api.http.metrics import ACTIVE_STREAMS, DROPPED_READERS
from infra.clock import monotonic_s, now_us
from infra.runtime.bounded import Bounded, Seen
from schemas.signing import Login

STALL_S = 60.0
"""A client whose socket takes nothing for so long is dropped; it resumes at its last event id."""
MAX_S = 3600.0
MAX_SIGNED_OUT = 256
"""Sign-outs by issuers that are remembered for streams that are about to begin."""
MAX_REVOKED = 4096
"""Keys, and users, whose end is remembered: for the minute at most that a request may take from the check of its key to
its stream."""


@dataclass(frozen=True, slots=True)
class Credential:
    """What a client reads by: a key, or (`session`) a browser that was signed in with it as `user_id`.

    `session` tells how many ends of all sessions it came after (api.access.session_ends); None: by the key itself.
    `expires_at_us`: when it ends by itself. `organisation_id`: who pays. `revision`: how often something had been taken
    from the user when it was checked (api.access.people). `privileged`: it is read by a role that others have not.
    `login`: where an issuer signed them in.
    """

    key_sha256: str
    user_id: str = ""
    session: int | None = None
    expires_at_us: int | None = None
    organisation_id: str = ""
    revision: int = 0
    privileged: bool = False
    login: Login | None = None

    def ended_by(self, user_id: str, session: int) -> bool:
        """Whether the end of all of the user's sessions before `session` ends it."""
        return self.session is not None and self.user_id == user_id and self.session < session


class Reader:
    """One client. `wake` is cheap and may be called at any time; the state tells what to do."""

    __slots__ = ("_task", "_waiting", "beat", "credential", "entered_s", "gone", "sending_since_s", "sent_at_s")

    def __init__(self, credential: Credential) -> None:
        self.credential = credential
        self.gone: str | None = None
        self.beat = False
        self.entered_s = self.sent_at_s = monotonic_s()
        self.sending_since_s: float | None = None
        self._waiting: asyncio.Future[None] | None = None
        self._task: asyncio.Task[Any] | None = None

    def is_served_here(self) -> None:
        """The current task is the one that sends: it is cancelled if the reader goes while it waits for the socket."""
        self._task = asyncio.current_task()

    def wake(self) -> None:
        waiting = self._waiting
        if waiting is not None and not waiting.done():
            waiting.set_result(None)

    async def wait(self) -> None:
        """Until `wake`. Check the state first: a wake-up without a waiter is not kept."""
        self._waiting = asyncio.get_running_loop().create_future()
        try:
            await self._waiting
        finally:
            self._waiting = None

    def leave(self, reason: str) -> None:
        """It shall read no more: `reason` is disconnected, stalled, revoked, expired or overdue."""
        if self.gone is None:
            self.gone = reason
            self.wake()
            if self.sending_since_s is not None and self._task is not None:
                self._task.cancel()  # it waits for the socket, not for us


class Readers:
    """All readers of this process."""

    def __init__(self, heartbeat_s: float, stall_s: float = STALL_S, most_s: float = MAX_S) -> None:
        """`most_s`: how long anybody may read one stream; more than any generation may last."""
        self._heartbeat_s = heartbeat_s
        self._stall_s = stall_s
        self._most_s = most_s
        self._readers: set[Reader] = set()
        self._revoked: Seen[str] = Seen(MAX_REVOKED)
        self._ended: Bounded[str, int] = Bounded(MAX_REVOKED)
        self._lost: Bounded[str, int] = Bounded(MAX_REVOKED)
        self._logins_over: deque[Callable[[Login], bool]] = deque(maxlen=MAX_SIGNED_OUT)

    def __len__(self) -> int:
        return len(self._readers)

    def enter(self, credential: Credential) -> Reader:
        reader = Reader(credential)
        self._readers.add(reader)
        ACTIVE_STREAMS.set(len(self._readers))
        ended = self._ended.get(credential.user_id)
        if (
            credential.key_sha256 in self._revoked
            or (ended is not None and credential.ended_by(credential.user_id, ended))
            or credential.revision < (self._lost.get(credential.user_id) or 0)
            or (credential.login is not None and any(over(credential.login) for over in self._logins_over))
        ):
            self._drop(reader, "revoked")
        return reader

    def exit(self, reader: Reader) -> None:
        self._readers.discard(reader)
        ACTIVE_STREAMS.set(len(self._readers))

    def revoke(self, key_sha256: str) -> None:
        """End every stream of this key, those too that are about to begin."""
        self._revoked.add(key_sha256)
        for reader in list(self._readers):
            if reader.credential.key_sha256 == key_sha256:
                self._drop(reader, "revoked")

    def end_sessions(self, user_id: str, session: int) -> None:
        """End every stream of the user's sessions before `session`, those too that are about to begin."""
        self._ended[user_id] = max(session, self._ended.get(user_id) or 0)
        for reader in list(self._readers):
            if reader.credential.ended_by(user_id, session):
                self._drop(reader, "revoked")

    def end_user(self, user_id: str, revision: int, which: Callable[[Credential], bool]) -> None:
        """End those streams of the user that `which` says, and all that are about to begin by an older revision."""
        self._lost[user_id] = revision
        for reader in list(self._readers):
            if reader.credential.user_id == user_id and which(reader.credential):
                self._drop(reader, "revoked")

    def end_logins(self, is_over: Callable[[Login], bool]) -> None:
        """End every stream of whom an issuer has signed out, those too that are about to begin."""
        self._logins_over.append(is_over)
        for reader in list(self._readers):
            login = reader.credential.login
            if login is not None and is_over(login):
                self._drop(reader, "revoked")

    async def run_ticks(self) -> None:
        """Heartbeats to the quiet, an end to the stalled and to those whose key has expired. One timer for all readers,
        until cancelled."""
        tick_s = min(1.0, self._heartbeat_s / 4)
        while True:
            await asyncio.sleep(tick_s)
            self.tick(monotonic_s(), now_us())

    def tick(self, now_s: float, wall_us: int = 0) -> None:
        """`wall_us`: the time by which keys expire."""
        for reader in list(self._readers):
            since, expires_at_us = reader.sending_since_s, reader.credential.expires_at_us
            if expires_at_us is not None and wall_us >= expires_at_us:
                self._drop(reader, "expired")
            elif since is not None and now_s - since > self._stall_s:
                self._drop(reader, "stalled")
            elif now_s - reader.entered_s > self._most_s:
                self._drop(reader, "overdue")
            elif since is None and now_s - reader.sent_at_s >= self._heartbeat_s:
                reader.beat = True
                reader.wake()

    def _drop(self, reader: Reader, reason: str) -> None:
        DROPPED_READERS.labels(reason).inc()
        reader.leave(reason)
