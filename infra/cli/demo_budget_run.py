"""The budget demo: a new user with a budget, the storm on it, and what it comes to. `course` and below are pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from infra.cassandra.errors import StoreError
from infra.cli.budget_clients import Storm, Tally
from infra.cli.budget_log import Named, change, opened, standing
from infra.cli.budget_storm import KINDS, MUST_DIE, Judged, storm
from infra.cli.demo_check import Finding
from infra.cli.demo_screen import Screen
from infra.cli.demo_table import Row
from infra.cli.keys_accounts import Accounts, NewKey, connected_rows
from infra.cli.plot import Line, svg
from infra.cli.stack_file import connected_settings, running_stack
from infra.cli.terminal import UserError
from infra.cli.users_accounts import Identities
from infra.cli.words import tiers_of
from infra.ids import draw_id
from infra.settings import Settings
from infra.settings.servers import CassandraSettings, KafkaSettings
from schemas.admission import TOKENS
from topics.admission.account import Account
from topics.admission.audit import Placed
from topics.errors import LogError

MODEL = "verbatim-scripted"
"""It counts exactly, and costs little."""

CANCELLING = 0.15
"""The share of clients that cancel their answer."""
MANY_KILLS = 20
KILL_EVERY_S = 0.7
ANSWER_TOKENS = 70
LEAST_PACE = 0.5


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is asked for. `tokens`: the budget. `plot`: the file of the picture."""

    streams: int
    kills: int
    seed: int
    tokens: int
    limit_s: float
    plot: Path


async def run(state: Path, own: bool, wanted: Wanted, screen: Screen) -> Judged:
    """Let it happen, with a table of it. Raises UserError."""
    settings = settings_of(state, own)
    account, key = await new_user(settings, "demo-budget")
    await change(settings, Named(account, "account", "", "total", True), TOKENS, wanted.tokens)
    asked = Storm(
        account,
        key,
        MODEL,
        wanted.tokens,
        wanted.streams,
        wanted.kills,
        wanted.seed,
        within_s=wanted.limit_s,
        cancelling=CANCELLING,
        pace=pace_of(wanted.kills),
    )
    screen.happened(f"{wanted.streams} streams on {wanted.tokens} tokens, {wanted.kills} kills, seed {wanted.seed}")
    try:
        async with opened(settings) as (book, _):
            with screen.table("the budget, as the log has it") as shown:

                def say(tally: Tally) -> None:
                    found = book.account(account)
                    now = {} if found is None else standing(book, next(iter(found.budgets.values())))
                    shown.show(rows(wanted, now, tally))

                return await storm(settings, state, asked, say)
    except TimeoutError:
        raise UserError(f"the streams did not end in {wanted.limit_s:g} s: see ./verbatim status") from None


def pace_of(kills: int) -> float:
    """Tokens a second with which an answer lasts about as long as so many kills take: they are to strike amid streams.
    For a few kills, 0: as fast as the model likes."""
    return 0.0 if kills < MANY_KILLS else max(ANSWER_TOKENS / (kills * KILL_EVERY_S), LEAST_PACE)


def settings_of(state: Path, own: bool) -> Settings:
    """Settings that reach the demo's stack. Raises UserError."""
    settings = connected_settings(state)
    if not own:
        return settings
    # A stack of the demo's own knows nothing of the servers that the user's settings name.
    stack = running_stack(state)
    kafka = KafkaSettings(bootstrap=stack.kafka_bootstrap, prefix=stack.kafka_prefix)
    cassandra = CassandraSettings(
        contact_points=(stack.cassandra_host,), port=stack.cassandra_port, keyspace=stack.keyspace
    )
    return settings.model_copy(update={"kafka": kafka, "cassandra": cassandra})


async def new_user(settings: Settings, kind: str, tier: str | None = None) -> tuple[str, str]:
    """A new user of this tier: id and key. Raises UserError."""
    name, keys = f"{kind}-{draw_id()[-8:]}", list[NewKey]()
    try:
        async with connected_rows(settings) as (log, rows):
            if tier is not None:
                await Identities(log, rows, lambda: tiers_of(settings)).create_user(name, "", (), tier)
            accounts = Accounts(log, rows)
            # Once the key can be read, so can what was said of its user before.
            await accounts.create_key(name, kind, keys.append)
            return await accounts.user_named(name), keys[0].secret
    except (LogError, StoreError) as error:
        raise UserError(f"{error}. See ./verbatim status") from None


