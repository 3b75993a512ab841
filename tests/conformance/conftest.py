"""What several suites of this folder are run on."""

from __future__ import annotations

import pytest

from infra.settings import Settings
from tests.conformance.api_reads import Open, memory_reads, real_reads


@pytest.fixture(params=["memory", pytest.param("cassandra", marks=pytest.mark.stack)])
def opened(request: pytest.FixtureRequest) -> Open:
    if request.param == "memory":
        return memory_reads
    settings: Settings = request.getfixturevalue("servers")
    return lambda: real_reads(settings)
