"""llama.cpp for embeddings, in a process of its own. Its arguments: FILE TOKENS THREADS POOLING PACKAGES.

Reads lists of texts from its standard input and writes an answer to each to its standard output, as llama.cpp makes
it: JSON behind 4 bytes with its length, in both directions. An answer before the first says that the file is loaded, or
holds an error. It ends with its input.
"""

from __future__ import annotations

import importlib
import os
import shutil
import sys
import tempfile
from typing import Any, BinaryIO

import orjson

from infra.openmp import let_threads_sleep

LENGTH_BYTES = 4
_ONLY_ERRORS = 1
_POOLINGS = {"mean": "LLAMA_POOLING_TYPE_MEAN", "cls": "LLAMA_POOLING_TYPE_CLS", "last": "LLAMA_POOLING_TYPE_LAST"}


def main() -> None:
    """Serve until the input ends."""
    file, tokens, threads, pooling, packages = sys.argv[1:]
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever the library prints is no answer
    try:
        server = _server(packages, file, int(tokens), int(threads), pooling)
    except (ImportError, RuntimeError) as error:
        why = "libgomp1" if "libgomp" in str(error) else type(error).__name__
        _write(answers, {"error": {"message": why}})
        return
    _write(answers, {})
    while (texts := _read(sys.stdin.buffer)) is not None:
        _write(answers, server.handle_embeddings({"input": texts}))


def _server(packages: str, file: str, tokens: int, threads: int, pooling: str) -> Any:
    sys.path.append(packages)
    let_threads_sleep()
    library = importlib.import_module("xllamacpp")
    made = library.CommonParams()
    made.model.path = file
    made.embedding = True
    if pooling in _POOLINGS:
        made.pooling_type = getattr(library.llama_pooling_type, _POOLINGS[pooling])
    made.n_parallel = 1
    # A text is computed at once, so it must fit into one batch.
    made.n_ctx = made.n_batch = made.n_ubatch = tokens
    for part in (made.cpuparams, made.cpuparams_batch):
        part.n_threads = threads
        part.poll = 0
    made.ui = made.endpoint_slots = made.fit_params = False
    made.n_threads_http = 1
    made.cache_ram_mib = 0
    made.verbosity = _ONLY_ERRORS
    # It opens no port: its server listens at a socket in a folder that is removed as soon as it is there.
    folder = tempfile.mkdtemp(prefix="verbatim-llama-")
    try:
        made.hostnames = [f"{folder}/llama.sock"]
        return library.Server(made)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _read(stream: BinaryIO) -> Any:
    head = stream.read(LENGTH_BYTES)
    if len(head) < LENGTH_BYTES:
        return None
    return orjson.loads(stream.read(int.from_bytes(head, "little")))


def _write(stream: BinaryIO, message: Any) -> None:
    data = orjson.dumps(message)
    stream.write(len(data).to_bytes(LENGTH_BYTES, "little") + data)
    stream.flush()


if __name__ == "__main__":
    main()
