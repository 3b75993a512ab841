"""The judges that are too heavy for every run, against an installation that runs: `scripts/judges --help`.

They are installed into the cache, from lockfiles, and told whom to judge; the report says what was judged, when, and by
which versions. No registry has the suite of Open Responses: it is run from a copy of its repository, if one is named.
Open WebUI is too large to fetch unasked: it is judged if its installed program is named.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from tests.judging.environment import SUITES, Judged, run
from tests.judging.node_packages import NpmPackages, judge_in_node, node
from tests.judging.open_webui import judge_by_open_webui

HEAVY = SUITES / "heavy"
PACKAGES = NpmPackages(HEAVY / "package-lock.json")
CODEX_TURNS = {
    "a turn": ("[[quote Hello from here]]", "Hello from here"),
    "a round of a tool": ('[[call exec_command {"cmd": "echo from-a-tool"}]]', "from-a-tool"),
}
"""What is asked for, of the scripted model, and what its answer must hold."""
_CODEX_SETTINGS = """\
model = {model}
model_provider = "judged"
[model_providers.judged]
name = "Judged"
base_url = {url}
env_key = "JUDGED_KEY"
wire_api = "responses"
request_max_retries = 0
stream_max_retries = 0
"""


@dataclass(frozen=True)
class Row:
    """What one judge found. `failed`: what it complains of."""

    judge: str
    versions: str
    passed: int
    failed: tuple[str, ...]


def ai_sdk(judged: Judged, folder: Path) -> Row:
    """Vercel's AI SDK: text, objects and a round of a tool by three of its models."""
    verdict = judge_in_node(judged, HEAVY / "ai_sdk_suite.mjs", folder, PACKAGES)
    failed = tuple(re.findall(r"^not ok \d+ - (.*)$", verdict.output, re.MULTILINE))
    passed = len(re.findall(r"^ok \d+ - ", verdict.output, re.MULTILINE))
    return Row("Vercel AI SDK", _versions("ai", "@ai-sdk/openai", "@ai-sdk/openai-compatible"), passed, failed)


def codex(judged: Judged, folder: Path) -> Row:
    """Codex, without a terminal: what it says in its event stream."""
    settings = _CODEX_SETTINGS.format(model=json.dumps(judged.model), url=json.dumps(judged.url))
    (folder / "home").mkdir()
    (folder / "home" / "config.toml").write_text(settings)
    (folder / "work").mkdir()
    program = PACKAGES.fetch() / "node_modules" / "@openai" / "codex" / "bin" / "codex.js"
    environment = judged.environment | {"CODEX_HOME": str(folder / "home")}
    failed = []
    for name, (asked, expected) in CODEX_TURNS.items():
        command = [str(node() / "bin" / "node"), str(program), "exec", "--skip-git-repo-check", "--json"]
        verdict = run([*command, "--cd", str(folder / "work"), asked], environment)
        told = list(_json_lines(verdict.output))
        said = [event["item"].get("text", "") for event in told if event["type"] == "item.completed"]
        if not (any(expected in text for text in said) and any(event["type"] == "turn.completed" for event in told)):
            failed.append(name)
    return Row("Codex CLI", _versions("@openai/codex"), len(CODEX_TURNS) - len(failed), tuple(failed))


def open_responses(judged: Judged, folder: Path, repository: Path) -> Row:
    """The compliance suite of Open Responses, from a copy of its repository."""
    for name in ("bin", "src", "tsconfig.json"):
        here = shutil.copytree if (repository / name).is_dir() else shutil.copy
        here(repository / name, folder / name)
    packages = NpmPackages(HEAVY / "open_responses" / "package-lock.json").fetch()
    (folder / "node_modules").symlink_to(packages / "node_modules")
    runner = packages / "node_modules" / "tsx" / "dist" / "cli.mjs"
    command = [str(node() / "bin" / "node"), str(runner), str(folder / "bin" / "compliance-test.ts")]
    verdict = run([*command, "-u", judged.url, "-k", judged.key, "-m", judged.model, "--json"], judged.environment)
    results = json.loads(verdict.output)["results"]
    failed = tuple(f"{test['id']}: {'; '.join(test['errors'])}" for test in results if test["status"] == "failed")
    return Row("Open Responses", _commit(repository), sum(test["status"] == "passed" for test in results), failed)


