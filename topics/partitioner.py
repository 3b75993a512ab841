"""Chooses the partition of a key: the Java client's default partitioner, so that every client agrees.

murmur2 as in org.apache.kafka.common.utils.Utils (Apache Kafka), 32 bit, seed 0x9747b28c; librdkafka's own default
differs, which is why producers here always name the partition.
"""

from __future__ import annotations

from functools import lru_cache

_SEED = 0x9747B28C
_M = 0x5BD1E995
_MASK = 0xFFFFFFFF


def murmur2(data: bytes) -> int:
    """The hash as an unsigned 32-bit integer."""
    length = len(data)
    h = _SEED ^ length
    whole = length & ~3
    for i in range(0, whole, 4):
        k = int.from_bytes(data[i : i + 4], "little") * _M & _MASK
        k = (k ^ (k >> 24)) * _M & _MASK
        h = (h * _M & _MASK) ^ k
    rest = data[whole:]
    if rest:
        h = (h ^ int.from_bytes(rest, "little")) * _M & _MASK
    h = (h ^ (h >> 13)) * _M & _MASK
    return h ^ (h >> 15)


@lru_cache(maxsize=65536)
def partition_for(key: str, partitions: int) -> int:
    """The partition of `key` (in UTF-8) in a topic of `partitions`."""
    return (murmur2(key.encode()) & 0x7FFFFFFF) % partitions
