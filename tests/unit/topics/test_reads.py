from __future__ import annotations

import pytest

from schemas.registry import WRITE_LEVEL
from topics.reads import level_read_by, reading_id


def test_a_consumer_says_what_its_release_reads() -> None:
    assert level_read_by(reading_id("verbatim-recorder")) == WRITE_LEVEL


@pytest.mark.parametrize("client_id", ["verbatim-recorder", "rdkafka", "", "x.reads-", "x.reads-9999999", "x.reads-2."])
def test_one_that_does_not_is_of_the_first_release(client_id: str) -> None:
    assert level_read_by(client_id) == 1
