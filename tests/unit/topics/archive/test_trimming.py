from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.archived import TOPIC, in_batches, records_of
from topics.archive.trimming import compare, limit_of
from topics.errors import DamagedArchive

ASKED = "that was asked for"
offsets = st.integers(0, 100)


@given(offsets, offsets, offsets, st.dictionaries(st.sampled_from("abc"), offsets), st.sets(st.sampled_from("bcd")))
def test_nothing_is_trimmed_that_is_not_archived_or_still_to_be_read(
    low: int, wanted: int, archived: int, committed: dict[str, int], required: set[str]
) -> None:
    limit = limit_of(low, wanted, archived, committed, required, ASKED)
    assert limit.upto >= low
    if limit.upto > low:
        assert limit.upto <= min(wanted, archived, *committed.values(), 100)
        assert required <= committed.keys()


@pytest.mark.parametrize(
    ("wanted", "archived", "committed", "upto", "because"),
    [
        (50, 80, {"projections": 90}, 50, ASKED),
        (99, 80, {"projections": 90}, 80, "the archive ends there"),
        (99, 95, {"projections": 90, "metering": 85}, 85, "the consumer group metering has not read further"),
        (99, 95, {"metering": 99}, 10, "the consumer group projections has committed nothing yet"),
        (99, 0, {"projections": 99}, 10, "the archive ends there"),
    ],
)
def test_it_says_what_keeps_the_rest(
    wanted: int, archived: int, committed: dict[str, int], upto: int, because: str
) -> None:
    limit = limit_of(10, wanted, archived, committed, ("projections",), ASKED)
    assert (limit.upto, limit.because) == (upto, because)


def test_equal_records_are_counted_and_the_first_difference_is_named() -> None:
    records = records_of(5, 45)
    assert list(compare(TOPIC, 0, in_batches(records, 7), in_batches(records, 9))) == [40]
    assert list(compare(TOPIC, 0, [], [])) == [0]
    changes = [
        replace(records[12], value=b"x"),
        replace(records[12], key=None),
        replace(records[12], timestamp_ms=0),
        replace(records[12], headers=(("more", b""),)),
    ]
    others = [[*records[:12], change, *records[13:]] for change in changes]
    for other in (*others, [*records[:12], *records[13:]], records[:12]):
        for pair in ((records, other), (other, records)):
            with pytest.raises(DamagedArchive, match="hold different records") as caught:
                list(compare(TOPIC, 0, *map(in_batches, pair)))
            assert caught.value.offset == 17
