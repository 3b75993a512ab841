"""/v1/moderations: what is asked, what the rules of the installation say, and what they say nothing of."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import openai
import pytest

from api.openai import moderations as route
from api.openai.moderation_requests import MAX_CHARACTERS, MAX_TEXTS
from api.openai.moderation_shapes import CATEGORIES
from infra.moderation.policy_file import load_policy
from tests.unit.api.sdk import sdk
from tests.unit.api.world import World

MODERATIONS = "/v1/moderations"
RULES = """
[[rule]]
id = "noted"
category = "hate"
decision = "allow"
phrases = ["mentioned"]

[[rule]]
id = "looked-at"
category = "violence"
decision = "review"
phrases = ["a fight"]

[[rule]]
id = "refused"
category = "self-harm/intent"
decision = "block"
phrases = ["the end"]

[[rule]]
id = "own"
category = "trade-secrets"
decision = "block"
phrases = ["project quince"]
"""


@pytest.fixture
def world(tmp_path: Path) -> World:
    file = tmp_path / "policy.toml"
    file.write_text(RULES)
    return World(policy=load_policy(file))


async def results(client: httpx.AsyncClient, said: object, **fields: Any) -> list[dict[str, Any]]:
    answer = await client.post(MODERATIONS, json={"input": said, **fields})
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["results"]
    for each in found:
        assert set(each["categories"]) == set(each["category_scores"]) == set(CATEGORIES)
        assert set(each["category_applied_input_types"]) == set(CATEGORIES)
        assert each["category_scores"] == {name: float(is_so) for name, is_so in each["categories"].items()}
    return found


def true_of(result: dict[str, Any]) -> list[str]:
    return [name for name, is_so in result["categories"].items() if is_so]


async def test_each_text_has_a_result_and_parts_have_one_together(alice: httpx.AsyncClient) -> None:
    texts = ["A  FIGHT broke out", "nothing", "this is the end", "mentioned"]
    found = await results(alice, texts)
    assert [(each["flagged"], true_of(each)) for each in found] == [
        (True, ["violence"]),
        (False, []),
        (True, ["self-harm/intent"]),
        (False, []),
    ]
    (together,) = await results(alice, [{"type": "text", "text": text} for text in texts])
    assert (together["flagged"], true_of(together)) == (True, ["self-harm/intent", "violence"])
    assert [true_of(each) for each in await results(alice, texts[0])] == [["violence"]]
    assert true_of((await results(alice, ""))[0]) == []


async def test_what_no_rule_is_about_is_said_to_be_judged_by_nobody(world: World, alice: httpx.AsyncClient) -> None:
    answer = await alice.post(MODERATIONS, json={"input": "a fight"})
    (result,) = answer.json()["results"]
    judged = {"hate", "violence", "self-harm/intent"}
    assert {name for name, types in result["category_applied_input_types"].items() if types == ["text"]} == judged
    assert answer.headers[route.NOT_JUDGED_HEADER].split(", ") == [name for name in CATEGORIES if name not in judged]
    assert answer.json()["model"] == f"verbatim-rules-{world.policy.version}"
    assert answer.json()["id"].startswith("modr-")


async def test_a_category_of_the_installations_own_flags_and_stands_in_no_map(alice: httpx.AsyncClient) -> None:
    (found,) = await results(alice, "tell me of Project Quince")
    assert (found["flagged"], true_of(found)) == (True, [])


async def test_long_texts_are_judged_beside_the_loop_and_alike(
    world: World, alice: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(route, "WAIT_S", 0.05)
    long = "word " * route.INLINE_CHARACTERS + "a fight"
    assert true_of((await results(alice, long))[0]) == ["violence"]
    ports: route.ModerationPorts = world.app.state.ports[route.ModerationPorts]
    async with ports.long.entered(1), ports.long.entered(1):
        busy = await alice.post(MODERATIONS, json={"input": long})
        assert (busy.status_code, busy.json()["error"]["code"]) == (503, "overloaded")
        assert int(busy.headers["retry-after"]) > 0
        assert true_of((await results(alice, "a fight"))[0]) == ["violence"]


@pytest.mark.parametrize(
    ("said", "param", "code"),
    [
        (7, "input", "invalid_type"),
        ([], "input", "array_below_min_length"),
        (["a"] * (MAX_TEXTS + 1), "input", "array_above_max_length"),
        (["a", 7], "input[0]", "invalid_type"),
        ([{"type": "text", "text": "a"}, "b"], "input[1]", "invalid_type"),
        ([{"type": "image_url", "image_url": {"url": "x"}}], "input[0]", "unsupported_parameter"),
        ([{"type": "audio"}], "input[0].type", "invalid_value"),
        ([{"type": "text", "text": 7}], "input[0].text", "invalid_type"),
        ([{"type": "text", "text": "a", "more": 1}], "input[0]", "invalid_value"),
        ("a" * (MAX_CHARACTERS + 1), "input", "string_above_max_length"),
        (["a", "a" * (MAX_CHARACTERS + 1)], "input[1]", "string_above_max_length"),
        ([{"type": "text", "text": "a" * (MAX_CHARACTERS + 1)}], "input[0].text", "string_above_max_length"),
    ],
)
async def test_what_cannot_be_judged_is_refused_by_name(
    alice: httpx.AsyncClient, said: object, param: str, code: str
) -> None:
    answer = await alice.post(MODERATIONS, json={"input": said})
    error = answer.json()["error"]
    assert (answer.status_code, error["param"], error["code"]) == (400, param, code)


async def test_a_model_that_there_is_not_is_a_404(alice: httpx.AsyncClient) -> None:
    answer = await alice.post(MODERATIONS, json={"input": "a", "model": "gpt"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "model_not_found")


async def test_the_openai_client_reads_it(world: World) -> None:
    async with sdk(world) as client:
        made = await client.moderations.create(input=["a fight", "x"], model="omni-moderation-latest")
        assert [each.flagged for each in made.results] == [True, False]
        assert made.results[0].categories.violence is True
        assert made.results[0].category_applied_input_types.violence == ["text"]
        with pytest.raises(openai.BadRequestError):
            await client.moderations.create(input=[])
