"""Budgets as a command sets them and reads them: in the log itself, by the fold that decides."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from infra.cli.producing import producer_of
from infra.cli.terminal import UserError
from infra.clock import now_us
from infra.ids import draw_id
from infra.settings import Settings
from schemas.admission import BudgetChanged
from schemas.codec import UnencodableRecord, is_written
from schemas.envelope import Envelope
from topics.admission.book import Book
from topics.admission.following import following
from topics.catalogue import ADMISSIONS, Catalogue, catalogue
from topics.counts import on_broker
from topics.errors import LogError

READ_S = 10.0


@dataclass(frozen=True, slots=True)
class Named:
    """Which budget."""

    account: str
    scope: str
    subject: str
    period: str
    hard: bool

    @property
    def name(self) -> tuple[str, str, str, bool]:
        return self.scope, self.subject, self.period, self.hard


def standing(book: Book, budget: BudgetChanged) -> dict[str, Any]:
    """A budget and how it stands now."""
    account = book.accounts[budget.account]
    spent, leased, left = account.standing(budget, account.moment_at(now_us()))
    return {
        "account": budget.account,
        "scope": budget.scope,
        "subject": budget.subject,
        "period": budget.period,
        "hard": budget.hard,
        "unit": budget.unit,
        "limit": budget.limit,
        "spent": spent,
        "leased": leased,
        "left": left,
    }


async def budgets(settings: Settings) -> list[dict[str, Any]]:
    """Every budget. Raises UserError."""
    async with opened(settings) as (book, _):
        accounts = [account for _, account in sorted(book.accounts.items())]
        return [standing(book, budget) for account in accounts for budget in account.budgets.values()]


async def change(settings: Settings, named: Named, unit: str | None, limit: int | None) -> dict[str, Any]:
    """Set a budget, or remove it (`limit` None: it is answered as it was). Raises UserError."""
    if not is_written(BudgetChanged):
        raise UserError("budgets need the upgrade to be finished: run ./verbatim upgrade finish")
    async with opened(settings) as (book, topics):
        account = book.account(named.account)
        known = None if account is None else account.budgets.get(named.name)
        if limit is None and known is None:
            raise UserError("there is not such a budget: see ./verbatim budget list")
        if limit is not None and known is not None and unit != known.unit:
            raise UserError(f"there is a budget in {known.unit} for the same: remove it first")
        before = {} if known is None else standing(book, known)
        record = BudgetChanged(
            envelope=Envelope(draw_id(), now_us(), None, draw_id(), "system:cli"),
            account=named.account,
            scope=named.scope,
            subject=named.subject,
            period=named.period,
            hard=named.hard,
            unit=unit or (known.unit if known is not None else ""),
            limit=limit,
        )
        producer = producer_of(settings, topics)
        try:
            await producer.start()
            at = await producer.send(ADMISSIONS, named.account, record)
        except UnencodableRecord as error:
            raise UserError(str(error)) from None
        finally:
            await producer.aclose()
        await book.read_up_to(at.partition, at.offset + 1, READ_S)
        return before if limit is None else standing(book, book.accounts[named.account].budgets[named.name])


@asynccontextmanager
async def opened(settings: Settings) -> AsyncIterator[tuple[Book, Catalogue]]:
    """The book of all accounts, which follows the log for the length of the block. Raises UserError."""
    properties = settings.kafka.client_properties()
    try:
        topics = await asyncio.to_thread(on_broker, properties, catalogue())
        async with following(properties, topics) as (book, _):
            yield book, topics
    except LogError as error:
        raise UserError(f"{error}. See ./verbatim status") from None
