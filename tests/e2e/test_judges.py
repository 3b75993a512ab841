"""What others wrote to judge servers like this one, and clients of others, find nothing wrong."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from infra.cache import cache_dir
from tests.e2e.stack import Stack
from tests.judging.environment import JUDGES, SUITES, Judged, Verdict, judge, script, suite
from tests.judging.node_packages import JUDGES_IN_NODE, judge_in_node

pytestmark = [
    pytest.mark.stack,
    pytest.mark.slow("suites of others, against a whole stack"),
    pytest.mark.timeout(320),
]

MODEL = "verbatim-scripted"
SKIPPED_BY_LLM_COMPLY = {"chat-reasoning-summary", "reasoning-summary"}
"""It runs these for models of certain names alone."""
NOT_CLAIMED = {
    "Model override not supported": 4,  # a second model is another entry, no parameter
    "Model does not support PDF inputs": 1,
    "Model does not support audio inputs": 1,
    "Model does not support image message": 1,  # the suite fetches its picture from elsewhere
    "Model does not support image tool message": 1,
    "Model does not support PDF tool message": 1,
    "Model does not explicitly support Anthropic inputs": 1,
    "VCR not set up": 1,
}
"""Why LangChain's tests are passed over, and how many are."""


@pytest.fixture(scope="module", autouse=True)
def fetched() -> None:
    """The judges are there: that takes minutes, once."""
    JUDGES.fetch(cache_dir(), print)
    JUDGES_IN_NODE.fetch()


@pytest.fixture
def judged(stack: Stack) -> Judged:
    return Judged(stack.url, stack.key, MODEL)


@pytest.mark.parametrize("dialect", ["openai-chat", "open-responses"])
def test_llm_comply(judged: Judged, dialect: str) -> None:
    asked = ["--format", dialect, "-u", judged.url, "-k", judged.key, "-m", MODEL, "--json"]
    verdict = judge(judged, [script("llm-comply"), *asked])
    found = {test["id"]: test for test in json.loads(verdict.output)["results"]}
    assert {name: test.get("errors") for name, test in found.items() if test["status"] == "failed"} == {}
    assert {name for name, test in found.items() if test["status"] != "passed"} <= SKIPPED_BY_LLM_COMPLY
    assert verdict.status == 0
    assert len(found) == {"openai-chat": 9, "open-responses": 13}[dialect]


@pytest.mark.parametrize("mode", ["TestChatCompletions", "TestResponses"])
def test_langchain(judged: Judged, mode: str) -> None:
    verdict = judge(judged, suite("langchain_suite.py", mode))
    _passed(verdict)
    skipped = re.findall(r"^SKIPPED \[(\d+)\] .*?: (.*?)\.?$", verdict.output, re.MULTILINE)
    found: dict[str, int] = {}
    for count, reason in skipped:
        found[reason] = found.get(reason, 0) + int(count)
    assert found == NOT_CLAIMED


@pytest.mark.parametrize("name", ["openai_suite.py", "agents_suite.py"])
def test_clients_in_python(judged: Judged, name: str) -> None:
    verdict = judge(judged, suite(name))
    _passed(verdict)
    assert "skipped" not in verdict.output


def test_the_official_client_in_node(judged: Judged, tmp_path: Path) -> None:
    verdict = judge_in_node(judged, SUITES / "node" / "openai_suite.mjs", tmp_path)
    _passed(verdict)
    assert "# fail 0" in verdict.output
    assert "# pass 7" in verdict.output


def _passed(verdict: Verdict) -> None:
    assert verdict.status == 0, verdict.output[-8000:] + verdict.complaints[-2000:]
