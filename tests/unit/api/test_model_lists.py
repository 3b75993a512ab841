"""The lists of models: which are offered, and which are older names of others."""

from __future__ import annotations

import httpx
import orjson
import pytest

from infra.settings.processes import ApiSettings
from tests.unit.api.world import World


async def test_an_older_name_says_so_and_what_it_costs(alice: httpx.AsyncClient) -> None:
    listed = {model["id"]: model for model in (await alice.get("/v1/models")).json()["data"]}
    assert listed["verbatim-local"]["deprecated"] is True
    assert listed["verbatim-local"]["price"] == {"currency": "USD", "input": 0.1, "output": 0.4}
    assert "deprecated" not in listed["verbatim-scripted"]
    assert (await alice.get("/v1/models/verbatim-local")).json() == listed["verbatim-local"]


async def test_the_page_learns_which_models_are_offered(alice: httpx.AsyncClient) -> None:
    models = (await alice.get("/api/v1/models")).json()["data"]
    assert {model["id"]: (model["listed"], model["deprecated"]) for model in models} == {
        "verbatim-local": (True, True),
        "verbatim-local-llmapi": (True, True),
        "verbatim-scripted": (False, False),
    }
    assert [model["id"] for model in models if model["default"]] == ["verbatim-local"]


async def test_the_page_learns_who_makes_titles(
    alice: httpx.AsyncClient, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert (await alice.get("/api/v1/models")).json()["titles"] is None
    models = world.adapters.models
    monkeypatch.setattr(models, "titles", models.get("verbatim-local"))
    assert (await alice.get("/api/v1/models")).json()["titles"] == "verbatim-local"


async def test_the_page_learns_what_the_installation_offers_to_begin_with() -> None:
    for starts in ((), ("Who is on call?", "How do I book leave?")):
        world = World(ApiSettings(read_wait_s=0.2, disconnect_grace_s=0, starts=starts))
        async with world.client(world.add_key("alice", "a")) as alice:
            assert (await alice.get("/api/v1/models")).json()["starts"] == list(starts)


async def test_a_model_that_one_may_not_use_is_not_there(world: World, alice: httpx.AsyncClient) -> None:
    """Not in lists, and not by its name: it is answered as one that nobody has."""
    limits = {"models": ["verbatim-scripted"]}
    key = (await alice.post("/api/v1/keys", json={"limits": limits})).json()["key"]
    async with world.client(key) as some:
        assert [model["id"] for model in (await some.get("/v1/models")).json()["data"]] == ["verbatim-scripted"]
        chat = (await some.post("/api/v1/conversations", json={"model": "verbatim-scripted"})).json()["id"]
        said = {"role": "user", "content": "hi"}
        for method, path, body in (
            ("GET", "/v1/models/{model}", None),
            ("POST", "/api/v1/conversations", {"model": "{model}"}),
            ("PUT", f"/api/v1/conversations/{chat}/settings", {"model": "{model}"}),
            ("PATCH", "/api/v1/settings", {"settings": {"default_model": "{model}"}}),
            ("POST", f"/api/v1/conversations/{chat}/messages", {"model": "{model}", "content": "hi"}),
            ("POST", "/v1/chat/completions", {"model": "{model}", "messages": [said]}),
            ("POST", "/v1/completions", {"model": "{model}", "prompt": "hi"}),
            ("POST", "/v1/responses", {"model": "{model}", "input": "hi"}),
            ("POST", "/v1/responses/compact", {"model": "{model}", "input": "hi"}),
            ("POST", "/v1/embeddings", {"model": "{model}", "input": "hi"}),
        ):
            told = []
            for model in ("verbatim-local", "verbatim-other"):
                content = None if body is None else orjson.dumps(body).replace(b"{model}", model.encode())
                answer = await some.request(
                    method,
                    path.replace("{model}", model),
                    content=content,
                    headers={"Content-Type": "application/json"},
                )
                told.append((answer.status_code, answer.text.replace(model, "?")))
            assert told[0] == told[1], path
            assert told[0][0] in (400, 404), path
