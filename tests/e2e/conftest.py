"""The whole product, started once for these tests the way a user starts it, and gone before others begin."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.e2e.client import Client
from tests.e2e.stack import Stack, running_stack


@pytest.fixture(scope="package")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """One stack for all of them."""
    with running_stack(tmp_path_factory.mktemp("e2e")) as running:
        yield running


@pytest.fixture
def client(stack: Stack) -> Iterator[Client]:
    """Signed in with the stack's first key."""
    with Client(stack) as opened:
        yield opened