@dataclass(frozen=True, slots=True)
class Standing:
    """How the budget stood after a record, in tokens. `at_s`: since the account's first record."""

    at_s: float
    spent: int
    leased: int


def course(placed: Sequence[Placed]) -> list[Standing]:
    """How the first budget of one account stood over time: its records folded again."""
    account, found = Account(), list[Standing]()
    for entry in placed:
        account.apply(entry.record, entry.position, entry.at_us)
        if account.budgets:
            budget = next(iter(account.budgets.values()))
            spent, leased, _ = account.standing(budget, account.moment)
            found.append(Standing((entry.at_us - placed[0].at_us) / 1e6, spent, leased))
    return found


def rows(wanted: Wanted, now: dict[str, Any], tally: Tally) -> list[Row]:
    """The live table."""
    return [
        ("budget", f"{wanted.tokens} tokens"),
        ("spent", str(now.get("spent", 0))),
        ("open leases", str(now.get("leased", 0))),
        ("left", str(now.get("left", wanted.tokens))),
        ("streams open", f"{tally.open} of {wanted.streams}, {tally.tries} requests"),
        ("ended", _counts(tally.ends)),
        ("killed", _counts(tally.kills)),
    ]


def picture(wanted: Wanted, judged: Judged) -> str:
    """Spent, and spent with open leases, against the budget."""
    stood = course(judged.placed)
    end_s = stood[-1].at_s if stood else 0.0
    return svg(
        f"{wanted.streams} streams on a budget of {wanted.tokens} tokens, {sum(judged.tally.kills.values())} kills",
        "tokens",
        [
            Line("spent", [(each.at_s, each.spent) for each in stood], steps=True),
            Line("spent + open leases", [(each.at_s, each.spent + each.leased) for each in stood], steps=True),
            Line("budget", [(0.0, wanted.tokens), (end_s, wanted.tokens)], dashed=True),
        ],
    )


def findings(wanted: Wanted, judged: Judged) -> tuple[Finding, ...]:
    """The verdicts."""
    most = max((each.spent + each.leased for each in course(judged.placed)), default=0)
    killed = sum(judged.tally.kills.values())
    decided = judged.audit
    return (
        Finding("spent and leased never exceed the budget", most <= wanted.tokens, f"{most} of {wanted.tokens}"),
        Finding(
            "every decision of the log is right, and budget, outcomes and ledger agree",
            not judged.problems,
            f"{judged.spent} spent, {decided.granted} leases, {decided.extensions} extensions, "
            f"{decided.denied} refused, {len(judged.problems)} problems",
        ),
        Finding(
            "as many kills as asked for, of each kind",
            killed >= wanted.kills and (wanted.kills < len(KINDS) or set(judged.tally.kinds) >= MUST_DIE),
            f"{_counts(judged.tally.kinds)}; {judged.tally.amid} of {killed} while streams were open",
        ),
    )


def document(wanted: Wanted, judged: Judged, found: Sequence[Finding]) -> dict[str, Any]:
    """All of it as JSON has it."""
    return {
        "holds": all(finding.holds for finding in found),
        "streams": wanted.streams,
        "seed": wanted.seed,
        "budget": wanted.tokens,
        "spent": judged.spent,
        "left": judged.left,
        "ended": dict(judged.tally.ends),
        "cancelled": judged.tally.cancels,
        "killed": dict(judged.tally.kills),
        "killed_by_kind": dict(judged.tally.kinds),
        "killed_amid_streams": judged.tally.amid,
        "open_leases": judged.audit.open_leases,
        "findings": [asdict(finding) for finding in found],
        "problems": judged.problems,
        "plot": str(wanted.plot),
    }


def _counts(counted: Counter[str]) -> str:
    return ", ".join(f"{count} {name}" for name, count in sorted(counted.items())) or "none"
