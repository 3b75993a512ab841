"""Starting, watching and ending the stream processes of integration tests."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Self

from infra.settings import Settings
from tests.eventually import eventually_sync

REPO_ROOT = Path(__file__).parents[2]
READY_S = 60.0
END_S = 30.0


class StreamProcess:
    """One process of ours, with its output in a file and its signs of life in another."""

    def __init__(self, command: list[str], settings: Settings, folder: Path, name: str, env: Mapping[str, str]) -> None:
        self.output = folder / f"{name}.out"
        self.sign = folder / f"{name}.sign"
        self.sign.unlink(missing_ok=True)
        environment = {
            **os.environ,
            "VERBATIM_KAFKA__BOOTSTRAP": settings.kafka.bootstrap,
            "VERBATIM_KAFKA__PREFIX": settings.kafka.prefix,
            "VERBATIM_LOG__WRITES": str(settings.log.level),
            "VERBATIM_CASSANDRA__CONTACT_POINTS": f'["{settings.cassandra.contact_points[0]}"]',
            "VERBATIM_CASSANDRA__PORT": str(settings.cassandra.port),
            "VERBATIM_STATE": str(folder),
            "VERBATIM_LIFESIGN": str(self.sign),
            "VERBATIM_LOG_LEVEL": "info",
            "PYTHONFAULTHANDLER": "1",
            **env,
        }
        with self.output.open("ab") as file:
            self.process = subprocess.Popen(command, cwd=REPO_ROOT, env=environment, stdout=file, stderr=file)

    @classmethod
    def agent(cls, module: str, settings: Settings, folder: Path, name: str, env: Mapping[str, str]) -> Self:
        """An agent's process, as the supervisor starts it."""
        return cls([sys.executable, "-m", module], settings, folder, name, env)

    def ready(self) -> Self:
        """Wait for the first sign of life."""

        def signed() -> bool:
            if self.process.poll() is not None:
                raise AssertionError(f"ended with {self.process.returncode}: {self.said()[-3000:]}")
            return self.sign.exists()

        try:
            eventually_sync(signed, READY_S)
        except AssertionError as late:
            if self.process.poll() is not None:
                raise
            # Where it hangs is told by its own stacks.
            self.process.send_signal(signal.SIGABRT)
            self.process.wait(END_S)
            raise AssertionError(f"no sign of life: {self.said()[-6000:]}") from late
        return self

    def said(self) -> str:
        return self.output.read_text()

    def ended(self) -> int:
        """Wait for the process's own end; its exit status."""
        return self.process.wait(END_S)

    def stop(self) -> int:
        """SIGTERM, as the supervisor does; its exit status."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(END_S)

    def kill(self) -> None:
        """kill -9."""
        self.process.kill()
        self.process.wait(END_S)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait(END_S)
