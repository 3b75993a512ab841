"""What is vendored is what was noted, with its licence; the page preloads what it imports; its icons are as drawn."""

from __future__ import annotations

import json
import re
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


def test_every_name_that_a_module_imports_is_one_that_the_other_exports() -> None:
    """A name that is not there fails the whole module, and with it all that waits for it, in the browser alone."""
    modules = {path: path.read_text("utf-8") for path in (ROOT / "api" / "web" / "js").rglob("*.js")}
    missing = []
    for path, text in modules.items():
        for names, address in re.findall(r"import\s*\{([^}]*)\}\s*from\s*'(\.[^']+)'", text):
            other = (path.parent / address).resolve()
            exported = modules.get(other, other.read_text("utf-8") if other.exists() else "")
            for name in (each.split(" as ")[0].strip() for each in names.split(",")):
                declared = rf"export\s+(?:async\s+)?(?:const|let|function\*?|class)\s+{re.escape(name)}\b"
                listed = rf"export\s*\{{[^}}]*\b{re.escape(name)}\b"
                if name and other in modules and not re.search(f"{declared}|{listed}", exported):
                    missing.append((path.name, name, address))
            if not other.exists():
                missing.append((path.name, names, address))
    assert missing == []
