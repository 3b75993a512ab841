from __future__ import annotations

import json
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.archived import CLUSTER, TOPIC
from topics.archive.manifest import Manifest, Span, from_json, joined, span_named, to_json
from topics.errors import DamagedArchive

MANIFEST = Manifest(CLUSTER, TOPIC, 3, 100, 200, 90, 12_345, "ab" * 32, 1_000, 2_000)


def test_a_manifest_survives_as_json() -> None:
    assert from_json(to_json(MANIFEST), MANIFEST.span, CLUSTER) == MANIFEST
    assert MANIFEST.span.manifest == f"{TOPIC}/3/{100:020}-{200:020}.json"
    assert span_named(MANIFEST.span.manifest) == MANIFEST.span


@pytest.mark.parametrize("name", ["", "x.json", MANIFEST.span.segment, MANIFEST.span.manifest + "#1", "a/b/1-2.json"])
def test_other_names_are_no_manifests(name: str) -> None:
    assert span_named(name) is None


@given(st.data())
def test_no_changed_byte_goes_unnoticed(data: st.DataObject) -> None:
    text = to_json(MANIFEST)
    at = data.draw(st.integers(0, len(text) - 2))
    byte = data.draw(st.integers(0, 255).filter(lambda byte: byte != text[at]))
    with pytest.raises(DamagedArchive) as caught:
        from_json(text[:at] + bytes([byte]) + text[at + 1 :], MANIFEST.span, CLUSTER)
    assert (caught.value.name, caught.value.offset) == (MANIFEST.span.manifest, 100)


def test_another_segment_s_another_cluster_s_and_another_format_s_are_refused() -> None:
    for manifest, said in (
        (replace(MANIFEST, partition=4), "another segment's"),
        (replace(MANIFEST, next=201), "another segment's"),
        (replace(MANIFEST, cluster="other"), "comes from the Kafka cluster other"),
        (replace(MANIFEST, format=2), "format '2', this version of Verbatim reads 1"),
        (replace(MANIFEST, count="90"), "lacks fields or has others"),  # type: ignore[arg-type]  # wrong on purpose
    ):
        with pytest.raises(DamagedArchive, match=said):
            from_json(to_json(manifest), MANIFEST.span, CLUSTER)
    for text in (b"", b"[]", b"3", json.dumps({"check": ""}).encode(), b"\xff"):
        with pytest.raises(DamagedArchive):
            from_json(text, MANIFEST.span, CLUSTER)


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(1, 8)), max_size=12))
def test_segments_join_if_nothing_is_missing_between_them(drawn: list[tuple[int, int]]) -> None:
    spans = [Span(TOPIC, 0, first, first + length) for first, length in drawn]
    covered = {offset for span in spans for offset in range(span.first, span.next)}
    missing = set(range(min(covered, default=0), max(covered, default=-1) + 1)) - covered
    if missing:
        with pytest.raises(DamagedArchive, match="this part is missing") as caught:
            joined(spans)
        assert caught.value.offset == min(missing)
        return
    chain = joined(spans)
    assert {offset for span in chain for offset in range(span.first, span.next)} == covered
    for before, after in pairwise(chain):
        assert before.first < after.first <= before.next < after.next


def test_a_segment_that_ends_before_it_begins_is_damage() -> None:
    with pytest.raises(DamagedArchive, match="ends before it begins"):
        joined([Span(TOPIC, 0, 5, 5)])