def open_webui(judged: Judged, folder: Path, program: Path) -> Row:
    """Open WebUI at its default settings: a chat, one that is stopped, a picture, a file."""
    version, passed, failed = judge_by_open_webui(judged, program, folder)
    return Row("Open WebUI", version, passed, failed)


def report(judged: Judged, rows: list[Row], today: date) -> str:
    """The report, in Markdown."""
    lines = [
        f"Judged: {judged.model}, commit {_commit(SUITES)}, {today.isoformat()}.",
        "",
        "| judge | result |",
        "|---|---|",
    ]
    lines += [f"| {row.judge} ({row.versions}) | {row.passed} of {row.passed + len(row.failed)} |" for row in rows]
    lines += ["", *(f"- {row.judge}: {complaint}" for row in rows for complaint in row.failed)]
    return "\n".join(lines).rstrip() + "\n"


def main() -> int:
    """Run the judges that were asked for. Returns 1 if one found something."""
    parser = argparse.ArgumentParser(prog="scripts/judges", description=__doc__)
    parser.add_argument("--url", default="http://127.0.0.1:8080", help="where the API is, without /v1")
    parser.add_argument("--key", default=os.environ.get("JUDGED_KEY"), help="a key of it; else JUDGED_KEY")
    parser.add_argument("--model", default="verbatim-scripted", help="these judges expect what the scripted model does")
    parser.add_argument("--open-responses", type=Path, metavar="DIR", help="a copy of the repository of Open Responses")
    parser.add_argument(
        "--open-webui", type=Path, metavar="PROGRAM", help="an installed open-webui: VENV/bin/open-webui"
    )
    parser.add_argument("--report", type=Path, help="where the report goes; else it is printed")
    asked = parser.parse_args()
    if not asked.key:
        parser.error("a key is needed: ./verbatim key create")
    judged = Judged(asked.url.rstrip("/"), asked.key, asked.model)
    judges: list[Callable[[Judged, Path], Row]] = [ai_sdk, codex]
    if asked.open_responses is not None:
        judges.append(lambda judged, folder: open_responses(judged, folder, asked.open_responses))
    if asked.open_webui is not None:
        judges.append(lambda judged, folder: open_webui(judged, folder, asked.open_webui))
    rows = []
    for each in judges:
        with tempfile.TemporaryDirectory() as folder:
            rows.append(each(judged, Path(folder)))
        print(f"{rows[-1].judge}: {rows[-1].passed} passed, {len(rows[-1].failed)} failed", file=sys.stderr)
    text = report(judged, rows, date.today())
    if asked.report is None:
        print(text, end="")
    else:
        asked.report.write_text(text)
    return 1 if any(row.failed for row in rows) else 0


def _json_lines(text: str) -> Iterator[Any]:
    for line in text.splitlines():
        if line.startswith("{"):
            yield json.loads(line)


def _versions(*names: str) -> str:
    locked = json.loads(PACKAGES.lockfile.read_text())["packages"]
    return ", ".join(f"{name} {locked[f'node_modules/{name}']['version']}" for name in names)


def _commit(folder: Path) -> str:
    """The commit of a work tree, shortened; where there is none, so it says."""
    command = ["git", "-C", str(folder), "rev-parse", "--short", "HEAD"]
    told = subprocess.run(command, capture_output=True, text=True, check=False)
    return told.stdout.strip() if told.returncode == 0 else "commit unknown"


if __name__ == "__main__":
    sys.exit(main())
