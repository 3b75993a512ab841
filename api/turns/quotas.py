"""Hard budgets, as asking for an answer meets them: what is known to be spent is refused before anything is recorded,
and the head of an answer waits until its lease is granted or denied.

Both follow the log as this process has read it; the decision itself is the log's.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import Protocol

from api.http.errors import QUOTA, ApiError, bad_request, of_failure, quota_exceeded
from api.streaming.feed import Feed
from api.streaming.sources import Source
from api.streaming.waiting import Wakeup
from infra.clock import now_us
from schemas.generation import Turn
from schemas.price import Price
from topics.admission.account import Account
from topics.admission.book import Book
from topics.admission.leases import CURRENCY
from topics.admission.paying import account_of, who_of
from topics.admission.sums import Who

HEAD_S = 30.0
"""How long the head of an answer waits for a grant or a denial. Then it leaves: the stream says what comes."""
LOOK_EVERY_S = 1.0


class Quotas(Protocol):
    """What asking needs of budgets."""

    def is_limited(self, account: str, who: Who) -> bool:
        """Whether a hard budget counts what they ask for."""

    def check(self, account: str, who: Who, price: Price, prompt_tokens: int, *, answer: int = 1) -> None:
        """Raises ApiError 429 if prompt and so many tokens of an answer are known not to be covered, 400 for a model
        of another currency."""

    async def decided(self, feed: Feed, turn: Turn) -> None:
        """Wait until the lease of a turn that was just asked for is granted, if it needs one.

        Raises ApiError 429 if it is denied; the turn is recorded, and ends so.
        """


class NoQuotas:
    """Nobody has a budget."""

    def is_limited(self, account: str, who: Who) -> bool:
        return False

    def check(self, account: str, who: Who, price: Price, prompt_tokens: int, *, answer: int = 1) -> None:
        """All is covered."""

    async def decided(self, feed: Feed, turn: Turn) -> None:
        """Nothing is waited for."""


class BookedQuotas:
    """`book`: accounts with budgets as this process has read them."""

    def __init__(self, book: Book) -> None:
        self._book = book

    def is_limited(self, account: str, who: Who) -> bool:
        known = self._book.account(account)
        return known is not None and known.is_limited(who)

    def check(self, account: str, who: Who, price: Price, prompt_tokens: int, *, answer: int = 1) -> None:
        known = self._book.account(account)
        if known is None or not known.is_limited(who):
            return
        covered, reason = known.covered(who, price, prompt_tokens, known.moment_at(now_us()))
        if covered < answer:
            raise refused(reason)

    async def decided(self, feed: Feed, turn: Turn) -> None:
        account = self._book.account(account_of(turn))
        if account is None or not account.is_limited(who_of(turn)):
            return
        wakeup = Wakeup()
        feed.listen(wakeup)
        self._book.watch(turn.generation_id, wakeup.wake)
        try:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(HEAD_S):
                    while not _is_decided(account, feed):
                        await wakeup.woken_within(LOOK_EVERY_S)
        finally:
            self._book.watch(turn.generation_id, None)
            feed.leave(wakeup)
        refuse_denied(feed)


def refuse_denied(source: Source) -> None:
    """Raises ApiError 429 for a generation that ended because no lease was granted for it."""
    ending = source.ending
    if ending is not None and ending.failure is not None and ending.failure.code == QUOTA and not source.pieces:
        raise of_failure(ending.failure)


def _is_decided(account: Account, feed: Feed) -> bool:
    """Raises what made the feed lose its way, and ApiError for a lease that is denied."""
    if feed.lost is not None:
        raise feed.lost
    lease = account.leases.get(feed.generation_id)
    if lease is not None and lease.decisions and not lease.is_open:
        raise refused(lease.decisions[0].reason)
    return lease is not None or feed.turn is not None or feed.ending is not None


def refused(reason: str) -> ApiError:
    """What a denial answers; `reason` is the fold's."""
    if reason == CURRENCY:
        said = "This model is priced in another currency than the budget: choose another model."
        return bad_request(said, code="budget_currency", param="model")
    return quota_exceeded()
