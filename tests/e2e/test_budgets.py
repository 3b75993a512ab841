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
from infra.planted import Planted, plant
from schemas.usage import EmbeddingsComputed
from tests.e2e.stack import Stack
from tests.eventually import eventually_sync
from topics.catalogue import USAGE_RECORDS, catalogue
from topics.counts import on_broker
from topics.scan import scan, watermarks

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


def embed(stack: Stack, key: str, text: str = "Why is the sky blue?", repeat: str | None = None) -> httpx.Response:
    headers = _headers(key) | ({} if repeat is None else {"Idempotency-Key": repeat})
    body = {"model": "verbatim-embedding", "input": text}
    return httpx.post(f"{stack.url}/v1/embeddings", json=body, headers=headers, timeout=60)


def standing(stack: Stack, key: str) -> tuple[int, int, int]:
    shown = httpx.get(f"{stack.url}/api/v1/budgets", headers=_headers(key), timeout=30).json()["budgets"][0]
    return shown["spent"], shown["leased"], shown["left"]


def billed(stack: Stack, account: str) -> list[int]:
    """The tokens of each request for embeddings that an account was billed."""
    settings = connected_settings(stack.state)
    properties = settings.kafka.client_properties()
    bills: dict[str, int] = {}
    for partition in range(on_broker(properties, catalogue())[USAGE_RECORDS].partitions):
        for message in scan(properties, USAGE_RECORDS, partition, *watermarks(properties, USAGE_RECORDS, partition)):
            record = USAGE_RECORDS.decode(message.value())
            if isinstance(record, EmbeddingsComputed) and record.user_id == account:
                assert bills.setdefault(record.embedding_id, record.usage.prompt_tokens) == record.usage.prompt_tokens
    return list(bills.values())


def struck(stack: Stack, role: str, point: str) -> None:
    """Start a process of a role again, which will die at this point."""
    name = next(one["name"] for one in stack.description["children"] if one["role"] == role)
    plant(stack.state / "run", name, Planted(point))
    done = stack.verbatim("restart", role)
    assert done.returncode == 0, done.stdout + done.stderr


def audited(stack: Stack) -> None:
    done = stack.verbatim("usage", "audit")
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.slow("embeddings of an account, and their bills")
def test_embeddings_spend_a_budget_to_the_token_and_are_then_refused(stack: Stack) -> None:
    account, key = someone(stack, "searcher")
    tokens = embed(stack, stack.key).json()["usage"]["prompt_tokens"]  # another account's
    limited(stack, account, 3 * tokens - 1)
    for spent in (tokens, 2 * tokens):
        assert embed(stack, key, repeat=f"key {spent}").status_code == 200
        assert standing(stack, key) == (spent, 0, 3 * tokens - 1 - spent)
    refused = embed(stack, key)
    assert (refused.status_code, refused.json()["error"]["code"]) == (429, "insufficient_quota"), refused.text
    assert refused.headers["x-should-retry"] == "false"
    again = embed(stack, key, repeat=f"key {tokens}")
    assert (again.status_code, again.headers["Idempotent-Replayed"]) == (200, "true")
    eventually_sync(lambda: billed(stack, account) == [tokens, tokens], 30)
    assert standing(stack, key) == (2 * tokens, 0, tokens - 1)
    eventually_sync(lambda: audited(stack), 30)


@pytest.mark.timeout(600)
@pytest.mark.slow("a lease has to be given up: the model's deadline and half a minute")
def test_an_api_that_dies_with_a_lease_leaves_it_to_be_given_up(stack: Stack) -> None:
    account, key = someone(stack, "unlucky")
    tokens = embed(stack, stack.key).json()["usage"]["prompt_tokens"]  # another account's
    limited(stack, account, 2 * tokens)
    struck(stack, "api", "api.before_embeddings_settled")
    with pytest.raises(httpx.TransportError):
        embed(stack, key, repeat="mine")
    eventually_sync(lambda: standing(stack, key) == (0, tokens, tokens), 60)
    # The next one dies after it has settled its lease, before it answers; and metering before it bills that.
    struck(stack, "metering", "metering.before_embeddings")
    struck(stack, "api", "api.after_embeddings_settled")
    with pytest.raises(httpx.TransportError):
        embed(stack, key, repeat="mine")
    eventually_sync(lambda: standing(stack, key)[0] == tokens, 60)
    again = embed(stack, key, repeat="mine")
    assert (again.status_code, again.headers["Idempotent-Replayed"]) == (200, "true")
    eventually_sync(lambda: billed(stack, account) == [tokens], 60)
    eventually_sync(lambda: standing(stack, key) == (tokens, 0, tokens), 150)
    assert embed(stack, key, repeat="another").status_code == 200
    eventually_sync(lambda: billed(stack, account) == [tokens, tokens], 30)
    eventually_sync(lambda: audited(stack), 30)


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
