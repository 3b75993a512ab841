"""/api/v1/admin/budgets and /api/v1/budgets: what accounts may spend, and what of it is left."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Request, Response
from pydantic import Field

from api.access.auth import BudgetManager, BudgetReader, Caller, author_of
from api.access.may import Resource, may
from api.access.ports import AccountReads
from api.access.principal import Principal
from api.consistency.commanding import IdempotencyKey, idempotency_key, send
from api.consistency.freshness import Fresh, Freshness
from api.consistency.ports import CommandLog
from api.consistency.request_hash import request_hash
from api.http.answers import json_answer, openapi_body
from api.http.bodies import ApiBody, BodyReader
from api.http.errors import ApiError, bad_request, behind, not_found, unavailable
from api.http.providing import provided
from infra.clock import now_us
from schemas.admission import TOKENS, BudgetChanged
from schemas.codec import is_written
from schemas.envelope import Position
from topics.admission.account import Account
from topics.admission.book import Book
from topics.admission.sums import Who
from topics.catalogue import ACCOUNT_EVENTS, ADMISSIONS
from topics.errors import LogUnavailable

router = APIRouter(tags=["budgets"])

MAX_LIMIT = 2**53 - 1
"""The largest whole number that every JSON reader keeps."""
MAX_BUDGETS = 1000
"""Of one account."""
READ_S = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class BudgetPorts:
    """What the routes of budgets need. `book`: all accounts with budgets, as this process has read them."""

    log: CommandLog
    book: Book
    reads: AccountReads


Ports = Annotated[BudgetPorts, Depends(provided(BudgetPorts))]


class BudgetName(ApiBody):
    """Which budget is meant: of all that `account` pays for, or of what one of its users or keys asks for."""

    account: str = Field(min_length=1, max_length=200)
    scope: Literal["account", "user", "key"] = "account"
    subject: str = Field(default="", max_length=200)
    period: Literal["day", "month", "total"] = "month"
    hard: bool = True


class SetBudget(BudgetName):
    """`unit`: tokens, or a currency's code; then `limit` is in millionths of it."""

    unit: str = Field(default=TOKENS, pattern=r"^(tokens|[A-Z]{3})$")
    limit: int = Field(ge=0, le=MAX_LIMIT)


@router.get("/api/v1/admin/budgets")
async def list_budgets(caller: BudgetReader, ports: Ports) -> Response:
    """All budgets that the caller may see, with what is spent and leased of each in its present period."""
    at_us = now_us()
    found = [
        budget_json(account, budget, at_us)
        for name, account in sorted(ports.book.accounts.items())
        if may(caller, "budgets.read", Resource(organisation_id=name))
        for budget in account.budgets.values()
    ]
    return json_answer({"budgets": found})


@router.put("/api/v1/admin/budgets", openapi_extra=openapi_body(SetBudget))
async def set_budget(
    request: Request, operator: BudgetManager, bodies: BodyReader, fresh: Fresh, ports: Ports
) -> Response:
    """Set a budget, or change it. It counts for what is asked for once the answer is here."""
    body = await bodies.read(request, SetBudget)
    _check(body)
    await _check_known(fresh, ports.reads, body)
    key = idempotency_key(request)
    account = ports.book.account(body.account)
    if account is not None:
        _check_overlaps(account, body)
    at = await _change(request, operator, key, ports, body, body.unit, body.limit)
    account = await _read(ports.book, at, body.account)
    name = body.scope, body.subject, body.period, body.hard
    budget = None if account is None else account.budgets.get(name)
    if account is None or budget is None:
        raise unavailable("The budget is set, and another request has removed it since. Look again.")
    return json_answer(budget_json(account, budget, now_us()))


@router.delete("/api/v1/admin/budgets", openapi_extra=openapi_body(BudgetName))
async def remove_budget(request: Request, operator: BudgetManager, bodies: BodyReader, ports: Ports) -> Response:
    """Remove a budget. What waits for it goes on."""
    body = await bodies.read(request, BudgetName)
    _check(body)
    account = ports.book.account(body.account)
    known = None if account is None else account.budgets.get((body.scope, body.subject, body.period, body.hard))
    if known is None:
        raise not_found("budget")
    at = await _change(request, operator, idempotency_key(request), ports, body, known.unit, None)
    await _read(ports.book, at, body.account)
    return Response(status_code=204)


