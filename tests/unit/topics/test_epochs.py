"""A topic that was grown: a key's records stay in their order across every seam, and nobody takes it for another."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from projections.order import order_key
from topics.catalogue import CONVERSATION_EVENTS, Catalogue, catalogue, shadow_topic
from topics.counts import with_counts
from topics.epochs import BadSeams, Layout, Mark, mark_of, marks_in, seams_of, without_marks
from topics.naming import Names

widths = st.lists(st.integers(1, 40), min_size=1, max_size=6)
keys = st.text(min_size=1, max_size=20)


def layout_of(widths: list[int]) -> Layout:
    edges = [sum(widths[:n]) for n in range(1, len(widths) + 1)]
    return Layout(edges[-1], tuple(edges[:-1]))


@given(widths, keys)
def test_a_key_has_one_partition_an_epoch_and_is_written_to_the_newest(widths: list[int], key: str) -> None:
    layout = layout_of(widths)
    places = layout.partitions_of(key)
    assert [layout.epoch_of(partition) for partition in places] == list(range(len(widths)))
    assert layout.partition(key) == places[-1]
    assert layout.epoch == layout.epoch_of(places[-1]) == len(widths) - 1


@given(widths)
def test_every_partition_belongs_to_one_epoch(widths: list[int]) -> None:
    layout = layout_of(widths)
    assert [len(span) for span in layout.spans()] == widths
    assert [p for span in layout.spans() for p in span] == list(range(layout.partitions))


@given(widths, st.integers(1, 40), keys)
def test_growing_moves_no_record(before: list[int], more: int, key: str) -> None:
    old, new = layout_of(before), layout_of([*before, more])
    assert new.partitions_of(key)[:-1] == old.partitions_of(key)
    assert all(old.epoch_of(partition) == new.epoch_of(partition) for partition in range(old.partitions))


@given(st.data())
def test_the_order_of_a_keys_records_is_that_of_their_writing(data: st.DataObject) -> None:
    """Written epoch by epoch, by a log that knows of each seam only from when it is there."""
    grown = data.draw(widths)
    written: dict[str, list[tuple[int, int]]] = {}
    ends: dict[int, int] = {}
    for epochs in range(1, len(grown) + 1):
        layout = layout_of(grown[:epochs])
        for key in data.draw(st.lists(st.sampled_from(["a", "b", "c", "d"]), max_size=12)):
            partition = layout.partition(key)
            written.setdefault(key, []).append((partition, ends.setdefault(partition, 0)))
            ends[partition] += 1
    layout = layout_of(grown)
    topics = with_layout(layout)
    for key, places in written.items():
        assert {partition for partition, _ in places} <= set(layout.partitions_of(key))
        assert places == sorted(places), "read partition by partition they come as they were written"
        rows = [order_key(topics.position(CONVERSATION_EVENTS, *place)) for place in places]
        assert rows == sorted(set(rows)), "and so do their rows"


def with_layout(layout: Layout) -> Catalogue:
    marks = [Mark(CONVERSATION_EVENTS, n, first).name for n, first in enumerate(layout.seams, 1)]
    return with_counts(catalogue(), {CONVERSATION_EVENTS: layout.partitions, **dict.fromkeys(marks, 1)})


@given(widths, keys)
def test_the_broker_tells_where_epochs_begin(widths: list[int], key: str) -> None:
    layout = layout_of(widths)
    topics = with_layout(layout)
    assert topics[CONVERSATION_EVENTS].layout == layout
    assert topics.partition(CONVERSATION_EVENTS, key) == layout.partition(key)
    assert topics.partitions_of(CONVERSATION_EVENTS, key) == layout.partitions_of(key)


@given(widths)
def test_an_interrupted_growth_is_none(widths: list[int]) -> None:
    """The mark comes first: as long as its partitions are missing, every key stays where it was."""
    layout = layout_of(widths)
    marks = [Mark("t", n, first) for n, first in enumerate((*layout.seams, layout.partitions), 1)]
    assert seams_of("t", marks, layout.partitions) == layout.seams
    assert seams_of("t", marks, layout.partitions + 1) == (*layout.seams, layout.partitions)


@pytest.mark.parametrize(
    "marks",
    [
        [Mark("t", 2, 2)],
        [Mark("t", 1, 2), Mark("t", 1, 3)],
        [Mark("t", 1, 4), Mark("t", 2, 2)],
        [Mark("t", 1, 2), Mark("t", 3, 4)],
        [Mark("t", 1, 9)],
    ],
)
def test_marks_that_contradict_each_other_are_refused(marks: list[Mark]) -> None:
    with pytest.raises(BadSeams, match="t "):
        seams_of("t", marks, 8)


@given(st.sampled_from([spec.name for spec in catalogue()]), st.integers(1, 4096), st.integers(1, 9999))
def test_a_mark_is_read_as_it_was_written_and_stays_with_its_installation(topic: str, epoch: int, first: int) -> None:
    mark = Mark(topic, epoch, first)
    assert mark_of(mark.name) == mark
    assert marks_in([topic, mark.name]) == [mark]
    assert without_marks({topic: 1, mark.name: 1}) == {topic: 1}
    assert Names("a").logical(Names("a").physical(mark.name)) == mark.name
    assert Names().logical(mark.name) == mark.name


def test_no_topic_of_ours_is_taken_for_a_mark() -> None:
    assert not marks_in(spec.name for spec in catalogue())
    strange = shadow_topic("x.epoch-1.from-2")
    assert without_marks({strange: 2}) == {strange: 2}, "only a mark of a topic that is there is one"
