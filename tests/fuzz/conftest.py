"""One stack for the fuzz run and the trials of the gate, as a user starts it, its upstream in a thread of its own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.e2e.stack import Stack
from tests.fuzz.upstream import Upstream, serving
from tests.fuzz.world import fuzzed_stack

World = tuple[Stack, Upstream]


@pytest.fixture(scope="package")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """The stack, and the upstream of its models."""
    folder = tmp_path_factory.mktemp("fuzz")
    with serving({}) as upstream, fuzzed_stack(folder, upstream.address, kept=False) as stack:
        yield stack, upstream
