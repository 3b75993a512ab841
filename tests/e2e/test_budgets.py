"""Hard budgets on a whole stack: refused everywhere alike, ended to the token, and kept whatever is killed."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import httpx
import pytest

from infra.cli.budget_clients import Storm
from infra.cli.budget_storm import MUST_DIE, storm
from infra.cli.stack_file import connected_settings
from tests.e2e.stack import Stack
from tests.eventually import eventually_sync

pytestmark = pytest.mark.timeout(300)
MODEL = "verbatim-scripted"


def someone(stack: Stack, name: str) -> tuple[str, str]:
    """A user of their own: (id, key)."""
    made = stack.verbatim("key", "create", "--user", name)
    assert made.returncode == 0, made.stderr
    listed = json.loads(stack.verbatim("key", "list", "--json").stdout)
    return next(key["user_id"] for key in listed if key["user"] == name), made.stdout.strip()


def limited(stack: Stack, account: str, limit: int) -> None:
    body = {"account": account, "period": "total", "limit": limit}
    answer = httpx.put(f"{stack.url}/api/v1/admin/budgets", json=body, headers=_headers(stack.key), timeout=30)
    assert answer.status_code == 200, answer.text


def _headers(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


def chat(stack: Stack, key: str, count: int) -> httpx.Response:
    body = {"model": MODEL, "messages": [{"role": "user", "content": f"Count to {count}."}]}
    return httpx.post(f"{stack.url}/v1/chat/completions", json=body, headers=_headers(key), timeout=60)


@pytest.mark.slow("answers of two accounts, and their settlement")
def test_an_answer_ends_at_its_budget_and_the_next_is_refused_on_every_surface(stack: Stack) -> None:
    account, key = someone(stack, "thrifty")
    whole = chat(stack, stack.key, 40).json()  # another account's
    assert whole["choices"][0]["finish_reason"] == "stop"
    prompt = whole["usage"]["prompt_tokens"]
    limited(stack, account, prompt + 30)
    cut = chat(stack, key, 40).json()
    assert cut["choices"][0]["finish_reason"] == "length"
    assert cut["usage"]["completion_tokens"] == 30
    assert whole["choices"][0]["message"]["content"].startswith(cut["choices"][0]["message"]["content"])

    def settled() -> None:
        shown = httpx.get(f"{stack.url}/api/v1/budgets", headers=_headers(key), timeout=30).json()["budgets"][0]
        assert (shown["spent"], shown["leased"], shown["left"]) == (prompt + 30, 0, 0)

    eventually_sync(settled, 60)
    for path, body in (
        ("/v1/chat/completions", {"model": MODEL, "messages": [{"role": "user", "content": "hi"}]}),
        ("/v1/chat/completions", {"model": MODEL, "stream": True, "messages": [{"role": "user", "content": "hi"}]}),
        ("/v1/responses", {"model": MODEL, "input": "hi"}),
    ):
        refused = httpx.post(f"{stack.url}{path}", json=body, headers=_headers(key), timeout=60)
        assert (refused.status_code, refused.json()["error"]["code"]) == (429, "insufficient_quota"), refused.text
        assert refused.headers["x-should-retry"] == "false"
    limited(stack, account, 10_000)
    assert chat(stack, key, 5).json()["choices"][0]["finish_reason"] == "stop"


@pytest.mark.slow("streams on a budget for a few answers while processes are killed again and again")
def test_a_storm_on_a_small_budget_spends_it_to_the_token(stack: Stack, tmp_path: Path) -> None:
    account, key = someone(stack, "storm")
    usage = chat(stack, stack.key, 20).json()["usage"]  # another account's
    budget = 8 * usage["total_tokens"]
    limited(stack, account, budget)
    asked = Storm(account, key, MODEL, budget, streams=60, kills=10, seed=20261201, within_s=200, cancelling=0.2)
    judged = asyncio.run(storm(connected_settings(stack.state), stack.state, asked, lambda tally: None))
    assert judged.problems == [], f"{judged.tally}"
    assert sum(judged.tally.kills.values()) >= 10
    assert set(judged.tally.kinds) >= MUST_DIE
    assert judged.audit.granted
    assert judged.audit.denied + judged.tally.ends["insufficient_quota"]
