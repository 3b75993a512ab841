"""The real language model: from `up` to its first token, and its speed through the pipeline beside llama.cpp alone."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import select
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import IO
from urllib.parse import urlsplit

import infra
from infra.cli.bench_goals import Real
from infra.cli.bench_stack import SETTINGS
from infra.cli.stack_file import RunningStack, running_stack
from infra.cli.stack_of_its_own import stack_in
from infra.cli.terminal import UserError

MODEL = "smollm2-135m-instruct"
QUESTION = "Tell me a long story about a river, a bridge and a lighthouse."
TOKENS = 200
REPEATS = 5
MAX_ALONE_THREADS = 8
ANSWER_TIMEOUT_S = 180.0
CHILD_TIMEOUT_S = 15.0
_SOURCES = Path(infra.__file__).parent.parent


@dataclass(frozen=True, slots=True)
class _Answered:
    tokens: int
    first_s: float
    seconds: float

    @property
    def tokens_per_s(self) -> float:
        return self.tokens / self.seconds if self.seconds else 0.0


def measure_real() -> Real:
    """Start a stack with the model twice (the first start warms the caches), and measure the second. Raises UserError.

    Each answer through the pipeline is taken in turn with one of llama.cpp alone at each number of threads, in
    processes beside it that do nothing in between.
    """
    folder = Path(tempfile.mkdtemp(prefix="verbatim-bench-"))
    try:
        with _up(folder) as stack:
            _ask(stack, TOKENS)
        began = time.monotonic()
        with _up(folder) as stack:
            first = _ask(stack, TOKENS)
            up_s = time.monotonic() - began - first.seconds + first.first_s
            return _compared(stack, up_s)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _up(folder: Path) -> Iterator[RunningStack]:
    with stack_in(folder, models=(MODEL,), settings=SETTINGS) as state:
        yield running_stack(state)


def _compared(stack: RunningStack, up_s: float) -> Real:
    from infra.stack.gguf_models import usual_threads

    cores = len(os.sched_getaffinity(0))
    counts = [count for count in range(1, cores + 1) if count <= MAX_ALONE_THREADS]
    alone: dict[int, list[float]] = {count: [] for count in counts}
    through: list[float] = []
    with contextlib.ExitStack() as children:
        answers = {count: children.enter_context(_alone(count)) for count in counts}
        for _ in range(REPEATS):
            through.append(_ask(stack, TOKENS).tokens_per_s)
            for count, answer in answers.items():
                alone[count].append(answer().tokens_per_s)
    medians = {count: median(found) for count, found in alone.items()}
    return Real(up_s, median(through), medians, usual_threads(cores))


def _ask(stack: RunningStack, tokens: int) -> _Answered:
    """One streamed answer through the whole pipeline. Raises UserError if it does not come to its end."""
    url = urlsplit(stack.api_url)
    connection = http.client.HTTPConnection(url.hostname or "127.0.0.1", url.port, timeout=ANSWER_TIMEOUT_S)
    body = {
        "model": MODEL,
        "messages": [{"role": "user", "content": QUESTION}],
        "stream": True,
        "stream_options": {"include_usage": True},
        "max_tokens": tokens,
        "temperature": 0,
        "seed": 1,
    }
    headers = {"Authorization": f"Bearer {stack.api_key}", "Content-Type": "application/json"}
    began = time.monotonic()
    first_s, count, done = 0.0, 0, False
    try:
        connection.request("POST", f"{url.path}/v1/chat/completions", json.dumps(body), headers)
        response = connection.getresponse()
        if response.status != 200:
            raise UserError(f"the model {MODEL} does not answer: HTTP {response.status}")
        for line in response:
            payload = line.removeprefix(b"data: ").strip()
            done = done or payload == b"[DONE]"
            if not payload.startswith(b"{"):
                continue
            chunk = json.loads(payload)
            if not first_s and chunk.get("choices") and chunk["choices"][0]["delta"].get("content"):
                first_s = time.monotonic() - began
            count = (chunk.get("usage") or {}).get("completion_tokens", count)
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise UserError(f"the model {MODEL} does not answer ({type(error).__name__})") from None
    finally:
        connection.close()
    if not done or not count:
        raise UserError(f"an answer of the model {MODEL} did not come to its end")
    return _Answered(count, first_s, time.monotonic() - began)


def next_line(said: IO[str], within_s: float) -> str:
    """What a child says next, "" once it has ended. It says a line at a time, and only when asked. Raises UserError."""
    if not select.select([said], [], [], within_s)[0]:
        raise UserError(f"llama.cpp alone did not answer within {within_s:g} s")
    return said.readline()


@contextmanager
def _alone(threads: int) -> Iterator[Callable[[], _Answered]]:
    """llama.cpp in a process of its own; what is yielded has it answer the same question. Raises UserError."""
    from infra.cache import cache_dir
    from infra.models.catalogue import ModelCatalogue
    from infra.models.chat_templates import render_prompt
    from infra.stack.local_models import packages_folder
    from schemas.conversation import ChatMessage

    spec = ModelCatalogue.load(offered=(MODEL,)).get(MODEL)
    told = {
        "file": str(spec.gguf),
        "packages": str(packages_folder(cache_dir())),
        "threads": threads,
        "prompt": render_prompt(spec, (ChatMessage("user", QUESTION),)),
        "max_tokens": TOKENS,
    }
    child = subprocess.Popen(
        [sys.executable, "-m", "infra.cli.bench_llama"],
        cwd=_SOURCES,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )

    def said(line: str) -> str:
        try:
            print(line, file=child.stdin, flush=True)
        except OSError:
            raise UserError("llama.cpp alone ended") from None
        return next_line(child.stdout, ANSWER_TIMEOUT_S) if child.stdout else ""

    def answer() -> _Answered:
        try:
            found = json.loads(said("again"))
            return _Answered(int(found["tokens"]), 0.0, float(found["seconds"]))
        except (ValueError, KeyError, TypeError):
            raise UserError("llama.cpp alone did not answer") from None

    try:
        if said(json.dumps(told)).strip() != "ready":
            raise UserError("llama.cpp alone did not start")
        yield answer
    finally:
        # It ends when its stdin closes, also when this process dies without coming here.
        if child.stdin:
            child.stdin.close()
        try:
            child.wait(CHILD_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
        if child.stdout:
            child.stdout.close()
