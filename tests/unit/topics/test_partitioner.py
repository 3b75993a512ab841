"""A key has one partition in every client: murmur2 as in Kafka's own tests and in aiokafka (Faust's client)."""

from __future__ import annotations

import pytest
from aiokafka.partitioner import DefaultPartitioner
from hypothesis import given
from hypothesis import strategies as st

from tests.record_strategies import AWKWARD_TEXTS, texts
from topics.catalogue import TOKEN_CHUNKS, catalogue
from topics.partitioner import murmur2, partition_for

partition_by_aiokafka = DefaultPartitioner()


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        # org.apache.kafka.common.utils.UtilsTest.testMurmur2
        (b"21", -973932308),
        (b"foobar", -790332482),
        (b"a-little-bit-long-string", -985981536),
        (b"a-little-bit-longer-string", -1486304829),
        (b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971),
        (b"abc", 479470107),
    ],
)
def test_kafkas_own_vectors(data: bytes, expected: int) -> None:
    assert murmur2(data) == expected & 0xFFFFFFFF


@given(texts | st.uuids().map(str), st.integers(1, 300))
def test_any_key_is_where_aiokafka_puts_it(key: str, partitions: int) -> None:
    everywhere = list(range(partitions))
    assert partition_for(key, partitions) == partition_by_aiokafka(key.encode(), everywhere, everywhere)


@given(st.binary(max_size=40))
def test_any_bytes_hash_to_32_bits(data: bytes) -> None:
    assert 0 <= murmur2(data) < 2**32


@pytest.mark.parametrize("key", AWKWARD_TEXTS)
def test_the_catalogue_uses_it(key: str) -> None:
    assert catalogue(token_chunk_partitions=7).partition(TOKEN_CHUNKS, key) == partition_for(key, 7)


def test_keys_are_spread() -> None:
    counts = [0] * 8
    for n in range(8000):
        counts[partition_for(f"conversation-{n}", 8)] += 1
    assert min(counts) > 800 and max(counts) < 1200
