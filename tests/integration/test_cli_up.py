"""`./verbatim up --detach` when it cannot: the reason itself, not where to look for it."""

from __future__ import annotations

import os
import socket
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.timeout(120)


def test_a_taken_port_is_the_reason_it_says(tmp_path: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("VERBATIM_")}
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        command = [str(ROOT / "verbatim"), "up", "--detach", "--port", port, "--state", str(tmp_path / "state")]
        ended = subprocess.run(
            command, capture_output=True, text=True, timeout=100, check=False, cwd=tmp_path, env=environment
        )
    assert ended.returncode == 1
    assert f"port {port} is taken" in ended.stderr
    assert "supervisor.log" not in ended.stderr
