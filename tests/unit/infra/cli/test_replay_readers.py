"""What trimming believes of the consumer groups is what their processes do."""

from __future__ import annotations

import importlib
from collections import defaultdict
from typing import Any

import pytest

from infra.cli.replay.readers import groups_of
from infra.models.catalogue import ModelCatalogue
from infra.moderation.policy import Policy
from infra.settings import load
from streams.recorder.shell import GROUP
from topics.catalogue import GENERATION_OUTCOMES, TOKEN_CHUNKS, catalogue, jobs_topic


def test_every_topic_of_an_agent_knows_its_group(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VERBATIM_KAFKA__BOOTSTRAP", "127.0.0.1:1")
    settings, models = load(), ModelCatalogue.load(())
    found: dict[str, set[str]] = defaultdict(set)

    def noted(app: Any, topics: tuple[str, ...], *_: object, **__: object) -> None:
        for topic in topics:
            found[topic].add(app.conf.id)

    for module, maker, arguments in (
        ("streams.conversation.agent", "make_conversation_app", (models, Policy("none", ()), None)),
        ("streams.metering.agent", "make_metering_app", ()),
        ("streams.watchdog.agent", "make_watchdog_app", (models,)),
        ("projections.agent", "make_projections_app", ()),
    ):
        loaded = importlib.import_module(module)
        monkeypatch.setattr(loaded, "run_agent", noted)
        getattr(loaded, maker)(settings, *arguments)
    found[TOKEN_CHUNKS].add(GROUP)
    # For titles and lanes it wants the outcomes of the last minute alone: nothing waits for it.
    found[GENERATION_OUTCOMES].remove("verbatim-conversation")
    for spec in catalogue():
        if not spec.name.startswith("generation-jobs."):
            assert set(groups_of(spec.name)) == found[spec.name], spec.name


def test_a_pool_s_jobs_are_read_by_its_workers() -> None:
    assert groups_of(jobs_topic("large.gpu", "interactive")) == ("verbatim-workers-large.gpu",)