@router.get("/api/v1/budgets")
async def own_budgets(caller: Caller, ports: Ports) -> Response:
    """The budgets that bind the caller, with what is left of each in its present period."""
    account = ports.book.account(caller.account)
    who, at_us = Who(caller.user_id, caller.key_id), now_us()
    bind = () if account is None else account.budgets.values()
    shown = [budget for budget in bind if (budget.scope, budget.subject) in set(who.scopes)]
    return json_answer({"budgets": [budget_json(account, budget, at_us) for budget in shown if account is not None]})


def budget_json(account: Account, budget: BudgetChanged, at_us: int) -> dict[str, Any]:
    """A budget and how it stands. `left` is negative where it was lowered below what is spent."""
    spent, leased, left = account.standing(budget, account.moment_at(at_us))
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


def _check(body: BudgetName) -> None:
    if not is_written(BudgetChanged):
        raise unavailable(
            "Budgets are available once the upgrade is finished: the operator runs ./verbatim upgrade finish.",
            code="upgrade_unfinished",
        )
    if (body.scope == "account") != (not body.subject):
        raise bad_request(
            "Invalid value for 'subject': expected the id of the user or key, and nothing for scope account.",
            param="subject",
        )


async def _check_known(fresh: Freshness, reads: AccountReads, body: BudgetName) -> None:
    """Raises ApiError 404 for an account, or a user, that there is not: a budget of that would limit nobody."""

    async def is_known(name: str) -> bool:
        if await reads.user(name) is not None:
            return True
        return name == body.account and await reads.organisation(name) is not None

    names = {"account": body.account} | ({"subject": body.subject} if body.scope == "user" else {})
    for param, name in names.items():
        if not await is_known(name):
            shown = await fresh.up_to_date(name, ACCOUNT_EVENTS)  # it may have been made a moment ago
            if not await is_known(name):
                raise behind() if not shown else not_found("user" if param == "subject" else "account", param=param)


def _check_overlaps(account: Account, body: SetBudget) -> None:
    """Raises ApiError 400 for a budget that says another thing about the same than one that is there."""
    for other in account.budgets.values():
        if (other.scope, other.subject, other.period) != (body.scope, body.subject, body.period):
            continue
        if other.hard == body.hard and other.unit != body.unit:
            raise bad_request(
                f"Invalid value for 'unit': there is a budget in {other.unit} for the same. Remove it first.",
                code="overlapping_budgets",
                param="unit",
            )
        if other.hard != body.hard and other.unit == body.unit:
            hard, soft = (body.limit, other.limit) if body.hard else (other.limit, body.limit)
            if (soft or 0) > (hard or 0):
                raise bad_request(
                    "Invalid value for 'limit': expected a soft budget of at most the hard one for the same.",
                    code="overlapping_budgets",
                    param="limit",
                )
    name = body.scope, body.subject, body.period, body.hard
    if name not in account.budgets and len(account.budgets) >= MAX_BUDGETS:
        raise ApiError(409, f"An account has at most {MAX_BUDGETS} budgets.", code="too_many_budgets")


async def _change(
    request: Request,
    operator: Principal,
    key: IdempotencyKey,
    ports: BudgetPorts,
    body: BudgetName,
    unit: str,
    limit: int | None,
) -> Position:
    author = author_of(request, operator)
    asked = request_hash("budget", {**body.model_dump(include=set(BudgetName.model_fields)), "limit": limit})
    change = BudgetChanged(
        envelope=author.envelope(f"{operator.user_id}/budget/{key.value}/{asked}", BudgetChanged.__name__),
        account=body.account,
        scope=body.scope,
        subject=body.subject,
        period=body.period,
        hard=body.hard,
        unit=unit,
        limit=limit,
        request_hash=asked,
    )
    return await send(ports.log, ADMISSIONS, body.account, change, key)


async def _read(book: Book, at: Position, account: str) -> Account | None:
    try:
        await book.read_up_to(at.partition, at.offset + 1, READ_S)
    except LogUnavailable:
        raise unavailable("The budget is recorded, and not in force here yet. Look again.") from None
    return book.account(account)
