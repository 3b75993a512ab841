"""All accounts with budgets, as far as this process has read `admissions`: one fold an account, and who waits for what.

Everything runs on one event loop. What cannot be decoded counts for no reader.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from typing import Protocol

from schemas.admission import LeaseRecord
from schemas.codec import UndecodableRecord
from topics.admission.account import Account
from topics.catalogue import ADMISSIONS, Catalogue
from topics.errors import LogUnavailable


class Read(Protocol):
    """What is needed of a message."""

    def partition(self) -> int | None: ...
    def offset(self) -> int | None: ...
    def value(self) -> bytes | None: ...
    def timestamp(self) -> tuple[int, int]: ...


class Book:
    """Feed it `on_batch` from the first record of each partition on."""

    def __init__(self, topics: Catalogue, first: Mapping[int, int] | None = None) -> None:
        """`first`: where the reading of partitions begins that do not begin at 0."""
        self._spec = topics[ADMISSIONS]
        self._accounts: dict[str, Account] = {}
        self._next: dict[int, int] = dict(first or {})
        self._waiting: list[tuple[int, int, asyncio.Future[None]]] = []
        self._watched: dict[str, Callable[[], None]] = {}

    @property
    def partitions(self) -> range:
        return range(self._spec.partitions)

    @property
    def is_empty(self) -> bool:
        """Whether no account has or ever had a budget."""
        return not self._accounts

    def account(self, name: str) -> Account | None:
        """What is known of an account; None: no record is about it."""
        return self._accounts.get(name)

    def limits_key(self, account: str, key_id: str) -> bool:
        """Whether one of the account's hard budgets is this key's alone."""
        known = self._accounts.get(account)
        if known is None:
            return False
        return any(
            budget.hard and (budget.scope, budget.subject) == ("key", key_id) for budget in known.budgets.values()
        )

    @property
    def accounts(self) -> Mapping[str, Account]:
        return self._accounts

    def on_batch(self, messages: Iterable[Read]) -> None:
        """The next records of some partitions, in their order. Raises NewerRecord."""
        for message in messages:
            partition, offset = message.partition() or 0, message.offset() or 0
            if offset < self._next.get(partition, 0):
                continue
            try:
                record = ADMISSIONS.decode(message.value())
            except UndecodableRecord:
                pass
            else:
                account = self._accounts.get(record.account)
                if account is None:
                    account = self._accounts[record.account] = Account()
                account.apply(record, self._spec.position(partition, offset), message.timestamp()[1] * 1000)
                if self._watched and isinstance(record, LeaseRecord):
                    self._watched.get(record.generation_id, _nobody)()
            self._next[partition] = offset + 1
        for partition, end, done in self._waiting:
            if not done.done() and self._next.get(partition, 0) >= end:
                done.set_result(None)

    def watch(self, generation_id: str, tell: Callable[[], None] | None) -> None:
        """Call `tell` with every record of a generation; None: no more."""
        if tell is None:
            self._watched.pop(generation_id, None)
        else:
            self._watched[generation_id] = tell

    def has_read(self, partition: int, end: int) -> bool:
        """Whether all records below offset `end` were taken."""
        return self._next.get(partition, 0) >= end

    async def read_up_to(self, partition: int, end: int, within_s: float) -> None:
        """Wait until all records below offset `end` were taken. Raises LogUnavailable after `within_s`."""
        if self.has_read(partition, end):
            return
        waiter = (partition, end, asyncio.get_running_loop().create_future())
        self._waiting.append(waiter)
        try:
            async with asyncio.timeout(within_s):
                await waiter[2]
        except TimeoutError:
            raise LogUnavailable(f"{ADMISSIONS}[{partition}] was not read up to {end} in {within_s:g} s") from None
        finally:
            self._waiting.remove(waiter)


def _nobody() -> None:
    """Watches."""
