"""Processes of the release before beside today's: what they do not know stops them, and nobody loses anything.

"Old" is today's code that knows no schema of the newest write level (infra.planted).
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from infra.cli.demo_older import newest_before
from infra.planted import Planted, plant
from schemas.registry import WRITE_LEVEL
from tests.e2e.client import Client, Frame, text_of
from tests.e2e.stack import ROOT, Stack, running_stack
from tests.eventually import eventually_sync

pytestmark = pytest.mark.timeout(300)
PROMISES = 15
MODELS = f"""
[[model]]
id = "hasty"
engine = "triton"
upstream_model = "tensorrt_llm_bls"
dialect = "trtllm_engine"
text_mode = "delta"
context_tokens = 16384
tokenizer = "{ROOT}/infra/data/tokenizers/verbatim.json"
chat_template = "{ROOT}/infra/data/verbatim.jinja"
price = {{ version = "1", currency = "USD", input = "1", output = "1" }}
deadlines = {{ first_token_s = 1, inter_token_s = 1, total_s = 1 }}
"""


@pytest.fixture(scope="module")
def skewed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A stack with a model that nobody may wait long for."""
    folder = tmp_path_factory.mktemp("skew")
    models = folder / "models.toml"
    models.write_text(MODELS)
    with running_stack(folder, ("--models", str(models)), kept=False) as running:
        yield running


def children(stack: Stack) -> dict[str, dict[str, Any]]:
    shown = json.loads(stack.verbatim("status", "--json").stdout)
    return {child["name"]: child for child in shown["children"]}


def is_well(stack: Stack) -> bool:
    answer = httpx.get(f"{stack.url}/health", timeout=10)
    return (answer.status_code, answer.json()["roles"]) == (200, {})


@pytest.mark.slow("a process is restarted until it is up again")
@pytest.mark.parametrize("role", ["conversation", "watchdog", "projector", "recorder", "api", "worker"])
def test_an_old_process_stops_and_loses_nothing(skewed: Stack, role: str) -> None:
    done = skewed.verbatim("demo", "upgrade", "--old", role, "--numbers", "20", "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    report = json.loads(done.stdout)
    assert report["holds"] is True
    assert "this record was written by a newer release" in report["stopped"]["told"]
    assert len(report["findings"]) == PROMISES - (role == "api")
    eventually_sync(lambda: is_well(skewed), 5)


@pytest.mark.slow("deadlines have to pass")
def test_turns_past_their_deadline_end_as_failures_that_may_be_tried_again(skewed: Stack) -> None:
    for name in ("spare-0", "worker-0"):
        plant(skewed.state / "run", name, Planted(newest_schema=newest_before()))
    assert skewed.verbatim("restart", "worker").returncode == 0
    (skewed.state / "run" / "worker-0.fault").unlink(missing_ok=True)
    with Client(skewed) as client, ThreadPoolExecutor(1) as threads:
        late = client.new_conversation(model="hasty")["id"]
        patient = client.new_conversation(model="verbatim-local")["id"]
        waiting = threads.submit(client.ask, patient, "Count from 1 to 20.")
        ended = client.ask(late, "Count from 1 to 20.")
        assert ended[-1].event == "error"
        assert ended[-1].data["retryable"] is True, ended[-1]
        assert "generation-jobs.default." in children(skewed)["worker-0"]["trouble"]
        (message,) = [one for one in messages(client, late) if one["role"] == "assistant"]
        assert message["status"] == "failed"
        assert not waiting.done()
        assert skewed.verbatim("restart", "worker-0").returncode == 0
        frames = waiting.result(60)
    assert_whole(frames)


def test_the_level_is_kept_and_raised_by_finishing(skewed: Stack) -> None:
    assert (skewed.state / "write-level").read_text() == f"{WRITE_LEVEL}\n"
    shown = json.loads(skewed.verbatim("upgrade", "status", "--json").stdout)
    assert (shown["writes"], shown["newest"], shown["older"]) == (WRITE_LEVEL, WRITE_LEVEL, [])
    assert {"verbatim-recorder", "verbatim-conversation"} <= {member["group"] for member in shown["members"]}
    assert "nothing was changed" in skewed.verbatim("upgrade", "finish").stdout


def messages(client: Client, conversation: str) -> list[dict[str, Any]]:
    """All of a conversation's, once none runs any more."""
    found: list[dict[str, Any]] = []

    def all_ended() -> bool:
        found[:] = client.get(f"/api/v1/conversations/{conversation}/messages").json()["data"]
        return len(found) > 1 and all(message["status"] != "running" for message in found)

    eventually_sync(all_ended, 30)
    return found


def assert_whole(frames: list[Frame]) -> None:
    assert frames[-1].event == "message_end", frames[-1]
    assert ", ".join(map(str, range(1, 21))) in text_of(frames)
