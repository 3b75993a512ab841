"""llama.cpp alone: `python -m infra.cli.bench_llama` with a JSON object on stdin, in a process without anything else.

Reads {"file", "packages", "threads", "prompt", "max_tokens"}, loads the file with that many threads and one slot, and
answers once to warm up. Then it answers once for each further line on stdin, and prints tokens and seconds of each as a
line of JSON. Ends when its stdin is closed.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path

from infra.local_model.llama import Asked, LlamaEngine, LlamaSettings

CONTEXT_TOKENS = 4096


def main() -> None:
    told = json.loads(sys.stdin.readline())
    settings = LlamaSettings(
        file=Path(told["file"]), context_tokens=CONTEXT_TOKENS, slots=1, threads=int(told["threads"])
    )
    engine = LlamaEngine(settings, Path(told["packages"]))
    asked = Asked(prompt=told["prompt"], max_tokens=int(told["max_tokens"]), seed=1, temperature=0.0)
    engine.generate(asked, lambda _: False)
    print("ready", flush=True)
    for _ in sys.stdin:
        began = time.monotonic()
        end = engine.generate(asked, lambda _: False)
        print(json.dumps({"tokens": end.completion_tokens, "seconds": time.monotonic() - began}), flush=True)
    # The engine's threads may take seconds to end; nothing is left to be done.
    os._exit(0)


if __name__ == "__main__":
    main()
