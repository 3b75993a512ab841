"""`python -m streams.recorder`: the name by which the release before starts the recorder process."""

from __future__ import annotations

from infra.former_names import become

if __name__ == "__main__":
    become("recorder")
