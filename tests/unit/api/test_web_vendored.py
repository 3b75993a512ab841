"""What is vendored is what was noted, with its licence; the page preloads what it imports; its icons are as drawn."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
# MPL and EPL ask of whoever passes a file on that its source can be had: it is its package at the registry.
FREE = {"MIT", "BSD-2-Clause", "BSD-3-Clause", "Apache-2.0", "MPL-2.0", "(MPL-2.0 OR Apache-2.0)", "EPL-2.0"}
FOLDERS = [ROOT / "api" / "web" / "vendor", ROOT / "tests" / "web" / "vendor"]


@pytest.mark.parametrize("script", ["vendor_web.py", "preload_web.py", "icons_web.py"])
def test_it_is_as_noted(script: str) -> None:
    command = [sys.executable, str(ROOT / "scripts" / script), "--check"]
    checked = subprocess.run(command, capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stderr


@pytest.mark.parametrize("folder", FOLDERS, ids=["page", "tests"])
def test_every_package_brings_its_licence(folder: Path) -> None:
    for package in json.loads((folder / "VENDOR.json").read_text())["packages"]:
        licences = [file["path"] for file in package["files"] if file["path"].startswith("LICENSES/")]
        assert licences, package["name"]
        assert package["licence"] in FREE, package["name"]


def test_what_only_tests_use_is_not_served() -> None:
    assert not list(FOLDERS[0].rglob("axe*"))
