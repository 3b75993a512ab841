"""A log for all tests of replay: they fill and damage it as no agent of another test should have to read."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from infra.settings import Settings
from infra.stack.addresses import settings_env
from tests.stack_fixture import running_servers, settings_of


@pytest.fixture(scope="package")
def servers(servers: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """The session's servers, but with a Kafka of these tests' own."""
    if os.environ.get("STACK_STATE"):
        yield servers
        return
    elsewhere = servers.model_copy(update={"kafka": servers.kafka.model_copy(update={"bootstrap": ""})})
    state = tmp_path_factory.mktemp("replay") / "state"
    with ExitStack() as stack:
        with pytest.MonkeyPatch.context() as patch:
            for name, value in settings_env(elsewhere).items():
                patch.setenv(name, value)
            stack.enter_context(running_servers(state, kept=False))
        yield settings_of(state)
