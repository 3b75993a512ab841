"""`python -m tests.bench.bench_codec`: microseconds to write and read a TokenChunk or an outcome, ours and fastavro."""

from __future__ import annotations

import timeit
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from io import BytesIO
from typing import Any

import fastavro

from schemas.codec import FRAME_BYTES, decode, encode
from schemas.generation import TokenChunk
from schemas.outcome import ChunkMark, GenerationCompleted
from schemas.registry import versions_of
from tests.golden.samples import as_json, samples
from topics.generation_fold import GenerationFold

CALLS, REPEATS = 100_000, 7


def microseconds(call: Callable[[], object], calls: int = CALLS) -> float:
    """The best of REPEATS: everything above it was another process."""
    return min(timeit.repeat(call, number=calls, repeat=REPEATS)) / calls * 1e6


def main() -> None:
    """Measure and print."""
    chunk = samples(TokenChunk)["first"]
    listed = TokenChunk(chunk.generation_id, chunk.attempt_id, 1, chunk.at_us, 1, "Hello", (15496,))
    schema = fastavro.parse_schema(dict(versions_of(TokenChunk)[0].definition))  # plain text is written as version 1
    wire: dict[str, Any] = {**as_json(chunk), "delta": {"body": chunk.delta}}
    value, listed_value = encode(chunk), encode(listed)

    def write() -> bytes:
        buffer = BytesIO()
        fastavro.schemaless_writer(buffer, schema, wire)
        return buffer.getvalue()

    def read() -> object:
        return fastavro.schemaless_reader(BytesIO(value[FRAME_BYTES:]), schema, None)

    def fold() -> int | None:
        folding = GenerationFold()
        folding.number, folding.attempt_id = 1, chunk.attempt_id
        return folding.apply(chunk)

    assert value[FRAME_BYTES:] == write()
    for name, call in {
        "encode": lambda: encode(chunk),
        "decode": lambda: decode(value),
        "encode with token ids (fastavro)": lambda: encode(listed),
        "decode with token ids (fastavro)": lambda: decode(listed_value),
        "bare fastavro write, dict to bytes": write,
        "bare fastavro read, bytes to dict": read,
        "fold (and a new one each time)": fold,
    }.items():
        print(f"{name:36} {microseconds(call):6.2f} µs")
    marks = tuple(ChunkMark(5, 1, chunk.at_us + n * 20_000) for n in range(100))
    outcome = replace(samples(GenerationCompleted)["full"], chunks=marks)
    # One mark of an unusual shape sends all of them through fastavro.
    through_fastavro = replace(outcome, chunks=(*marks[:-1], replace(marks[-1], length=64)))
    for name, record in {"100 marks": outcome, "100 marks (fastavro)": through_fastavro}.items():
        framed = encode(record)
        print(f"encode an outcome, {name:22} {microseconds(partial(encode, record), 500):6.1f} µs")
        print(f"decode an outcome, {name:22} {microseconds(partial(decode, framed), 500):6.1f} µs")


if __name__ == "__main__":
    main()
