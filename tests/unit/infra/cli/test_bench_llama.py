"""llama.cpp alone, in a process that answers a question as often as it is told, over a stand-in of its package."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from infra.cli.bench_real import next_line
from infra.cli.terminal import UserError
from tests.gguf_files import write_gguf

ROOT = Path(__file__).parents[4]


def test_it_answers_once_for_each_line_and_ends_with_its_input(tmp_path: Path) -> None:
    told = {
        "file": str(write_gguf(tmp_path / "m.gguf")),
        "packages": str(ROOT / "tests" / "fakes" / "llama_api"),
        "threads": 1,
        "prompt": "one two three",
        "max_tokens": 2,
    }
    done = subprocess.run(
        [sys.executable, "-m", "infra.cli.bench_llama"],
        cwd=ROOT,
        input=f"{json.dumps(told)}\nagain\nagain\n",
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    ready, *answers = done.stdout.splitlines()
    assert ready == "ready"
    assert [json.loads(answer)["tokens"] for answer in answers] == [2, 2]
    assert all(json.loads(answer)["seconds"] > 0 for answer in answers)


def test_one_that_says_nothing_is_not_waited_for_for_ever() -> None:
    read, write = os.pipe()
    with open(read, encoding="utf-8") as said:
        with open(write, "w", encoding="utf-8") as child:
            print("ready", file=child, flush=True)
            assert next_line(said, 30) == "ready\n"
            with pytest.raises(UserError, match="did not answer within 0"):
                next_line(said, 0.0)
        assert next_line(said, 30) == ""
