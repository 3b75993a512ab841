"""A log for all tests of replay: they fill and damage it as no agent of another test should have to read."""

from __future__ import annotations

import pytest

from infra.settings import Settings
from tests.integration.prefixed import prefixed


@pytest.fixture(scope="package")
def servers(servers: Settings) -> Settings:
    """The session's servers, for an installation of these tests' own."""
    return prefixed(servers, "replay")
