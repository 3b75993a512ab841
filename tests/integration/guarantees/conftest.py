"""One stack for all tests of the guarantees: it is gone before other tests start processes of the same groups."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from infra.settings import Settings
from tests.integration.guarantees.world import SECOND, Whole, whole_stack
from tests.integration.prefixed import prefixed


@pytest.fixture(scope="package")
def whole(servers: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Whole]:
    """Everything, with two replicas of the api."""
    with whole_stack(prefixed(servers, "whole"), tmp_path_factory.mktemp("guarantees")) as whole:
        whole.start(SECOND)
        whole.ready(SECOND)
        yield whole
