"""Keeps the page's module preloads: every module that main.js imports at once, in index.html, so that all of them are
fetched together and none waits for another.

    python scripts/preload_web.py            # writes the lines
    python scripts/preload_web.py --check    # says whether they are right
"""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path

WEB = Path(__file__).resolve().parent.parent / "api" / "web"
PAGE = WEB / "index.html"
_IMPORT = re.compile(r"""^\s*(?:import|export)\b(?:[^'";]*?\bfrom)?\s*["'](?P<path>\.[^"']+)["']""", re.M)
_MINIFIED = re.compile(r"""(?:^|;)(?:import|export)\{?[^'";()]*?from\s*["'](?P<path>\.[^"']+)["']""", re.M)
_LINES = re.compile(r'(?:<link rel="modulepreload" href="[^"]*">\n)+')


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition(":")[0])
    parser.add_argument("--check", action="store_true", help="write nothing; fail where a line is missing or too much")
    check = parser.parse_args(arguments).check
    now = PAGE.read_text()
    modules = sorted(imported(WEB / "js" / "main.js") - {WEB / "js" / "main.js"})
    lines = "".join(
        f'<link rel="modulepreload" href="{{{{static}}}}/{module.relative_to(WEB).as_posix()}">\n' for module in modules
    )
    right = _LINES.sub(lines, now)
    if right == now:
        print(f"{len(modules)} preloads are right")
        return 0
    if check:
        print(
            "error: the preloads in index.html are not main.js's imports: run scripts/preload_web.py", file=sys.stderr
        )
        return 1
    PAGE.write_text(right)
    print(f"{len(modules)} preloads written")
    return 0


def imported(module: Path) -> set[Path]:
    """A module and all that it imports statically, and so on."""
    found: set[Path] = set()
    waiting = [module.resolve()]
    while waiting:
        module = waiting.pop()
        if module in found:
            continue
        found.add(module)
        text = module.read_text()
        for pattern in (_IMPORT, _MINIFIED):
            waiting += [(module.parent / match["path"]).resolve() for match in pattern.finditer(text)]
    return found


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
