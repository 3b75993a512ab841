"""Renews api/web/vendor and tests/web/vendor: `npm pack`, copy, rewrite imports, note checksums in VENDOR.json.

    python scripts/vendor_web.py            # downloads the versions below and rewrites the folders
    python scripts/vendor_web.py --check    # without the network: every file is there as noted, and nothing else

The page has no build step and its policy forbids an import map, so imports between packages become relative paths.
The one-time integrity of a package is kept: another tarball under the same version is refused.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "api" / "web" / "vendor"
TESTS = ROOT / "tests" / "web" / "vendor"
NOTES = "VENDOR.json"

LANGUAGES = """
bash c cpp csharp css diff dockerfile go graphql ini java javascript json kotlin lua makefile markdown nginx
perl php plaintext powershell protobuf python r ruby rust scala scss shell sql swift typescript xml yaml
"""


@dataclass(frozen=True, slots=True)
class Package:
    """One pick: `files` maps a path in the tarball to one in the vendor folder; a final `*` stands for the rest of the
    name. `imports`: bare specifier to the file that it means. `tail`: appended to each file. `comments` False:
    without those that stand on lines of their own, where they are more than half of it. `edits`: what is put in the
    place of patterns that each occur once.
    """

    name: str
    version: str
    files: dict[str, str]
    imports: dict[str, str] | None = None
    tail: str = ""
    comments: bool = True
    edits: tuple[tuple[str, str], ...] = ()
    licences: tuple[str, ...] = ("LICENSE",)


PACKAGES = (
    Package(
        "preact",
        "11.2.0",
        {"dist/preact.mjs": "preact.mjs", "hooks/dist/hooks.mjs": "preact-hooks.mjs"},
        {"preact": "./preact.mjs"},
    ),
    Package("htm", "3.1.1", {"dist/htm.mjs": "htm.mjs"}),
    Package(
        "@preact/signals",
        "2.11.4",
        {"dist/signals.mjs": "signals.mjs"},
        {
            "preact": "./preact.mjs",
            "preact/hooks": "./preact-hooks.mjs",
            "@preact/signals-core": "./signals-core.mjs",
        },
    ),
    Package("@preact/signals-core", "1.14.5", {"dist/signals-core.mjs": "signals-core.mjs"}),
    Package(
        "markdown-it",
        "15.0.3",
        {"dist/browser/markdown-it.esm.min.mjs": "markdown-it.mjs"},
        # Its table of named characters is a third of it, and in every browser. It asks for `&name;` and nothing else.
        edits=(
            (r"\A", "import { decodeNamed } from '../js/entities.js';\n"),
            (r'/\* #__PURE__ \*/ le\("!\}(?:[^"\\]|\\.)+"[^)]*\)', "null"),
            (r"return De\(e, !0, !1\);", "return decodeNamed(e);"),
        ),
    ),
    # What markdown-it's bundle holds of others: their licences only.
    Package("linkify-it", "6.1.0", {}),
    Package("mdurl", "2.1.0", {}),
    Package("uc.micro", "3.0.0", {}, licences=("LICENSE.txt",)),
    Package("entities", "8.1.0", {}),
    Package("punycode.js", "2.3.1", {}, licences=("LICENSE-MIT.txt",)),
    Package(
        "dompurify",
        "3.4.18",
        {"dist/purify.min.js": "purify.mjs"},
        tail="\nexport default globalThis.DOMPurify;\n",
        licences=("LICENSE", "LICENSE-MPL"),
    ),
    Package(
        "@highlightjs/cdn-assets",
        "11.12.0",
        {
            "es/core.min.js": "hljs/core.mjs",
            **{f"es/languages/{name}.min.js": f"hljs/{name}.mjs" for name in LANGUAGES.split()},
        },
    ),
    Package(
        "katex",
        "0.19.1",
        {
            "dist/katex.min.js": "katex/katex.min.js",
            "dist/katex.min.css": "katex/katex.min.css",
            "dist/fonts/*.woff2": "katex/fonts/*.woff2",
        },
    ),
    # Diagrams: drawn without a page, so that the policy holds. What they call entities is a module of ours.
    Package(
        "beautiful-mermaid",
        "1.1.3",
        {"dist/index.js": "mermaid/mermaid.mjs"},
        {"elkjs/lib/elk.bundled.js": "./elk.mjs", "entities": "../../js/diagrams/xml_entities.js"},
    ),
    Package(
        "elkjs",
        "0.11.1",
        {"lib/elk.bundled.js": "mermaid/elk.mjs"},
        tail="\nexport default self.ELK;\n",
        licences=("LICENSE.md",),
    ),
    Package(
        "uplot",
        "1.6.32",
        {"dist/uPlot.iife.min.js": "uplot.mjs", "dist/uPlot.min.css": "uplot.css"},
        tail="\nexport default uPlot;\n",
    ),
    Package(
        "eventsource-parser",
        "4.1.3",
        {"dist/parse.js": "eventsource-parser.mjs", "dist/errors.js": "eventsource-parser-errors.mjs"},
        {"./errors.js": "./eventsource-parser-errors.mjs"},
        comments=False,
    ),
)

# What only the tests run; it is never served.
TEST_PACKAGES = (Package("axe-core", "4.14.1", {"axe.min.js": "axe.min.js"}),)
FOLDERS = ((PAGE, PACKAGES), (TESTS, TEST_PACKAGES))


class NotAsNoted(Exception):
    """What is found is not what was noted."""


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument(
        "--check", action="store_true", help="compare the folders with their notes, without the network"
    )
    try:
        if parser.parse_args(arguments).check:
            print(f"{sum(check(folder) for folder, _ in FOLDERS)} vendored files are as noted")
        else:
            print(f"{sum(renew(folder, packages) for folder, packages in FOLDERS)} files vendored")
    except NotAsNoted as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


def check(vendor: Path) -> int:
    """The number of files. Raises NotAsNoted naming every file that differs, is missing or is too much."""
    noted = {file["path"]: file["sha256"] for package in _noted(vendor) for file in package["files"]}
    there = {
        str(path.relative_to(vendor)): _sha256(path.read_bytes())
        for path in vendor.rglob("*")
        if path.is_file() and path.name != NOTES
    }
    wrong = sorted(path for path in noted.keys() | there.keys() if noted.get(path) != there.get(path))
    if wrong:
        raise NotAsNoted(f"not as noted in {vendor.relative_to(ROOT) / NOTES}: " + ", ".join(wrong))
    return len(there)


def renew(vendor: Path, packages: tuple[Package, ...]) -> int:
    """Rewrites a folder, whole or not at all. Returns the number of files."""
    known = {(package["name"], package["version"]): package["integrity"] for package in _noted(vendor)}
    with tempfile.TemporaryDirectory() as folder:
        new = Path(folder) / "vendor"
        notes = [_vendored(package, Path(folder), new, known) for package in packages]
        (new / NOTES).write_text(json.dumps({"packages": notes}, indent=1, ensure_ascii=False) + "\n")
        if vendor.exists():
            shutil.rmtree(vendor)
        shutil.copytree(new, vendor)
    return sum(len(package["files"]) for package in notes)


def _vendored(package: Package, folder: Path, new: Path, known: dict[tuple[str, str], str]) -> dict[str, Any]:
    asked = f"{package.name}@{package.version}"
    command = ["npm", "pack", "--json", "--silent", asked]
    packed = subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True)
    told = json.loads(packed.stdout)
    (facts,) = told.values() if isinstance(told, dict) else told
    if known.get((package.name, package.version), facts["integrity"]) != facts["integrity"]:
        raise NotAsNoted(f"{asked} is another tarball than the one vendored before")
    files = []
    with tarfile.open(folder / facts["filename"]) as tarball:
        content = {
            member.name.partition("/")[2]: held.read()
            for member in tarball.getmembers()
            if member.isfile() and (held := tarball.extractfile(member)) is not None
        }
    licence = json.loads(content["package.json"])["license"]
    plain_name = package.name.removeprefix("@").replace("/", "-")
    wanted = dict(_matched(package.files, content))
    for name in package.licences:
        suffix = "" if name == package.licences[0] else name.removeprefix("LICENSE")
        wanted[name] = f"LICENSES/{plain_name}{suffix}.txt"
    for source, target in wanted.items():
        data = content[source]
        if target.endswith((".mjs", ".js")):
            data = _rewritten(data.decode(), package).encode()
        path = new / target
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        files.append({"path": target, "source": source, "sha256": _sha256(data)})
    return {
        "name": package.name,
        "version": package.version,
        "licence": licence,
        "integrity": facts["integrity"],
        "files": files,
    }


def _matched(files: dict[str, str], content: dict[str, bytes]) -> Iterator[tuple[str, str]]:
    for source, target in files.items():
        if "*" not in source:
            yield source, target
            continue
        before, after = source.split("*")
        for name in sorted(content):
            if name.startswith(before) and name.endswith(after):
                yield name, target.replace("*", name[len(before) : len(name) - len(after)])


def _rewritten(text: str, package: Package) -> str:
    def relative(match: re.Match[str]) -> str:
        target = (package.imports or {}).get(match["name"])
        if target is None:
            raise NotAsNoted(f"{package.name} imports {match['name']!r}, which is not vendored")
        return f"{match['keyword']}{match['quote']}{target}{match['quote']}"

    imports = re.compile(r"""(?P<keyword>^import |\bfrom ?)(?P<quote>["'])(?P<name>[^"'\s]+)(?P=quote)""", re.M)
    if package.imports:
        text = imports.sub(relative, text)
    text = re.sub(r"//# sourceMappingURL=.*\n?", "", text)
    for pattern, instead in package.edits:
        text, count = re.subn(pattern, instead, text)
        if count != 1:
            raise NotAsNoted(f"{package.name} has {pattern!r} {count} times, not once")
    if not package.comments:
        text = re.sub(r"^[ \t]*(?:/\*\*.*?\*/|//[^\n]*)\n", "", text, flags=re.M | re.S)
    return text + package.tail


def _noted(vendor: Path) -> list[dict[str, Any]]:
    try:
        packages: list[dict[str, Any]] = json.loads((vendor / NOTES).read_text())["packages"]
    except FileNotFoundError:
        return []
    return packages


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
