"""llama.cpp alone, in a process that answers a question as often as it is told, over a stand-in of its package."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

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
