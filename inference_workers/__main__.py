"""`python -m inference_workers [--spare]`: the name by which the release before starts a worker process."""

from __future__ import annotations

import sys

from infra.former_names import become

if __name__ == "__main__":
    become("worker", *sys.argv[1:])
